"""What every data set is to the rest of vislab: classes, labels, images read one by one, and official parts."""

import enum
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vislab.engine.data.decoding import Pixels, UnreadableImage, read_image

__all__ = [
    "ArrayImages",
    "FileImages",
    "Images",
    "Pixels",
    "Role",
    "Source",
    "UnreadableImage",
    "same_classes",
    "storable",
]

_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")
"""A byte that is no UTF-8, as `storable` writes it out."""


class Role(enum.IntEnum):
    """What an image is used for."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


class Images(Protocol):
    """Images by index; safe to read from several threads."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """A stable and unique name: the path relative to the data set, or part and number."""
        ...

    def read(self, index: int) -> Pixels:
        """Pixels, uint8 [H, W, C], C = 1 or 3. Raises UnreadableImage."""
        ...

    def manifest(self, *, contents: bool = False) -> Iterator[str]:
        """Lines that change when an image does; with `contents` always checksums of the bytes."""
        ...


@dataclass(frozen=True)
class Source:
    """A data set, read as far as its names and labels; pixels are read when asked for.

    Attributes:
        classes: names of the classes; a label is a position in it.
        labels: int64 [N], -1 for an image without a label.
        images: the N images.
        roles: int8 [N], a `Role` for each image where the data set was published in parts; None where it was not.
        groups: [N], images of equal value (a patient, a video) stay in one part; None where there are none.
        ignored: files that lie among the images and are not images.
    """

    classes: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    images: Images
    roles: npt.NDArray[np.int8] | None = None
    groups: npt.NDArray[Any] | None = None
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.images)
        assert self.labels.shape == (count,), f"{count} images, labels of shape {self.labels.shape}"
        assert self.roles is None or self.roles.shape == (count,), f"{count} images, roles of another shape"
        assert self.groups is None or self.groups.shape == (count,), f"{count} images, groups of another shape"
        assert count == 0 or (self.labels.min() >= -1 and self.labels.max() < len(self.classes)), "label without class"

    def fingerprint(self, *, contents: bool = False) -> str:
        """SHA-256, in hex, of classes, labels, roles, groups and the images' manifest.

        Files count by path, size and time of change; with `contents` by the bytes in them, which reads them all.
        """
        digest = hashlib.sha256(repr(self.classes).encode())
        digest.update(self.labels.tobytes())
        digest.update(b"" if self.roles is None else self.roles.tobytes())
        digest.update(b"" if self.groups is None else repr(self.groups.tolist()).encode())
        for line in self.images.manifest(contents=contents):
            digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
        return digest.hexdigest()


def storable(name: str) -> str:
    r"""A class's name as every file can hold it: bytes that are no UTF-8 written out, such as `caf\xe9`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def same_classes(now: Sequence[str], then: Sequence[str]) -> bool:
    r"""Whether classes, with `storable` names, are those that a run names, in their order.

    Args:
        then: of the run's log; an earlier version wrote `caf?` there for `caf\xe9`.
    """
    return len(now) == len(then) and all(
        name in (here, _BYTE.sub("?", here)) for here, name in zip(now, then, strict=True)
    )


class ArrayImages:
    """Images of one size held in arrays, in memory or memory-mapped, one array a part.

    Args:
        parts: name of a part, such as "train", to its pixels, uint8 [n, H, W, C]; H, W, C alike in all parts. The
            images are numbered through the parts in order.
    """

    def __init__(self, parts: Mapping[str, Pixels]) -> None:
        shapes = {pixels.shape[1:] for pixels in parts.values()}
        assert len(shapes) == 1, f"parts of unlike shape: {shapes}"
        assert all(pixels.dtype == np.uint8 for pixels in parts.values()), "pixels must be uint8"
        self._names = list(parts)
        self._parts = list(parts.values())
        self._ends = np.cumsum([len(pixels) for pixels in self._parts])
        self.shape: tuple[int, int, int] = shapes.pop()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _locate(self, index: int) -> tuple[int, int]:
        part = int(np.searchsorted(self._ends, index, side="right"))
        return part, index - (int(self._ends[part - 1]) if part else 0)

    def name(self, index: int) -> str:
        """Part and number in it, such as "train/00012"."""
        part, position = self._locate(index)
        return f"{self._names[part]}/{position:05d}"

    def read(self, index: int) -> Pixels:
        """Pixels, uint8 [H, W, C]."""
        part, position = self._locate(index)
        return np.asarray(self._parts[part][position])

    def take(self, indices: npt.NDArray[np.int64]) -> Pixels:
        """Pixels of many images at once, uint8 [n, H, W, C], a copy."""
        pixels = np.empty((len(indices), *self.shape), dtype=np.uint8)
        start = 0
        for part, end in zip(self._parts, self._ends.tolist(), strict=True):
            chosen = (indices >= start) & (indices < end)
            pixels[chosen] = part[indices[chosen] - start]
            start = end
        return pixels

    def manifest(self, *, contents: bool = False) -> Iterator[str]:
        """One line a part: name, shape and SHA-256 of its bytes."""
        for name, pixels in zip(self._names, self._parts, strict=True):
            digest = hashlib.sha256()
            for start in range(0, len(pixels), 4096):
                digest.update(pixels[start : start + 4096].tobytes())
            yield f"{name}\t{pixels.shape}\t{digest.hexdigest()}"


class FileImages:
    """Images in files.

    Args:
        root: the folder that the names are relative to.
        names: paths of the files relative to root (or absolute), with forward slashes.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self._names = tuple(names)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """The path relative to the data set's folder."""
        return self._names[index]

    def path(self, index: int) -> Path:
        """Where the file lies."""
        return self.root / self._names[index]

    def read(self, index: int) -> Pixels:
        """Pixels, uint8 [H, W, C], C = 1 or 3. Raises UnreadableImage."""
        return read_image(self.path(index), self._names[index])

    def manifest(self, *, contents: bool = False) -> Iterator[str]:
        """One line a file: name, size in bytes and time of change in nanoseconds, or SHA-256; "missing" if it is."""
        state_of = _checksum if contents else _stamp
        folder = str(self.root)
        for name in self._names:
            try:
                yield f"{name}\t{state_of(os.path.join(folder, name))}"  # noqa: PTH118  (path objects take longer)
            except OSError:
                yield f"{name}\tmissing"

    def marks(self) -> str:
        """SHA-256, in hex, of what this machine's file system changes whenever a file is written, replaced or renamed.

        A file that was replaced by one of equal name, size and time has another inode, or another time of change of
        its status, which nobody can set. A copy of the folder has other marks, and the same manifest if its times are.
        """
        digest = hashlib.sha256()
        folder = str(self.root)
        for name in self._names:
            try:
                status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118
                digest.update(f"{status.st_ino} {status.st_ctime_ns}\n".encode())
            except OSError:
                digest.update(b"missing\n")
        return digest.hexdigest()


def _stamp(path: str) -> str:
    status = os.stat(path)  # noqa: PTH116
    return f"{status.st_size}\t{status.st_mtime_ns}"


def _checksum(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
