"""Decode once: images into one uint8 tensor of squares, on all cores."""

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.data.preprocessing import to_square
from vislab.engine.data.source import ArrayImages, Images, Pixels, UnreadableImage
from vislab.presets.errors import InputError
from vislab.presets.schema.preprocessing import Preprocessing

_NAMED = 10  # unreadable images named in an error
_CHUNK = 32  # images a task; small enough that a request to stop is obeyed at once
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
    storage: Path | None = None,
) -> Decoded:
    """Decode images and bring each to a square, uint8 [n, C, size, size].

    Args:
        images: where to read from.
        indices: int64 [n], which images, in the order of the result.
        preprocessing: channels, resize, interpolation; mean and std are not applied.
        size: side of the squares in pixels.
        progress: called in this thread with (done, n), at most ten times a second and once at the end.
        should_stop: asked at the same times.
        skip_unreadable: leave unreadable images out and list them, instead of raising.
        storage: a file to keep the pixels in, memory-mapped, when memory is short; replaced if it exists.

    Raises:
        InputError: images that cannot be read, all counted and the first ten named.
        Stopped: should_stop() returned true.
    """
    count = len(indices)
    shape = (count, preprocessing.channels, size, size)
    if storage is None or count == 0:
        pixels: Pixels = np.empty(shape, dtype=np.uint8)
    else:
        pixels = np.memmap(storage, dtype=np.uint8, mode="w+", shape=shape)
    unreadable: dict[int, UnreadableImage] = {}
    done = 0
    told = 0.0
    for finished in _fill(pixels, images, indices, preprocessing, size, unreadable):
        done += finished
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


def _fill(
    pixels: Pixels,
    images: Images,
    indices: npt.NDArray[np.int64],
    preprocessing: Preprocessing,
    size: int,
    unreadable: dict[int, UnreadableImage],
) -> Iterator[int]:
    """Write every image to its place in `pixels`; yields how many more are done, zero at least ten times a second."""
    chunk = _CHUNK
    work: Callable[[int, int], None]
    if isinstance(images, ArrayImages) and _is_ready(images, preprocessing, size):
        chunk = 4096

        def work(start: int, stop: int) -> None:
            pixels[start:stop] = np.moveaxis(images.take(indices[start:stop]), 3, 1)
    else:

        def work(start: int, stop: int) -> None:
            for position in range(start, stop):
                try:
                    pixels[position] = to_square(images.read(int(indices[position])), preprocessing, size)
                except UnreadableImage as error:
                    unreadable[position] = error

    starts = iter(range(0, len(indices), chunk))
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        waiting: dict[Future[None], int] = {}
        try:
            while True:
                for start in itertools.islice(starts, 4 * threads - len(waiting)):
                    stop = min(start + chunk, len(indices))
                    waiting[pool.submit(work, start, stop)] = stop - start
                if not waiting:
                    return
                finished, _ = wait(waiting, timeout=_TELL_EVERY, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                yield sum(waiting.pop(future) for future in finished)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _is_ready(images: ArrayImages, preprocessing: Preprocessing, size: int) -> bool:
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
        f"dataset.skip_unreadable=true:\n" + "\n".join(lines)
    )
