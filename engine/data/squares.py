"""Any image to a square of the size and channels wanted, uint8; without torch, except where `antialias = false`."""

import numpy as np
from PIL import Image

from vislab.engine.data.decoding import Pixels
from vislab.presets.schema.preprocessing import Preprocessing

_MOST_PIXELS = 2 * 89_478_485
"""Of an image once its shorter side has the wanted size: as many as one may have that is decoded. A strip, thousands of
times as long as wide, would have more, in gigabytes; of that only the middle is resized."""

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
            if side * side * max(height, width) > _MOST_PIXELS * min(height, width):
                image = _middle(image)
                height, width = image.shape[:2]
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


def _middle(image: Pixels) -> Pixels:
    """The part of a strip that a centre crop sees, with what filters reach of its neighbours; its middle stays so."""
    kept = 3 * min(image.shape[:2]) + 8
    top, left = (max(0, (length - kept) // 2) for length in image.shape[:2])
    return image[top : image.shape[0] - top, left : image.shape[1] - left]


def _resize(image: Pixels, height: int, width: int, preprocessing: Preprocessing) -> Pixels:
    if image.shape[:2] == (height, width):
        return image
    if preprocessing.antialias or preprocessing.interpolation == "nearest":
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        resized = np.asarray(picture.resize((width, height), _FILTERS[preprocessing.interpolation]))
        return resized if resized.ndim == 3 else resized[:, :, None]
    import torch  # Pillow always filters before it shrinks; torch can leave that out

    pixels = torch.from_numpy(np.moveaxis(image, 2, 0).astype(np.float32))[None]
    resized_pixels = torch.nn.functional.interpolate(
        pixels, size=(height, width), mode=preprocessing.interpolation, align_corners=False
    )
    return resized_pixels[0].round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
