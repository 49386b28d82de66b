"""Copies that bring every class to `balance_to`, augmented once: in memory, else in the cache and mapped from there."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine import randomness
from vislab.engine.cache import Cache, Entry, Unavailable, Work
from vislab.engine.data import manifest
from vislab.engine.data.augment import Pipeline, parse_names
from vislab.engine.data.checked import CheckedPixels
from vislab.engine.data.pixel_entries import DIGESTS, PIXELS, digest_of, fault_of_pixels
from vislab.engine.data.source import Pixels
from vislab.engine.data.stored import Keeper
from vislab.engine.data.stores import JoinedPixels, StoredPixels, in_order, portions_of
from vislab.presets.errors import InputError
from vislab.presets.own_code import file_of
from vislab.presets.schema.spec import Spec
from vislab.presets.sizes import amount

KIND = "copies"
_LAYOUT = 2  # of the files, and of what our code makes of an image: with another one, entries are made again
_PORTION = 64  # images that are augmented at once
_RECORD_EVERY = 2.0  # seconds of augmenting that a kill costs


@dataclass(frozen=True)
class Copies:
    """Which training images are copied, and what becomes of each copy.

    Attributes:
        rows: int64 [n], the training image of each copy.
        pipeline: makes squares of the size that it is given.
        draws: float32 [n, columns], of each copy.
    """

    rows: torch.Tensor
    pipeline: Pipeline
    draws: torch.Tensor

    @classmethod
    def of(cls, labels: torch.Tensor, spec: Spec, *, side: int, code: Path) -> "Copies":
        """The copies that classes with fewer images than `balance_to` lack; classes without images get none.

        Copies go through the images of a class in turn, so that none is copied twice before all were copied once.

        Args:
            labels: int64 [N], of the training images.
            side: of the stored squares.
            code: folder with the copies of the user's own files.
        """
        pipeline = Pipeline(spec.strategy.balance_augment, image_size=side, folder=code)
        copied = [torch.empty(0, dtype=torch.int64)]
        for label in labels.unique():
            members = torch.nonzero(labels == label).flatten()
            copied.append(members[torch.arange(max(0, spec.strategy.balance_to - len(members))) % len(members)])
        rows = torch.cat(copied)
        draws = torch.from_numpy(randomness.table(spec.seed, "balance", 0, len(rows), pipeline.columns))
        return cls(rows, pipeline, draws)

    def __len__(self) -> int:
        return len(self.rows)

    def made(self, pixels: StoredPixels, portions: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Make copies of the training images' pixels, uint8 [N, C, S, S].

        Args:
            portions: int64 [m] each, numbers of copies.

        Yields:
            uint8 [m, C, S, S]; a copy is the same in any portion, but for rounding in few of its pixels.
        """
        listed = list(portions)
        for images, numbers in zip(in_order(pixels, [self.rows[some] for some in listed]), listed, strict=True):
            augmented = self.pipeline(images.to(torch.float32).div_(255), self.draws[numbers])
            yield augmented.mul_(255).round_().clamp_(0, 255).to(torch.uint8)

    def made_again(self, pixels: StoredPixels, rows: npt.NDArray[np.int64]) -> Pixels:
        """Copies as they were made at first, bit for bit: in the portions that they were made in.

        Args:
            rows: int64 [m], numbers of copies.

        Returns:
            uint8 [m, C, S, S].
        """
        portions, of_row = np.unique(rows // _PORTION, return_inverse=True)
        numbers = torch.arange(len(self)).split(_PORTION)
        made = [portion.numpy() for portion in self.made(pixels, (numbers[one] for one in portions.tolist()))]
        return np.stack([made[one][row % _PORTION] for one, row in zip(of_row.tolist(), rows.tolist(), strict=True)])


def with_copies(
    pixels: StoredPixels,
    digests: npt.NDArray[np.uint8],
    labels: torch.Tensor,
    copies: Copies,
    spec: Spec,
    *,
    code: Path,
    keeper: Keeper,
    check: Callable[[], None],
) -> tuple[StoredPixels, npt.NDArray[np.uint8]]:
    """Training pixels, uint8 [N, C, S, S], with the copies behind them, and the checksums of all, uint8 [N + n, 8].

    Args:
        digests, labels: of the training images, uint8 [N, 8] and int64 [N].
        keeper: has put the training pixels where they are; counts the copies too.
        check: called often; may raise to interrupt.

    Raises:
        InputError: neither the memory budget nor the cache has room for the copies.
    """
    shape = _shape(pixels)
    size = len(copies) * math.prod(shape)
    room = keeper.budget - keeper.in_memory
    keeper.bytes += size
    if size > room:
        described = _described(digests, labels, copies, spec, shape[-1], code)
        try:
            if keeper.cache is None:
                raise Unavailable("it is off (cache_budget = 0)")
            entry = _entry(keeper.cache, described, pixels, copies, check)
        except Unavailable as reason:
            raise InputError(
                f"strategy.balance_to = {spec.strategy.balance_to} adds {len(copies)} copies, {amount(size)}: more "
                f"than the images leave of memory_budget, {amount(keeper.budget)}, and the cache cannot hold them: "
                f"{str(reason).removesuffix('.')}. Give a smaller balance_to, a larger memory_budget or a larger "
                f"cache_budget."
            ) from None
        keeper.places.append("memory-mapped")
        cache, of_copies = keeper.cache, _digests_in(entry)

        def anew(rows: npt.NDArray[np.int64]) -> Pixels:
            cache.tell_of_mending(entry)
            return copies.made_again(pixels, rows)

        mapped = CheckedPixels(entry.path(PIXELS), np.arange(len(copies)), shape, of_copies, anew)
        return JoinedPixels(pixels, mapped), np.concatenate([digests, of_copies])
    keeper.places.append("memory")
    keeper.in_memory += size
    whole: StoredPixels
    if isinstance(pixels, torch.Tensor) and size + pixels.nbytes <= room:  # both are there until the first is let go
        keeper.in_memory += pixels.nbytes
        whole = torch.empty((len(pixels) + len(copies), *shape), dtype=torch.uint8)
        whole[: len(pixels)] = pixels
        added = whole[len(pixels) :]
    else:
        added = torch.empty((len(copies), *shape), dtype=torch.uint8)
        whole = JoinedPixels(pixels, added)
    done = 0
    for portion in copies.made(pixels, portions_of(len(copies), _PORTION)):
        check()
        added[done : done + len(portion)] = portion
        done += len(portion)
    return whole, np.concatenate([digests, manifest.digests(added.numpy())])


def _entry(
    cache: Cache, described: dict[str, Any], pixels: StoredPixels, copies: Copies, check: Callable[[], None]
) -> Entry:
    shape = _shape(pixels)
    size = len(copies) * (math.prod(shape) + manifest.DIGEST)
    while True:
        found = cache.begin(KIND, described, size=size, waiting=lambda done, total: check())
        if isinstance(found, Work):
            with found:
                return _fill(found, pixels, copies, check)
        fault = "is damaged"
        if found.intact(DIGESTS) and not (fault := fault_of_pixels(found.path(PIXELS), shape, _digests_in(found))):
            return found
        cache.discard(found, fault)


def _fill(work: Work, pixels: StoredPixels, copies: Copies, check: Callable[[], None]) -> Entry:
    done, recorded = work.done.get("copies", 0), time.monotonic()
    image_bytes = math.prod(_shape(pixels))
    try:
        missing = torch.arange(done, len(copies)).split(_PORTION)
        for portion in copies.made(pixels, (numbers for numbers in missing if len(numbers))):
            check()
            block = portion.numpy()
            work.write(PIXELS, done * image_bytes, block.data)
            work.write(DIGESTS, done * manifest.DIGEST, manifest.digests(block).data)
            done += len(portion)
            if time.monotonic() - recorded >= _RECORD_EVERY:
                work.record({"copies": done}, count=done, total=len(copies))
                recorded = time.monotonic()
        work.write_file(DIGESTS, (work.folder / DIGESTS).read_bytes())  # whole, so that it is seen if it is damaged
        return work.publish()
    except Unavailable:
        work.abandon()
        raise


def _described(
    digests: npt.NDArray[np.uint8], labels: torch.Tensor, copies: Copies, spec: Spec, side: int, code: Path
) -> dict[str, Any]:
    """Everything that the copies follow from, with what a person knows them by."""
    strategy = spec.strategy
    calls = parse_names(strategy.balance_augment, code)
    files = {call.reference: path for call in calls if (path := file_of(call.reference, code)) is not None}
    return {
        "data": spec.dataset.path or spec.dataset.name,
        "images": len(copies),
        "balance_to": strategy.balance_to,
        "augment": [call.text for call in calls],
        "own": {reference: digest_of(path.read_bytes()) for reference, path in files.items()},
        "seed": spec.seed,
        "side": side,
        "pixels": digest_of(digests.tobytes()),
        "labels": digest_of(labels.numpy().tobytes()),
        "torch": torch.__version__,
        "processor": torch.backends.cpu.get_cpu_capability(),
        "layout": _LAYOUT,
    }


def _digests_in(entry: Entry) -> npt.NDArray[np.uint8]:
    return np.fromfile(entry.path(DIGESTS), dtype=np.uint8).reshape(-1, manifest.DIGEST)


def _shape(pixels: StoredPixels) -> tuple[int, int, int]:
    _, channels, height, width = pixels.shape
    return channels, height, width
