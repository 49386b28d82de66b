from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from vislab.engine.data.augment import colour, tone

COUNT = 8
LEVEL = 1 / 255


def levels(channels: int, height: int = 19, width: int = 23) -> Tensor:
    """Images of uint8 values, some rows with a narrow histogram, one uniform, one black."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (COUNT, channels, height, width), generator=generator)
    pixels[1] = pixels[1] // 4 + 60
    pixels[2] = 77
    pixels[3] = 0
    pixels[4] = pixels[4] // 128 * 200
    pixels[5, :, :10] = 255
    return pixels.to(torch.uint8)


def factors(low: float, high: float) -> Tensor:
    spread = torch.linspace(low, high, COUNT)
    return spread[torch.randperm(COUNT, generator=torch.Generator().manual_seed(4))]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        (colour.adjust_brightness, reference.adjust_brightness, 0.0, 2.0),
        (colour.adjust_contrast, reference.adjust_contrast, 0.0, 2.0),
        (colour.adjust_saturation, reference.adjust_saturation, 0.0, 2.0),
        (colour.adjust_hue, reference.adjust_hue, -0.5, 0.5),
        (colour.adjust_sharpness, reference.adjust_sharpness, 0.0, 2.0),
    ],
)
def test_colour_agrees_with_torchvision_sample_by_sample(
    ours: Callable[[Tensor, Tensor], Tensor], theirs: Callable[..., Any], low: float, high: float, channels: int
) -> None:
    images, factor = levels(channels).float() / 255, factors(low, high)
    before = images.clone()
    adjusted = ours(images, factor)
    assert torch.equal(images, before)
    for row in range(COUNT):
        torch.testing.assert_close(adjusted[row], theirs(images[row], float(factor[row])), atol=2e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", range(9))
def test_posterize_agrees_on_levels(channels: int, bits: int) -> None:
    pixels = levels(channels)
    ours = tone.posterize(pixels.float() / 255, torch.full((COUNT,), float(bits)))
    torch.testing.assert_close(ours, reference.posterize(pixels, bits).float() / 255, atol=1e-6, rtol=0)


def test_posterize_takes_each_samples_own_bits() -> None:
    pixels, bits = levels(3), torch.tensor([8.0, 7, 6, 5, 4, 3, 2, 1])
    ours = tone.posterize(pixels.float() / 255, bits)
    for row in range(COUNT):
        expected = reference.posterize(pixels[row], int(bits[row])).float() / 255
        torch.testing.assert_close(ours[row], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_solarize_agrees_sample_by_sample(channels: int) -> None:
    pixels, threshold = levels(channels), factors(0, 1)
    ours = tone.solarize(pixels.float() / 255, threshold)
    for row in range(COUNT):
        expected = reference.solarize(pixels[row], 255 * float(threshold[row])).float() / 255
        torch.testing.assert_close(ours[row], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_auto_contrast_agrees_on_float_and_within_a_level_on_uint8(channels: int) -> None:
    pixels = levels(channels)
    images = pixels.float() / 255
    ours = tone.auto_contrast(images)
    torch.testing.assert_close(ours, reference.autocontrast(images), atol=1e-6, rtol=0)
    torch.testing.assert_close(ours, reference.autocontrast(pixels).float() / 255, atol=1.001 * LEVEL, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(19, 23), (64, 64), (4, 4)])
def test_equalize_agrees_on_levels(channels: int, size: tuple[int, int]) -> None:
    pixels = levels(channels, *size)
    ours = tone.equalize(pixels.float() / 255)
    torch.testing.assert_close(ours, reference.equalize(pixels).float() / 255, atol=1e-6, rtol=0)


def test_tiny_images_have_no_inner_pixel_to_sharpen() -> None:
    images = levels(3, 2, 9).float() / 255
    assert torch.equal(colour.adjust_sharpness(images, torch.zeros(COUNT)), images)
