"""Entries of decoded pixels in the cache: of what, what is known of their images, whether sound, and for whom else."""

import contextlib
import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import PIL
import torch

from vislab.engine.cache import Cache, Entry
from vislab.engine.data import manifest
from vislab.engine.data.pixels import is_ready
from vislab.engine.data.source import ArrayImages, FileImages, Pixels, UnreadableImage
from vislab.engine.data.stores import MappedPixels
from vislab.engine.data.streaming import Opened
from vislab.presets.own_code import file_of
from vislab.presets.schema.preprocessing import Preprocessing

KIND = "pixels"
PIXELS, DIGESTS, ORIGINALS, NUMBERS = "pixels", "digests", "originals", "numbers"
"""Files of an entry: uint8 [M, C, S, S]; `manifest.digests` of it; `manifest.originals` of the images that it was made
of; int64 [M], ascending, which images they are."""

_LAYOUT = 3  # of the files, and of what our code makes of an image: with another one, entries are made again
_LOOKED_AT = 4 << 20  # bytes of an entry that tell, before it is used, whether much of it is damaged

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Wanted:
    """Images of one data set at one size, in the order of their numbers."""

    opened: Opened
    numbers: Indices
    preprocessing: Preprocessing
    side: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, S, S)."""
        return (self.preprocessing.channels, self.side, self.side)

    @property
    def image_bytes(self) -> int:
        """Of one image."""
        return self.preprocessing.channels * self.side * self.side

    @property
    def bytes(self) -> int:
        """Of all images."""
        return len(self.numbers) * self.image_bytes

    def rows(self, part: Indices) -> Indices:
        """Where the images of a part stand."""
        return np.searchsorted(self.numbers, part).astype(np.int64)

    @property
    def ready(self) -> ArrayImages | None:
        """The images, if they are arrays that need nothing but to be copied."""
        images = self.opened.images
        ready = isinstance(images, ArrayImages) and is_ready(images, self.preprocessing, self.side)
        return images if ready and isinstance(images, ArrayImages) else None

    @cached_property
    def images(self) -> dict[str, Any]:
        """Everything that an image's pixels follow from, with what a person knows the images by."""
        dataset, wanted = self.opened.dataset, self.preprocessing
        own = file_of(dataset.source, self.opened.folder)
        images = self.opened.images
        return {
            "data": dataset.path or dataset.name,
            "side": self.side,
            "channels": wanted.channels,
            "resize": f"crop {wanted.crop_fraction}" if wanted.resize == "crop" else wanted.resize,
            "interpolation": wanted.interpolation,
            "antialias": wanted.antialias,
            "folder": str(images.root.absolute()) if isinstance(images, FileImages) else "",
            "files": images.marks() if isinstance(images, FileImages) else "",
            "source": digest_of(own.read_bytes()) if own is not None else dataset.source,
            "options": msgspec.to_builtins(dataset.options),
            "fingerprint": self.opened.fingerprint,
            "decoder": f"Pillow {PIL.__version__}" + ("" if wanted.antialias else f", torch {torch.__version__}"),
            "layout": _LAYOUT,
        }

    def describes(self, entry: Entry) -> bool:
        """Whether an entry is of images that were opened and decoded like these, whichever of them it holds."""
        return all(entry.described.get(key) == value for key, value in self.images.items())

    @property
    def described(self) -> dict[str, Any]:
        """The images, and which of them."""
        count = len(self.numbers)
        return (
            {"data": self.images["data"], "images": count}
            | self.images
            | {"numbers": digest_of(self.numbers.tobytes())}
        )


@dataclass(frozen=True)
class Checked:
    """What is known of images once they were decoded: checksums, uint8 [M, 8], and position to fault of the others."""

    digests: npt.NDArray[np.uint8]
    originals: npt.NDArray[np.uint8]
    unreadable: dict[int, UnreadableImage]

    @classmethod
    def empty(cls, count: int) -> "Checked":
        """Of M images of which nothing is known yet."""
        digests, originals = np.zeros((2, count, manifest.DIGEST), dtype=np.uint8)
        return cls(digests, originals, {})

    @classmethod
    def read(cls, entry: Entry) -> "Checked":
        """What an entry says."""
        digests, originals = (np.fromfile(entry.path(name), dtype=np.uint8) for name in (DIGESTS, ORIGINALS))
        return cls(
            digests.reshape(-1, manifest.DIGEST),
            originals.reshape(-1, manifest.DIGEST),
            {position: UnreadableImage(name, why) for position, name, why in entry.about["unreadable"]},
        )


def held_by(wanted: Wanted, entry: Entry) -> Wanted:
    """What an entry holds: what is wanted, and perhaps more images."""
    return replace(wanted, numbers=np.fromfile(entry.path(NUMBERS), dtype=np.int64))


def _intact(entry: Entry) -> bool:
    return all(entry.intact(name) for name in (NUMBERS, DIGESTS, ORIGINALS))


def fault_of(entry: Entry, wanted: Wanted) -> str:
    """Why an entry is not to be used; empty where it is sound."""
    if not _intact(entry):
        return "is damaged"
    checked = Checked.read(entry)
    for position in checked.unreadable:  # perhaps only its disk was not there
        with contextlib.suppress(UnreadableImage):
            wanted.opened.images.read(int(wanted.numbers[position]))
            return "was made when some images could not be read that now can"
    if entry.kind == KIND:
        return fault_of_pixels(entry.path(PIXELS), wanted.shape, checked.digests)
    return ""


def fault_of_pixels(path: Path, shape: tuple[int, int, int], digests: npt.NDArray[np.uint8]) -> str:
    """Why a file of squares, uint8 [M, C, S, S], is not to be used: of a few, one is not what its checksum says.
    Empty where they are sound. `CheckedPixels` compares every image, when it is first read.
    """
    count = len(digests)
    looked_at = min(count, max(1, _LOOKED_AT // math.prod(shape)))
    some = np.unique(np.linspace(0, count - 1, looked_at).astype(np.int64))
    pixels = MappedPixels(path, some, shape)[:].numpy()
    return "" if np.array_equal(manifest.digests(pixels), digests[some]) else "is damaged"


class Reused:
    """Squares that finished entries hold already, in use until `release`: images of another division, seed or fold.

    Args:
        wanted: what is to be made.
    """

    def __init__(self, cache: Cache, wanted: Wanted) -> None:
        self.taken = np.zeros(len(wanted.numbers), dtype=np.bool_)
        """Positions that `fill` filled."""
        self._sources: list[tuple[Entry, Pixels, Checked]] = []
        self._source = np.full(len(wanted.numbers), -1)
        self._row = np.zeros(len(wanted.numbers), dtype=np.int64)
        missing = np.ones(len(wanted.numbers), dtype=np.bool_)

        def helps(entry: Entry) -> bool:
            return wanted.describes(entry) and bool(
                np.isin(wanted.numbers[missing], held_by(wanted, entry).numbers).any()
            )

        for entry in cache.find_all(KIND, helps):
            if not _intact(entry):
                entry.release()
                continue
            held, checked = held_by(wanted, entry).numbers, Checked.read(entry)
            readable = np.setdiff1d(np.arange(len(held)), [*checked.unreadable])
            here = missing & np.isin(wanted.numbers, held[readable])
            self._source[here] = len(self._sources)
            self._row[here] = np.searchsorted(held, wanted.numbers[here])
            missing &= ~here
            pixels = np.memmap(entry.path(PIXELS), dtype=np.uint8, mode="r").reshape(-1, *wanted.shape)
            self._sources.append((entry, pixels, checked))

    def fill(self, position: int, square: Pixels, original: Pixels) -> bool:
        """Fill the square, uint8 [C, S, S], and the checksum of the original, uint8 [DIGEST], of the image at a
        position, from any thread; False where no entry has it as its checksum says.
        """
        if self._source[position] < 0:
            return False
        _, pixels, checked = self._sources[self._source[position]]
        row = self._row[position]
        square[:] = pixels[row]
        if not np.array_equal(manifest.digests(square[None])[0], checked.digests[row]):
            return False
        original[:] = checked.originals[row]
        self.taken[position] = True
        return True

    def release(self) -> bool:
        """Say that the entries are no longer used by this; False where there are none."""
        used = bool(self._sources)
        for entry, _, _ in self._sources:
            entry.release()
        self._sources.clear()
        return used


def digest_of(data: bytes) -> str:
    """128 bits of BLAKE2b in hex."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
