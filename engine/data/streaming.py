"""Pixels that neither memory nor the cache has room for: decoded by processes of their own, some batches ahead."""

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.data import manifest
from vislab.engine.data.decoder import Setup, names_digest
from vislab.engine.data.source import Images
from vislab.engine.data.stores import Rows
from vislab.engine.runs.devices import host
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.preprocessing import Preprocessing

_AHEAD = 3  # portions that are decoded while one is used
_PIECE = 16  # images of a task, at most
_PUT_BACK = "Put it back; a run then goes on with vislab resume"


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


class _Ended(Exception):  # noqa: N818  (another process may do its work)
    """A process that decodes did not answer; the text says how it ended."""


class Decoders:
    """Processes that decode the images of one data set; they end with this object, and with this process.

    One that ends before, say because the system killed it when memory ran out, is replaced, and its work is done anew.

    Call it from the thread that lives longest: on Linux a child dies with the thread that started it.

    Raises:
        InputError: the images are not what they were, or a process ended at once.
    """

    def __init__(self, opened: Opened, preprocessing: Preprocessing) -> None:
        self.channels = preprocessing.channels
        self._images = opened.images
        self._name = opened.dataset.name
        self._cores = host().usable_cores
        self._setup = Setup(
            dataset=opened.dataset,
            data_dir=str(opened.data_dir.absolute()),
            folder=str(opened.folder.absolute()),
            preprocessing=preprocessing,
            names=names_digest(opened.images),
            parent=os.getpid(),
        )
        self._processes = [_start(self._setup) for _ in range(self._cores)]
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()  # None: to be started
        self._threads = ThreadPoolExecutor(self._cores, thread_name_prefix="stream")
        weakref.finalize(self, _end, self._processes)
        for process in self._processes:
            try:
                self._await(process)
            except _Ended as ended:
                raise self._given_up(ended) from None
            self._idle.put(process)

    def begin(self, numbers: npt.NDArray[np.int64], side: int, digests: npt.NDArray[np.uint8]) -> "_Portion":
        """Have images decoded, uint8 [n, C, side, side], that have these checksums, uint8 [n, 8]; returns at once."""
        pixels = np.empty((len(numbers), self.channels, side, side), dtype=np.uint8)
        pieces = -(-len(numbers) // min(_PIECE, max(1, -(-len(numbers) // self._cores))))
        cuts = np.linspace(0, len(numbers), pieces + 1).astype(int).tolist() if pieces else [0]
        work = [
            self._threads.submit(
                self._decode, numbers[start:stop].tolist(), side, pixels[start:stop], digests[start:stop]
            )
            for start, stop in itertools.pairwise(cuts)
        ]
        return _Portion(pixels, work)

    def _decode(
        self, numbers: list[int], side: int, pixels: npt.NDArray[np.uint8], digests: npt.NDArray[np.uint8]
    ) -> None:
        self._read(numbers, side, pixels)
        changed = np.flatnonzero((manifest.digests(pixels) != digests).any(axis=1))
        if len(changed):
            name = self._images.name(numbers[changed[0]])
            raise InputError(f"An image is not what it was when the run began: {name}. {_PUT_BACK}")

    def _read(self, numbers: list[int], side: int, pixels: npt.NDArray[np.uint8]) -> None:
        process = self._idle.get()
        try:
            for attempt in (1, 2):
                try:
                    if process is None:
                        process = _start(self._setup)
                        self._processes.append(process)
                        self._await(process)
                    _ask(process, numbers, side, pixels)
                    return
                except _Ended as ended:
                    assert process is not None
                    self._processes.remove(process)
                    _end([process])
                    process = None
                    if attempt == 2:
                        raise self._given_up(ended, numbers) from None
        finally:
            self._idle.put(process)

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        """Until a process that was started has opened the images."""
        if (fault := _answer(process)) is not None:
            raise InputError(f"data set {self._name}: {fault}")

    def _given_up(self, ended: _Ended, numbers: Sequence[int] = ()) -> InputError:
        remedy = "free some, or give the cache room for all pixels (cache_budget), then go on with vislab resume"
        told = f"data set {self._name}: a process that decodes its images {ended}. Memory may have run out: {remedy}."
        if numbers:
            names = ", ".join(map(self._images.name, numbers))
            told += f" The one before it ended as well: if memory is not the cause, one of these images is: {names}."
        return InputError(told)


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
        digests: uint8 [N, 8], checksums of the squares.
    """

    def __init__(
        self, decoders: Decoders, numbers: npt.NDArray[np.int64], side: int, digests: npt.NDArray[np.uint8]
    ) -> None:
        super().__init__((len(numbers), decoders.channels, side, side))
        self._decoders = decoders
        self._numbers = numbers
        self._side = side
        self._digests = digests

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`.

        Raises:
            InputError: an image cannot be read any more, or is another one.
        """
        return self._begin(rows).wait()

    def in_order(self, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels of portions; the next ones are decoded meanwhile."""
        begun: deque[_Portion] = deque()
        try:
            for rows in portions:
                begun.append(self._begin(rows))
                if len(begun) > _AHEAD:
                    yield begun.popleft().wait()
            while begun:
                yield begun.popleft().wait()
        finally:
            for portion in begun:
                portion.give_up()

    def _begin(self, rows: torch.Tensor) -> _Portion:
        chosen = rows.numpy()
        return self._decoders.begin(self._numbers[chosen], self._side, self._digests[chosen])


def _start(setup: Setup) -> subprocess.Popen[bytes]:
    """Start a process; it answers when it has opened the images."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "vislab.engine.data.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    _tell(process, msgspec.json.encode(setup))
    return process


def _tell(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # that it has ended is seen where its answer is read
        process.stdin.write(line + b"\n")
        process.stdin.flush()


def _ask(process: subprocess.Popen[bytes], numbers: list[int], side: int, pixels: npt.NDArray[np.uint8]) -> None:
    """Have images decoded into uint8 [n, C, side, side]."""
    _tell(process, json.dumps([side, numbers]).encode())
    if (fault := _answer(process)) is not None:
        raise InputError(
            f"An image that could be read when the run began cannot be read any more: {fault}. {_PUT_BACK}"
        )
    assert isinstance(process.stdout, BufferedReader)
    if process.stdout.readinto(pixels.data) != pixels.nbytes:
        raise _ended(process)


def _answer(process: subprocess.Popen[bytes]) -> str | None:
    """What went wrong, if something did."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise _ended(process)
    fault: str | None = json.loads(line)
    return fault


def _ended(process: subprocess.Popen[bytes]) -> _Ended:
    code = process.wait()
    return _Ended(f"was killed by signal {-code}" if code < 0 else f"has ended (exit code {code})")


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.stdin is not None and process.stdout is not None
        process.kill()
        process.wait()
        with contextlib.suppress(BrokenPipeError):  # of what it was told when it had ended
            process.stdin.close()
        process.stdout.close()
