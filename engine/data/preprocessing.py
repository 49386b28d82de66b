"""From an image to the model's input, alike in training, evaluation, prediction and export."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image

from vislab.engine.data.decoding import Pixels
from vislab.presets.schema.preprocessing import Preprocessing

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def to_square(image: Pixels, preprocessing: Preprocessing, size: int) -> Pixels:
    """Bring an image to the preprocessing's channels and to a square of `size` pixels.

    Args:
        image: uint8 [H, W, C], C = 1 or 3.
        preprocessing: says channels (RGB to grey by ITU-R 601 luma, grey to RGB by repeating), resize, crop_fraction,
            interpolation and antialias.
        size: side of the result: image_size, or the size at which training pixels are stored.

    Returns:
        uint8 [channels, size, size].
    """
    if image.shape[2] == 3 and preprocessing.channels == 1:
        image = np.asarray(Image.fromarray(image).convert("L"))[:, :, None]
    height, width = image.shape[:2]
    match preprocessing.resize:
        case "stretch":
            image = _resize(image, size, size, preprocessing)
        case "crop":
            # Shorter side to size / crop_fraction, then the middle, as torchvision's Resize and CenterCrop do.
            side = round(size / preprocessing.crop_fraction)
            shorter = min(height, width)
            image = _resize(image, int(side * height / shorter), int(side * width / shorter), preprocessing)
            top, left = round((image.shape[0] - size) / 2), round((image.shape[1] - size) / 2)
            image = image[top : top + size, left : left + size]
        case "pad":
            longer = max(height, width)
            inner = _resize(image, max(1, size * height // longer), max(1, size * width // longer), preprocessing)
            top, left = (size - inner.shape[0]) // 2, (size - inner.shape[1]) // 2
            image = np.zeros((size, size, inner.shape[2]), dtype=np.uint8)
            image[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    channels_first = np.moveaxis(image, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(channels_first, (preprocessing.channels, size, size)))


def _resize(image: Pixels, height: int, width: int, preprocessing: Preprocessing) -> Pixels:
    if image.shape[:2] == (height, width):
        return image
    if preprocessing.antialias or preprocessing.interpolation == "nearest":
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        resized = np.asarray(picture.resize((width, height), _FILTERS[preprocessing.interpolation]))
        return resized if resized.ndim == 3 else resized[:, :, None]
    # Pillow always filters before it shrinks; torch can leave that out.
    pixels = torch.from_numpy(np.moveaxis(image, 2, 0).astype(np.float32))[None]
    resized_pixels = torch.nn.functional.interpolate(
        pixels, size=(height, width), mode=preprocessing.interpolation, align_corners=False
    )
    return resized_pixels[0].round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """(pixels / 255 - mean) / std.

    Args:
        pixels: [B, C, S, S], uint8 or floating point, 0…255, on any device.
        preprocessing: says mean and std, one value or one for each channel.

    Returns:
        float32 [B, C, S, S] on the same device, in the same memory format.
    """
    scale, shift = _scale_and_shift(preprocessing.mean, preprocessing.std, pixels.device)
    return torch.addcmul(shift, pixels.to(torch.float32), scale)


@lru_cache(maxsize=64)
def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """1 / (255 std) and -mean / std, float32 [C, 1, 1]: made once, for a small batch takes no longer."""
    deviations = np.array(std, dtype=np.float64)
    scale = torch.tensor(1 / (255 * deviations), dtype=torch.float32)
    shift = torch.tensor(-np.array(mean, dtype=np.float64) / deviations, dtype=torch.float32)
    return scale.view(-1, 1, 1).to(device), shift.view(-1, 1, 1).to(device)
