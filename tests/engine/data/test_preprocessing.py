import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from vislab.engine.data import squares
from vislab.engine.data.preprocessing import normalise
from vislab.engine.data.squares import to_square
from vislab.presets.schema.preprocessing import Preprocessing

RNG = np.random.default_rng(0)
ROUGH = RNG.integers(0, 256, (41, 60, 3), dtype=np.uint8)


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [16, 96])
def test_stretch_equals_torchvision_within_one_grey_level(interpolation, antialias, size) -> None:
    settings = Preprocessing(resize="stretch", interpolation=interpolation, antialias=antialias)
    # Without antialiasing torchvision rounds and clamps bytes between its two passes; the exact answer is in floats.
    image = as_tensor(ROUGH) if antialias else as_tensor(ROUGH).float()
    mode = reference.InterpolationMode(interpolation)
    expected = reference.resize(image, [size, size], interpolation=mode, antialias=antialias).clamp(0, 255).round()
    found = to_square(ROUGH, settings, size)
    assert found.dtype == np.uint8 and found.shape == (3, size, size)
    assert np.abs(found.astype(int) - expected.numpy().astype(int)).max() <= 1


@pytest.mark.parametrize("crop_fraction", [1.0, 0.875])
@pytest.mark.parametrize("shape", [(41, 60, 3), (60, 41, 3), (50, 50, 3)])
def test_crop_equals_resize_of_the_shorter_side_and_centre_crop(crop_fraction, shape) -> None:
    image = RNG.integers(0, 256, shape, dtype=np.uint8)
    settings = Preprocessing(resize="crop", crop_fraction=crop_fraction)
    resized = reference.resize(as_tensor(image), [round(28 / crop_fraction)], antialias=True)
    expected = reference.center_crop(resized, [28, 28])
    assert np.abs(to_square(image, settings, 28).astype(int) - expected.numpy().astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("shape", "rows", "columns"), [((20, 40, 3), slice(2, 6), slice(0, 8)), ((40, 20, 3), slice(0, 8), slice(2, 6))]
)
def test_pad_keeps_the_whole_picture_on_black(shape, rows, columns) -> None:
    square = to_square(np.full(shape, 200, dtype=np.uint8), Preprocessing(resize="pad"), 8)
    expected = np.zeros((3, 8, 8), dtype=np.uint8)
    expected[:, rows, columns] = 200
    np.testing.assert_array_equal(square, expected)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_square_of_the_right_size_is_left_as_it_is(resize) -> None:
    image = RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_square(image, Preprocessing(resize=resize), 12), image.transpose(2, 0, 1))


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 90, 3), (90, 1, 1), (7, 5, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_shape_becomes_the_square(resize, interpolation, antialias, shape, channels) -> None:
    settings = Preprocessing(
        resize=resize, interpolation=interpolation, antialias=antialias, channels=channels, crop_fraction=0.9
    )
    square = to_square(np.full(shape, 77, dtype=np.uint8), settings, 13)
    assert square.shape == (channels, 13, 13) and square.dtype == np.uint8 and square.flags.c_contiguous
    assert set(np.unique(square)) <= ({77} if resize != "pad" else {0, 77})


def test_grey_is_repeated_and_rgb_becomes_luma() -> None:
    grey = RNG.integers(0, 256, (6, 6, 1), dtype=np.uint8)
    repeated = to_square(grey, Preprocessing(channels=3), 6)
    for channel in repeated:
        np.testing.assert_array_equal(channel, grey[:, :, 0])
    image = RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    luma = to_square(image, Preprocessing(channels=1), 6)
    np.testing.assert_allclose(luma[0], image @ np.array([0.299, 0.587, 0.114]), atol=1)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_normalise_equals_the_formula_and_keeps_its_input(memory_format, dtype) -> None:
    pixels = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8).to(dtype).contiguous(memory_format=memory_format)
    before = pixels.clone()
    settings = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    found = normalise(pixels, settings)
    mean, std = (torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (settings.mean, settings.std))
    assert found.dtype == torch.float32 and found.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(found.double(), (before.double() / 255 - mean) / std, rtol=0, atol=1e-6)
    torch.testing.assert_close(pixels, before, rtol=0, atol=0)


def test_one_mean_serves_all_channels() -> None:
    found = normalise(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).repeat(1, 3, 2, 2), Preprocessing())
    expected = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 2, 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_tracing_leaves_no_stand_ins_behind():
    preprocessing = Preprocessing(mean=(0.123,), std=(0.456,))  # of no other test: nothing is remembered of it

    class Normalised(torch.nn.Module):
        def forward(self, pixels):
            return normalise(pixels, preprocessing)

    pixels = torch.full((2, 1, 3, 3), 51, dtype=torch.uint8)
    torch.export.export(Normalised(), (pixels,))
    torch.testing.assert_close(normalise(pixels, preprocessing), torch.full((2, 1, 3, 3), (0.2 - 0.123) / 0.456))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("shape", [(4, 400, 3), (401, 5, 1), (1, 300, 3)])
def test_of_a_long_strip_the_middle_alone_is_resized(monkeypatch, interpolation, antialias, shape) -> None:
    strip = RNG.integers(0, 256, shape, dtype=np.uint8)
    settings = Preprocessing(resize="crop", interpolation=interpolation, antialias=antialias)
    whole = to_square(strip, settings, 20)
    monkeypatch.setattr(squares, "_MOST_PIXELS", 20 * 20 * 50)
    assert np.abs(to_square(strip, settings, 20).astype(int) - whole.astype(int)).max() <= 1


def test_a_strip_takes_no_gigabytes() -> None:
    strip = RNG.integers(0, 256, (1, 30_000, 3), dtype=np.uint8)
    assert to_square(strip, Preprocessing(resize="crop"), 224).shape == (3, 224, 224)
    assert squares._middle(strip).size < 100
