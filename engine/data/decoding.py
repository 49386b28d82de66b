"""One image file into uint8 pixels, whatever the format, mode and orientation."""

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]

# What Pillow's readers raise on damaged files: each plugin parses binary headers in Python and lets its errors through.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)

# Between one and two times Image.MAX_IMAGE_PIXELS (89 million) Pillow only warns; large scans are welcome here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class UnreadableImage(Exception):  # noqa: N818  (a fact about a file, mostly collected, not an error of ours)
    """An image that cannot be decoded: `name` says which, `reason` why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def read_image(file: Path | BinaryIO, name: str) -> Pixels:
    """Decode an image file, open or by its path, into uint8 [H, W, C], C = 1 (greyscale) or 3 (RGB).

    The picture is turned as its EXIF orientation says. Palettes become RGB; transparency is laid on white; CMYK
    becomes RGB; 16-bit grey is scaled by 255/65535. Of an animation the first frame is read.

    Raises:
        UnreadableImage: missing, damaged, cut off, of no known format, of floating-point pixels, or larger than
            Pillow's limit against decompression bombs (179 million pixels).
    """
    with _reasons(name), Image.open(file) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _to_array(image)


@contextlib.contextmanager
def _reasons(name: str) -> Iterator[None]:
    """Turn what Pillow raises into the reason why an image cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise UnreadableImage(name, "the file does not exist") from None
    except UnidentifiedImageError:
        raise UnreadableImage(name, "not an image of a known format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImage(name, "more than 179 million pixels") from None
    except _DAMAGED as error:
        raise UnreadableImage(name, _one_line(error)) from error


class Header(NamedTuple):
    """What an image file says of itself: format, such as "JPEG", mode, such as "RGB", and its sides in pixels as they
    are stored, whatever its EXIF orientation.
    """

    format: str
    mode: str
    width: int
    height: int


def read_header(path: Path, name: str) -> Header:
    """Read an image file's header; its pixels are not decoded. Raises UnreadableImage."""
    with _reasons(name), Image.open(path) as image:
        return Header(image.format or "", image.mode, image.width, image.height)


def _to_array(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        return _from_integers(np.asarray(image))
    if image.mode == "F":
        raise ValueError("32-bit floating-point pixels have no agreed range; convert the file to 8 or 16 bit")
    if image.has_transparency_data:
        return _on_white(np.asarray(image.convert("LA" if image.mode in ("L", "LA", "La", "1") else "RGBA")))
    mode = "L" if image.mode in ("1", "L") else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _from_integers(values: npt.NDArray[np.integer]) -> Pixels:
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit integer pixels outside 0…65535 have no agreed range; convert the file to 8 or 16 bit")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)[:, :, None]


def _on_white(pixels: Pixels) -> Pixels:
    colour = pixels[:, :, :-1].astype(np.uint32)
    alpha = pixels[:, :, -1:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
