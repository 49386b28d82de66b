"""The built-in augmentations: from a sample's draws and the options to the parameters of a kernel.

Each is `(images, draws, *, options) -> images`: images float32 [B, C, H, W] in [0, 1], draws float32 [B, columns]
uniform in [0, 1) on the same device. Names, defaults and ranges stand in `catalogue`. Inputs are not changed.
"""

import torch
from torch import Tensor

from vislab.engine.data.augment import colour, geometry, uniform


def horizontal_flip(images: Tensor, draws: Tensor, *, p: float) -> Tensor:
    """Mirror left and right."""
    return geometry.flip(images, draws[:, 0] < p, -1)


def alternating_flip(images: Tensor, draws: Tensor) -> Tensor:
    """Mirror left and right; the draws move by one half from epoch to epoch (Jordan, arXiv:2404.00498)."""
    return geometry.flip(images, draws[:, 0] < 0.5, -1)


def vertical_flip(images: Tensor, draws: Tensor, *, p: float) -> Tensor:
    """Mirror top and bottom."""
    return geometry.flip(images, draws[:, 0] < p, -2)


def rotation(images: Tensor, draws: Tensor, *, degrees: float, fill: float) -> Tensor:
    """Rotate about the centre; positive angles, the upper half of the draws, turn counter-clockwise."""
    zero, one = torch.zeros_like(draws[:, 0]), torch.ones_like(draws[:, 0])
    matrices = geometry.inverse_affine(-uniform.symmetric(draws[:, 0], degrees), zero, zero, one, zero, zero)
    return geometry.warp(images, matrices, fill)


def affine(
    images: Tensor,
    draws: Tensor,
    *,
    degrees: float,
    translate: float,
    scale_min: float,
    scale_max: float,
    shear: float,
    fill: float,
) -> Tensor:
    """Rotate, shift, scale and shear at once; draws are angle, horizontal and vertical shift, scale, shear."""
    height, width = images.shape[-2:]
    matrices = geometry.inverse_affine(
        uniform.symmetric(draws[:, 0], degrees),
        uniform.symmetric(draws[:, 1], translate * width),
        uniform.symmetric(draws[:, 2], translate * height),
        uniform.between(draws[:, 3], scale_min, scale_max),
        uniform.symmetric(draws[:, 4], shear),
        torch.zeros_like(draws[:, 4]),
    )
    return geometry.warp(images, matrices, fill)


def random_crop(images: Tensor, draws: Tensor, *, padding: int, mode: str) -> Tensor:
    """Pad, then cut the image's own size out; draws are top and left."""
    top, left = uniform.whole(draws.T, 2 * padding + 1)
    return geometry.shift_crop(images, top, left, padding, mode)


def random_resized_crop(
    images: Tensor,
    draws: Tensor,
    *,
    image_size: int,
    scale_min: float,
    scale_max: float,
    ratio_min: float,
    ratio_max: float,
) -> Tensor:
    """Cut a box and resize it to `image_size` (Szegedy et al. 2015); draws are area, ratio, left, top."""
    area = uniform.between(draws[:, 0], scale_min, scale_max)
    height, width = images.shape[-2:]
    shape, x, y = draws[:, 1], draws[:, 2], draws[:, 3]
    boxes = geometry.random_boxes(area, shape, x, y, height, width, (ratio_min, ratio_max))
    return geometry.resized_crop(images, boxes, image_size)


def colour_jitter(
    images: Tensor, draws: Tensor, *, brightness: float, contrast: float, saturation: float, hue: float
) -> Tensor:
    """Change brightness, contrast, saturation and hue.

    The order is fixed, torchvision's is random: a random one would need every operation at every place.
    """
    for column, (extent, adjust) in enumerate(
        (
            (brightness, colour.adjust_brightness),
            (contrast, colour.adjust_contrast),
            (saturation, colour.adjust_saturation),
        )
    ):
        if extent > 0:
            images = adjust(images, 1 + uniform.symmetric(draws[:, column], extent))
    return colour.adjust_hue(images, uniform.symmetric(draws[:, 3], hue)) if hue > 0 else images


def random_erasing(
    images: Tensor,
    draws: Tensor,
    *,
    p: float,
    scale_min: float,
    scale_max: float,
    ratio_min: float,
    ratio_max: float,
    value: float,
) -> Tensor:
    """Paint over a box (Zhong et al. 2017); draws are whether, area, ratio, left, top."""
    area = uniform.between(draws[:, 1], scale_min, scale_max)
    height, width = images.shape[-2:]
    shape, x, y = draws[:, 2], draws[:, 3], draws[:, 4]
    boxes = geometry.random_boxes(area, shape, x, y, height, width, (ratio_min, ratio_max))
    erased = geometry.inside(boxes, height, width) & (draws[:, 0] < p)[:, None, None, None]
    return images.masked_fill(erased, value)
