"""Curves of tone: posterize, solarize, auto-contrast and equalize, each image by its own parameter or histogram.

Images are float32 [B, C, H, W] in [0, 1]. Where levels matter they are the 256 of uint8, and results agree with
`torchvision.transforms.v2.functional` on uint8 images.
"""

import torch
from torch import Tensor

LEVELS = 256


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the upper `bits` (float32 [B], whole numbers from 0 to 8) of each 8-bit level."""
    step = torch.exp2(8 - bits)[:, None, None, None]
    return torch.floor(torch.round(images * 255) / step) * step / 255


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the pixels at or above `threshold`, float32 [B] in [0, 1]."""
    return torch.where(images >= threshold[:, None, None, None], 1 - images, images)


def auto_contrast(images: Tensor) -> Tensor:
    """Stretch each channel so that its darkest pixel is 0 and its lightest 1; a uniform channel is left alone."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    uniform = low == high
    return (images - low.masked_fill(uniform, 0)) / (high - low).masked_fill(uniform, 1)


def equalize(images: Tensor) -> Tensor:
    """Level the histogram of each channel as Pillow's `ImageOps.equalize` does.

    With n pixels below the channel's lightest level, one step is n // 255 pixels, and a level becomes the number of
    steps, rounded, that are darker than it. A channel with less than one step is left alone.
    """
    levels = torch.round(images * 255).long().flatten(2)
    rows = levels.flatten(0, 1)
    offset = torch.arange(len(rows), device=images.device)[:, None] * LEVELS
    counts = torch.zeros(len(rows) * LEVELS, dtype=torch.int64, device=images.device)
    counts.scatter_add_(0, (rows + offset).flatten(), torch.ones_like(rows).flatten())
    histogram = counts.reshape(len(rows), LEVELS)
    lightest = (rows == rows.amax(1, keepdim=True)).sum(1, keepdim=True)
    step = (rows.shape[1] - lightest) // 255
    darker = histogram.cumsum(1) - histogram
    curve = ((darker + step // 2) // step.clamp(min=1)).clamp(max=255)
    equalized = curve.gather(1, rows).to(images.dtype).reshape(images.shape) / 255
    return torch.where((step > 0).reshape(*images.shape[:2], 1, 1), equalized, images)
