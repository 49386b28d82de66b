"""Pixels that neither memory nor the cache has room for: decoded by processes of their own, some batches ahead."""

import itertools
import json
import os
import queue
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.data.decoder import Setup, names_digest
from vislab.engine.data.source import Images
from vislab.engine.data.stores import Rows
from vislab.engine.runs.devices import host
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.preprocessing import Preprocessing

_AHEAD = 3  # portions that are decoded while one is used
_PIECE = 16  # images of a task, at most


@dataclass(frozen=True)
class Opened:
    """A data set that was opened, and how another process opens it.

    Attributes:
        fingerprint: of the source.
        folder: what relative paths in `dataset` start from.
    """

    images: Images
    fingerprint: str
    dataset: Dataset
    data_dir: Path
    folder: Path


class Decoders:
    """Processes that decode the images of one data set; they end with this object, and with this process.

    Call it from the thread that lives longest: on Linux a child dies with the thread that started it.
    """

    def __init__(self, opened: Opened, preprocessing: Preprocessing) -> None:
        self.channels = preprocessing.channels
        setup = Setup(
            dataset=opened.dataset,
            data_dir=str(opened.data_dir.absolute()),
            folder=str(opened.folder.absolute()),
            preprocessing=preprocessing,
            names=names_digest(opened.images),
            parent=os.getpid(),
        )
        self._processes = [_start(setup) for _ in range(host().usable_cores)]
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(len(self._processes), thread_name_prefix="stream")
        weakref.finalize(self, _end, self._processes)
        for process in self._processes:
            if (fault := _fault(process)) is not None:
                raise InputError(f"data set {opened.dataset.name}: {fault}")
            self._idle.put(process)

    def begin(self, numbers: npt.NDArray[np.int64], side: int) -> "_Portion":
        """Have images decoded, uint8 [n, C, side, side]; returns at once."""
        pixels = np.empty((len(numbers), self.channels, side, side), dtype=np.uint8)
        pieces = -(-len(numbers) // min(_PIECE, max(1, -(-len(numbers) // len(self._processes)))))
        cuts = np.linspace(0, len(numbers), pieces + 1).astype(int).tolist() if pieces else [0]
        work = [
            self._threads.submit(self._decode, numbers[start:stop].tolist(), side, pixels[start:stop])
            for start, stop in itertools.pairwise(cuts)
        ]
        return _Portion(pixels, work)

    def _decode(self, numbers: list[int], side: int, pixels: npt.NDArray[np.uint8]) -> None:
        process = self._idle.get()
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps([side, numbers]).encode() + b"\n")
            process.stdin.flush()
            if (fault := _fault(process)) is not None:
                raise InputError(f"An image that could be read when the run began cannot be read any more: {fault}")
            assert isinstance(process.stdout, BufferedReader)
            if process.stdout.readinto(pixels.data) != pixels.nbytes:
                raise _ended(process)
        except BrokenPipeError:
            raise _ended(process) from None
        finally:
            self._idle.put(process)


@dataclass
class _Portion:
    pixels: npt.NDArray[np.uint8]
    work: list[Future[None]]

    def wait(self) -> torch.Tensor:
        for future in self.work:
            future.result()
        return torch.from_numpy(self.pixels)

    def give_up(self) -> None:
        for future in self.work:
            if not future.cancel():
                future.exception()


class StreamedPixels(Rows):
    """Images that are decoded each time they are asked for.

    Args:
        numbers: int64 [N], which of the data set's images, in this order.
        side: of the squares.
    """

    def __init__(self, decoders: Decoders, numbers: npt.NDArray[np.int64], side: int) -> None:
        super().__init__((len(numbers), decoders.channels, side, side))
        self._decoders = decoders
        self._numbers = numbers
        self._side = side

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`.

        Raises:
            InputError: an image cannot be read any more.
        """
        return self._decoders.begin(self._numbers[rows.numpy()], self._side).wait()

    def in_order(self, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels of portions; the next ones are decoded meanwhile."""
        begun: deque[_Portion] = deque()
        try:
            for rows in portions:
                begun.append(self._decoders.begin(self._numbers[rows.numpy()], self._side))
                if len(begun) > _AHEAD:
                    yield begun.popleft().wait()
            while begun:
                yield begun.popleft().wait()
        finally:
            for portion in begun:
                portion.give_up()


def _start(setup: Setup) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "vislab.engine.data.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(setup) + b"\n")
    process.stdin.flush()
    return process


def _fault(process: subprocess.Popen[bytes]) -> str | None:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise _ended(process)
    fault: str | None = json.loads(line)
    return fault


def _ended(process: subprocess.Popen[bytes]) -> RuntimeError:
    return RuntimeError(f"a process that decodes images has ended (exit code {process.wait()})")


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.stdin is not None and process.stdout is not None
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
