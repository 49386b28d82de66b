"""Brightness, contrast, saturation, hue and sharpness, with one factor a sample.

Images are float32 [B, C, H, W] in [0, 1] with 1 or 3 channels; factors are float32 [B], and 1 leaves an image as it is.
Definitions agree with `torchvision.transforms.v2.functional` on float images.
"""

import torch
from torch import Tensor
from torch.nn import functional


def grey(images: Tensor) -> Tensor:
    """Luma of ITU-R BT.601, [B, 1, H, W]; greyscale images come back as they are."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    return (0.2989 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by `factor`; 0 is black."""
    return (images * _spread(factor)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move away from the image's mean grey by `factor`; 0 is uniform grey."""
    return _blend(images, grey(images).mean((1, 2, 3), keepdim=True), factor)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move away from each pixel's own grey by `factor`; 0 is without colour. Greyscale images are left alone."""
    return images if images.shape[1] == 1 else _blend(images, grey(images), factor)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by `turn` of the whole circle, float32 [B] in [-0.5, 0.5]; greyscale images are left alone.

    A channel of an HSV colour is value - chroma · clamp(min(k, 4 - k), 0, 1), k = (n + hue) mod 6, with the hue in
    sixths of the circle and n = 5, 3, 1 for red, green, blue.
    """
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    low, value = torch.aminmax(images, dim=1, keepdim=True)
    chroma = value - low
    divisor = torch.where(chroma > 0, chroma, 1)  # without chroma any hue will do
    of_blue_or_green = torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    hue = torch.where(value == red, (green - blue) / divisor, of_blue_or_green) + 6 * _spread(turn)
    k = torch.remainder(hue + torch.arange(5.0, 0.0, -2.0, device=images.device)[:, None, None], 6)
    return value - chroma * torch.minimum(k, 4 - k).clamp_(0, 1)


def adjust_sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Move away from a 3 x 3 blur (5/13 of the pixel, 1/13 of each neighbour) by `factor`; the rim stays as it is."""
    if min(images.shape[-2:]) < 3:
        return images
    inner = images[:, :, 1:-1, 1:-1]
    blurred = functional.avg_pool2d(images, 3, stride=1) * (9 / 13) + inner * (4 / 13)
    sharpened = images.clone()
    sharpened[:, :, 1:-1, 1:-1] = _blend(inner, blurred, factor)
    return sharpened


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(other.expand_as(images), images, _spread(factor)).clamp_(0, 1)


def _spread(factor: Tensor) -> Tensor:
    return factor[:, None, None, None]
