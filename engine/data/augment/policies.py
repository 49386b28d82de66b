"""RandAugment (Cubuk et al. 2020) and TrivialAugment (Müller and Hutter 2021), with torchvision's tables of magnitudes.

Samples that drew the same operation are augmented together, and all that only move pixels in one resampling. Unlike
torchvision's default, pixels are resampled bilinearly. What comes in from outside is black. Draws lie on the CPU,
wherever the images do: what is done to which sample is known without a wait for the device.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vislab.engine.data.augment import colour, geometry, tone, uniform
from vislab.engine.data.sending import sent

BINS = 31

GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")

TONAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": lambda images, magnitude: colour.adjust_brightness(images, 1 + magnitude),
    "color": lambda images, magnitude: colour.adjust_saturation(images, 1 + magnitude),
    "contrast": lambda images, magnitude: colour.adjust_contrast(images, 1 + magnitude),
    "sharpness": lambda images, magnitude: colour.adjust_sharpness(images, 1 + magnitude),
    "posterize": tone.posterize,
    "solarize": tone.solarize,
    "auto_contrast": lambda images, _: tone.auto_contrast(images),
    "equalize": lambda images, _: tone.equalize(images),
}

OPERATIONS = ("identity", *GEOMETRIC, *TONAL)
SIGNED = frozenset((*GEOMETRIC, "brightness", "color", "contrast", "sharpness"))


def rand_augment(images: Tensor, draws: Tensor, *, num_ops: int, magnitude: int) -> Tensor:
    """Apply `num_ops` random operations, one after another, at bin `magnitude` of 31; draws are choice and sign."""
    strengths = magnitudes(images.shape[-2], images.shape[-1], wide=False)
    for column in range(0, 2 * num_ops, 2):
        choice = uniform.whole(draws[:, column], len(OPERATIONS))
        images = apply(images, choice, _signed(strengths[choice, magnitude], choice, draws[:, column + 1]))
    return images


def trivial_augment(images: Tensor, draws: Tensor) -> Tensor:
    """Apply one random operation at a random bin of the wide table; draws are choice, bin, sign."""
    strengths = magnitudes(images.shape[-2], images.shape[-1], wide=True)
    choice = uniform.whole(draws[:, 0], len(OPERATIONS))
    strength = strengths[choice, uniform.whole(draws[:, 1], BINS)]
    return apply(images, choice, _signed(strength, choice, draws[:, 2]))


def magnitudes(height: int, width: int, *, wide: bool) -> Tensor:
    """Strength of every operation at every bin, float32 [14, 31]: RandAugment's table, or TrivialAugment's if `wide`.

    Shears are tangents, shifts whole pixels, rotations degrees, the four colour operations differences of a factor from
    1, posterize the bits kept, solarize a threshold.
    """
    part = torch.linspace(0, 1, BINS)
    nothing = torch.zeros(BINS)
    shear, shift_x, shift_y, angle, blend, bits = (
        (0.99, 32.0, 32.0, 135.0, 0.99, 6) if wide else (0.3, 150 / 331 * width, 150 / 331 * height, 30.0, 0.9, 4)
    )
    table = dict.fromkeys(("brightness", "color", "contrast", "sharpness"), part * blend)
    table |= {"shear_x": part * shear, "shear_y": part * shear, "rotate": part * angle}
    table |= {"translate_x": torch.trunc(part * shift_x), "translate_y": torch.trunc(part * shift_y)}
    table |= {"posterize": torch.round(8 - torch.arange(BINS) / ((BINS - 1) / bits)), "solarize": 1 - part}
    return torch.stack([table.get(name, nothing) for name in OPERATIONS])


def apply(images: Tensor, choice: Tensor, magnitude: Tensor) -> Tensor:
    """Apply to each sample the operation `choice` (int64 [B] into `OPERATIONS`) at `magnitude`; both on the CPU."""
    result = images.clone()
    moved = torch.isin(choice, torch.tensor([OPERATIONS.index(name) for name in GEOMETRIC]))
    rows = moved.nonzero()[:, 0]
    if len(rows) > 0:
        matrices = _matrices(choice[rows], magnitude[rows], images.shape[-2], images.shape[-1])
        there = sent(rows, images.device)
        result.index_copy_(0, there, geometry.warp(images[there], sent(matrices, images.device)))
    for name, operation in TONAL.items():
        rows = (choice == OPERATIONS.index(name)).nonzero()[:, 0]
        if len(rows) > 0:
            there = sent(rows, images.device)
            result.index_copy_(0, there, operation(images[there], sent(magnitude[rows], images.device)))
    return result


def _matrices(choice: Tensor, magnitude: Tensor, height: int, width: int) -> Tensor:
    def of(name: str) -> Tensor:
        return torch.where(choice == OPERATIONS.index(name), magnitude, 0.0)

    def degrees(tangent: Tensor) -> Tensor:
        return torch.rad2deg(torch.atan(tangent))

    shear_x, shear_y = degrees(of("shear_x")), degrees(of("shear_y"))
    one = torch.ones_like(magnitude)
    matrices = geometry.inverse_affine(-of("rotate"), of("translate_x"), of("translate_y"), one, shear_x, shear_y)
    sheared = (shear_x != 0) | (shear_y != 0)  # a shear keeps the top left corner, a rotation the centre
    return torch.where(sheared[:, None, None], geometry.about(matrices, -width / 2, -height / 2), matrices)


def _signed(magnitude: Tensor, choice: Tensor, draws: Tensor) -> Tensor:
    signed = torch.tensor([name in SIGNED for name in OPERATIONS])[choice]
    return torch.where(signed & (draws < 0.5), -magnitude, magnitude)
