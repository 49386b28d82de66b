"""Decoding: images into uint8 squares, on all cores."""

import itertools
import math
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.data import manifest
from vislab.engine.data.source import ArrayImages, Images, Pixels, UnreadableImage
from vislab.engine.data.squares import to_square
from vislab.engine.runs.devices import host
from vislab.presets.errors import InputError
from vislab.presets.schema.preprocessing import Preprocessing

_NAMED = 10  # unreadable images named in an error
_CHUNK = 32  # images a task; small enough that a request to stop is obeyed at once
_READY_CHUNK = 4096  # images a task that need nothing but to be copied
_TELL_EVERY = 0.1  # seconds between two reports of progress


class Stopped(Exception):  # noqa: N818  (a wish fulfilled, not an error)
    """Decoding ended early because `should_stop` said so."""


@dataclass(frozen=True)
class Decoded:
    """Decoded images.

    Attributes:
        pixels: uint8 [m, C, size, size], contiguous.
        kept: int64 [m], positions in the `indices` asked for; all of them unless unreadable images were skipped.
        unreadable: the images that were skipped, in the order of `indices`.
    """

    pixels: torch.Tensor
    kept: npt.NDArray[np.int64]
    unreadable: tuple[UnreadableImage, ...] = ()


def store_size(preprocessing: Preprocessing, crops: bool) -> int:
    """Side at which training pixels are kept.

    Args:
        preprocessing: its store_size, if any, is the answer.
        crops: whether a random resized crop follows, which gets 1.5 x image_size to crop from.

    Raises:
        InputError: store_size is below image_size.
    """
    if preprocessing.store_size == 0:
        return math.ceil(1.5 * preprocessing.image_size) if crops else preprocessing.image_size
    if preprocessing.store_size < preprocessing.image_size:
        raise InputError(
            f"preprocessing.store_size = {preprocessing.store_size} is below preprocessing.image_size = "
            f"{preprocessing.image_size}: stored pixels would be blown up. Give 0 or at least the image_size."
        )
    return preprocessing.store_size


def decode(
    images: Images,
    indices: npt.NDArray[np.int64],
    preprocessing: Preprocessing,
    *,
    size: int,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    skip_unreadable: bool = False,
) -> Decoded:
    """Decode images into memory, each brought to a square, uint8 [n, C, size, size].

    Args:
        images: where to read from.
        indices: int64 [n], which images, in the order of the result.
        preprocessing: channels, resize, interpolation; mean and std are not applied.
        size: side of the squares in pixels.
        progress: called in this thread with (done, n), at most ten times a second and once at the end.
        should_stop: asked at the same times.
        skip_unreadable: leave unreadable images out and list them, instead of raising.

    Raises:
        InputError: images that cannot be read, all counted and the first ten named.
        Stopped: should_stop() returned true.
    """
    count = len(indices)
    pixels: Pixels = np.empty((count, preprocessing.channels, size, size), dtype=np.uint8)
    unreadable: dict[int, UnreadableImage] = {}
    done = 0
    told = 0.0

    def keep(start: int, block: Pixels) -> None:
        pixels[start : start + len(block)] = block

    for finished in squares(images, indices, preprocessing, size=size, keep=keep, unreadable=unreadable):
        done += sum(map(len, finished))
        if time.monotonic() - told >= _TELL_EVERY or done == count:
            told = time.monotonic()
            if should_stop is not None and should_stop():
                raise Stopped(f"stopped after {done} of {count} images")
            if progress is not None:
                progress(done, count)
    skipped = tuple(unreadable[position] for position in sorted(unreadable))
    if skipped and not skip_unreadable:
        raise InputError(complaint(skipped, count))
    kept = np.setdiff1d(np.arange(count, dtype=np.int64), np.fromiter(unreadable, dtype=np.int64))
    if skipped:
        pixels = pixels[kept]
    return Decoded(torch.from_numpy(pixels), kept, skipped)


def squares(
    images: Images,
    indices: npt.NDArray[np.int64],
    preprocessing: Preprocessing,
    *,
    size: int,
    keep: Callable[[int, Pixels], None],
    unreadable: dict[int, UnreadableImage],
    originals: Pixels | None = None,
    start: int = 0,
    known: Callable[[int, Pixels, Pixels], bool] | None = None,
) -> Generator[list[range], None, None]:
    """Decode images on all cores, in portions that follow each other.

    Args:
        originals: uint8 [n, DIGEST], gets `manifest.originals` of each image before `keep` is called with it.
        start: positions in `indices` below it are left out.
        keep: called in the decoding threads with the position of the first image in `indices` and a portion, uint8
            [m, C, size, size]; images that cannot be read are black in it.
        unreadable: gets position and fault of each such image.
        known: asked in the decoding threads before an image is read, where there are `originals`: it may fill the
            image's square, uint8 [C, size, size], and row of `originals`, and returns whether it did.

    Yields:
        The positions that `keep` has returned for since the last time, perhaps none; at least ten times a second.
    """

    ready = images if isinstance(images, ArrayImages) and is_ready(images, preprocessing, size) else None
    chunk = _CHUNK if ready is None else _READY_CHUNK

    def work(positions: range) -> None:
        whole = (len(positions), preprocessing.channels, size, size)
        if ready is not None:
            taken = ready.take(indices[positions.start : positions.stop])
            if originals is not None:
                originals[positions.start : positions.stop] = manifest.originals(taken)
            keep(positions.start, np.ascontiguousarray(np.broadcast_to(np.moveaxis(taken, 3, 1), whole)))
            return
        block = np.zeros(whole, dtype=np.uint8)
        for position in positions:
            if known is not None and originals is not None:
                if known(position, block[position - positions.start], originals[position]):
                    continue
                block[position - positions.start] = 0
            try:
                image = images.read(int(indices[position]))
                block[position - positions.start] = to_square(image, preprocessing, size)
                if originals is not None:
                    originals[position] = manifest.originals([image])
            except UnreadableImage as error:
                unreadable[position] = error
        keep(positions.start, block)

    portions = (range(first, min(first + chunk, len(indices))) for first in range(start, len(indices), chunk))
    threads = host().usable_cores
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        waiting: dict[Future[None], range] = {}
        try:
            while True:
                for positions in itertools.islice(portions, 4 * threads - len(waiting)):
                    waiting[pool.submit(work, positions)] = positions
                if not waiting:
                    return
                finished, _ = wait(waiting, timeout=_TELL_EVERY, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                yield [waiting.pop(future) for future in finished]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def is_ready(images: ArrayImages, preprocessing: Preprocessing, size: int) -> bool:
    """Whether the array's images need no resizing and no grey conversion (grey to RGB is a broadcast)."""
    height, width, channels = images.shape
    whole = preprocessing.resize != "crop" or preprocessing.crop_fraction == 1.0
    return height == width == size and whole and channels in (1, preprocessing.channels)


def complaint(unreadable: Sequence[UnreadableImage], count: int) -> str:
    """What to tell of images that cannot be read, of `count` in all: how many, the first ten by name, the remedy."""
    lines = [f"  {error.name}: {error.reason}" for error in unreadable[:_NAMED]]
    if len(unreadable) > _NAMED:
        lines.append(f"  … and {len(unreadable) - _NAMED} more (`vislab data` lists them all)")
    noun = "image" if len(unreadable) == 1 else "images"
    return (
        f"{len(unreadable)} of {count} images cannot be read; repair or remove the {noun}, or leave them out with "
        f"--skip-unreadable (dataset.skip_unreadable=true):\n" + "\n".join(lines)
    )
