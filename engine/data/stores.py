"""Where decoded pixels lie: in memory, in a file that is mapped, in a source's own arrays."""

import mmap
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.data.source import ArrayImages

_AHEAD = 4  # batches whose pages are asked for before they are needed


class StoredPixels(Protocol):
    """Pixels, uint8 [N, C, S, S], wherever they lie. A tensor is one; the others read what is asked for."""

    @property
    def shape(self) -> Sequence[int]:
        """(N, C, S, S)."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """uint8."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> torch.Tensor: ...

    def index_select(self, dim: int, index: torch.Tensor, /) -> torch.Tensor:
        """Pixels of rows, int64 [n], along dimension 0: uint8 [n, C, S, S]."""
        ...


@runtime_checkable
class Ahead(Protocol):
    """Pixels that are quicker when they know what will be asked for."""

    def in_order(self, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels of portions of rows, int64, one after the other."""
        ...


class Rows:
    """What stores have in common that read rows: slices are rows, and the only dimension to choose in is the first."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = torch.uint8

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> torch.Tensor:
        return self.take(torch.arange(*rows.indices(len(self))))

    def index_select(self, dim: int, index: torch.Tensor) -> torch.Tensor:
        """Pixels of rows, int64 [n], as `torch.Tensor.index_select`."""
        assert dim == 0
        return self.take(index)

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """Pixels of rows, int64 [n]: uint8 [n, C, S, S], a copy."""
        raise NotImplementedError


class MappedPixels(Rows):
    """Rows of a file of squares, mapped read-only: the kernel keeps in memory what fits, and nothing of it is ours.

    Args:
        path: uint8 [M, C, S, S].
        rows: int64 [N], which of them, in this order.
        shape: (C, S, S).
    """

    def __init__(self, path: Path, rows: npt.NDArray[np.int64], shape: tuple[int, int, int]) -> None:
        super().__init__((len(rows), *shape))
        self._rows = torch.from_numpy(rows)
        self._bytes = int(np.prod(shape))
        with path.open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given buffer is not writable")  # nor does anybody write it
            self._whole = torch.frombuffer(self._file, dtype=torch.uint8).view(-1, *shape)

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`."""
        return self._whole.index_select(0, self._rows.index_select(0, rows))

    def in_order(self, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels of portions; the pages of the next ones are asked for meanwhile."""
        for rows in ahead(portions, self._ask_for):
            yield self.take(rows)

    def _ask_for(self, rows: torch.Tensor) -> None:
        for row in self._rows.index_select(0, rows).tolist():
            start = row * self._bytes // mmap.PAGESIZE * mmap.PAGESIZE
            self._file.madvise(mmap.MADV_WILLNEED, start, (row + 1) * self._bytes - start)


class ArrayPixels(Rows):
    """Images of a source's own arrays, which need no resizing.

    Args:
        indices: int64 [N], which of them, in this order.
        channels: 1 or 3; grey is repeated.
    """

    def __init__(self, images: ArrayImages, indices: npt.NDArray[np.int64], channels: int) -> None:
        height, width, _ = images.shape
        super().__init__((len(indices), channels, height, width))
        self._images = images
        self._indices = indices

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`."""
        taken = np.moveaxis(self._images.take(self._indices[rows.numpy()]), 3, 1)
        return torch.from_numpy(np.array(np.broadcast_to(taken, (len(rows), *self.shape[1:])), order="C"))


class JoinedPixels(Rows):
    """Two stores of equal squares, one after the other."""

    def __init__(self, first: StoredPixels, second: StoredPixels) -> None:
        super().__init__((len(first) + len(second), *first.shape[1:]))
        self._first = first
        self._second = second

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`."""
        return next(self.in_order([rows]))

    def in_order(self, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels of portions, each store knowing what comes next."""
        listed = list(portions)
        border = len(self._first)
        firsts = in_order(self._first, [rows[rows < border] for rows in listed])
        seconds = in_order(self._second, [rows[rows >= border] - border for rows in listed])
        for rows, first, second in zip(listed, firsts, seconds, strict=True):
            pixels = torch.empty(len(rows), *self.shape[1:], dtype=torch.uint8)
            pixels[rows < border] = first
            pixels[rows >= border] = second
            yield pixels


def in_order(pixels: StoredPixels, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Pixels of portions of rows, one after the other; stores that read ahead are told what comes next.

    Args:
        portions: int64 [n] each, on the CPU.

    Yields:
        uint8 [n, C, S, S], where the pixels lie.
    """
    if isinstance(pixels, torch.Tensor):
        return (pixels.index_select(0, rows.to(pixels.device)) for rows in portions)
    if isinstance(pixels, Ahead):
        return pixels.in_order(portions)
    return (pixels.index_select(0, rows) for rows in portions)


def portions_of(count: int, size: int) -> Iterator[torch.Tensor]:
    """The rows 0 … count - 1 in portions of `size`, the last one perhaps smaller."""
    return iter(torch.arange(count).split(size)) if count else iter(())


def ahead(portions: Iterable[torch.Tensor], ask_for: Callable[[torch.Tensor], None]) -> Iterator[torch.Tensor]:
    """Portions as they are, each asked for some portions before it comes."""
    waiting: deque[torch.Tensor] = deque()
    for rows in portions:
        ask_for(rows)
        waiting.append(rows)
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting
