"""Pixels of the cache, compared with their checksums: a disk may give back other bytes than it was given."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.data import manifest
from vislab.engine.data.source import Pixels
from vislab.engine.data.stores import MappedPixels
from vislab.engine.runs.devices import host
from vislab.presets.errors import InputError

_WORTH_THREADS = 4 << 20  # bytes: with fewer, to start threads takes as long as they save

Indices = npt.NDArray[np.int64]


class CheckedPixels(MappedPixels):
    """Mapped squares, each compared with its checksum when it is first read. One that differs is made anew, here and
    in the file, and compared once more when it is next read from there.

    Args:
        path, rows, shape: see `MappedPixels`.
        digests: uint8 [M, 8], `manifest.digests` of all squares of the file.
        anew: rows of the file, int64 [n], to what stood there, uint8 [n, C, S, S].
    """

    def __init__(
        self,
        path: Path,
        rows: Indices,
        shape: tuple[int, int, int],
        digests: npt.NDArray[np.uint8],
        anew: Callable[[Indices], Pixels],
    ) -> None:
        super().__init__(path, rows, shape)
        self._path = path
        self._places = rows
        self._digests = digests
        self._anew = anew
        self._sound = np.zeros(len(rows), dtype=np.bool_)
        self._all_sound = False
        self._threads = host().usable_cores

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`.

        Raises:
            InputError: a damaged image cannot be made again as it was.
        """
        taken = super().take(rows)
        if not self._all_sound:
            self._check(rows.numpy(), taken.numpy())
        return taken

    def _check(self, rows: Indices, taken: Pixels) -> None:
        """Compare what was taken, and replace what is damaged in it."""
        unknown = np.flatnonzero(~self._sound[rows])
        if not len(unknown):
            return
        found = self._digests_of(taken if len(unknown) == len(rows) else taken[unknown])
        differs = (found != self._digests[self._places[rows[unknown]]]).any(axis=1)
        self._sound[rows[unknown[~differs]]] = True
        self._all_sound = bool(self._sound.all())
        if differs.any():
            damaged = unknown[differs]
            taken[damaged] = self._made_anew(self._places[rows[damaged]])

    def _made_anew(self, places: Indices) -> Pixels:
        made = self._anew(places)
        if not np.array_equal(manifest.digests(made), self._digests[places]):
            raise InputError(
                f"The cache's pixels {self._path} are damaged, and what their images are made of is not what it was: "
                f"remove them (vislab cache --clear when no run uses them), then go on with vislab resume."
            )
        with contextlib.suppress(OSError), self._path.open("r+b") as file:  # else it is made anew at each reading
            for place, square in zip(places.tolist(), made, strict=True):
                file.seek(place * square.nbytes)
                file.write(square.data)
        return made

    def _digests_of(self, squares: Pixels) -> npt.NDArray[np.uint8]:
        if squares.nbytes < _WORTH_THREADS:
            return manifest.digests(squares)
        parts = np.array_split(squares, min(self._threads, len(squares)))
        with ThreadPoolExecutor(len(parts), thread_name_prefix="check") as pool:
            return np.concatenate([*pool.map(manifest.digests, parts)])
