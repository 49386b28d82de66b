"""Decoded once: pixels in the cache folder, and from there in memory or mapped; without room there, decoded again."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine.cache import Cache, Entry, Unavailable, Work
from vislab.engine.data import manifest
from vislab.engine.data.checked import CheckedPixels
from vislab.engine.data.pixel_entries import (
    DIGESTS,
    KIND,
    NUMBERS,
    ORIGINALS,
    PIXELS,
    Checked,
    Indices,
    Reused,
    Wanted,
    fault_of,
    held_by,
)
from vislab.engine.data.pixels import decode, squares
from vislab.engine.data.source import ArrayImages, Pixels, UnreadableImage
from vislab.engine.data.stores import ArrayPixels, StoredPixels, portions_of
from vislab.engine.data.streaming import Decoders, Opened, StreamedPixels
from vislab.presets.schema.preprocessing import Preprocessing

_TELL_EVERY = 0.1  # seconds between two reports of progress
_RECORD_EVERY = 2.0  # seconds of decoding that a kill costs
_LOAD = 64 << 20  # bytes copied into memory between two looks at requests

Place = Literal["memory", "memory-mapped", "arrays", "streaming"]


@dataclass(frozen=True)
class Part:
    """The pixels of one role.

    Attributes:
        kept: int64 [n], numbers of the images that can be read, in the order asked for.
        pixels: uint8 [n, C, S, S].
        digests: uint8 [n, 8], a checksum of each image's pixels.
        originals: uint8 [n, 8], a checksum of each image as it was read, at its own size.
        unreadable: number to fault of the others.
    """

    kept: Indices
    pixels: StoredPixels
    digests: npt.NDArray[np.uint8]
    originals: npt.NDArray[np.uint8]
    unreadable: dict[int, UnreadableImage]


@dataclass
class Keeper:
    """Decides where the pixels of a run lie, and puts them there.

    Attributes:
        cache: None: nothing is cached.
        budget: bytes of memory for pixels.
        progress: called with (images done, images in all) of one call of `keep`; may raise to interrupt.
        places: where the pixels lie, one a call of `keep` with images.
        bytes: of all pixels.
        in_memory: bytes of those that lie in memory.
        decoded: images decoded by this process; the others were taken from the cache, from one entry or several.
        seconds: that decoding took.
        uncached: why the cache could not be used, if so.
    """

    cache: Cache | None
    budget: int
    progress: Callable[[int, int], None]
    places: list[Place] = field(default_factory=list)
    bytes: int = 0
    in_memory: int = 0
    decoded: int = 0
    seconds: float = 0.0
    uncached: str = ""
    _decoders: Decoders | None = None

    def keep(self, opened: Opened, parts: Sequence[Indices], preprocessing: Preprocessing, side: int) -> list[Part]:
        """Pixels of each part at one size, decoded if they were not before.

        Args:
            parts: int64 [n] each, numbers of images.

        Raises:
            InputError: an image that could be read cannot be read any more.
        """
        wanted = Wanted(opened, np.unique(np.concatenate(parts)), preprocessing, side)
        if not wanted.bytes:
            nothing = torch.empty((0, *wanted.shape), dtype=torch.uint8)
            return [_part(wanted, part, part, Checked.empty(0), lambda rows: nothing) for part in parts]
        in_memory = self.bytes + wanted.bytes <= self.budget
        self.bytes += wanted.bytes
        self.in_memory += wanted.bytes if in_memory else 0
        if wanted.ready is not None and not in_memory:
            return self._of_arrays(wanted, wanted.ready, parts)
        # Arrays are pixels already: to copy them takes no longer than to read a copy from the cache would.
        if wanted.ready is None and (entry := self._entry(wanted, KIND, wanted.bytes)) is not None:
            return self._of_entry(wanted, entry, parts, in_memory=in_memory)
        return self._into_memory(wanted, parts) if in_memory else self._streamed(wanted, parts)

    def _into_memory(self, wanted: Wanted, parts: Sequence[Indices]) -> list[Part]:
        order = np.concatenate(parts)  # so that each part is a piece of the whole, and not a copy
        pixels = np.empty((len(order), *wanted.shape), dtype=np.uint8)

        def store(position: int, block: Pixels) -> None:
            pixels[position : position + len(block)] = block

        checked = self._decode(replace(wanted, numbers=order), store)
        whole = torch.from_numpy(pixels)
        self.places.append("memory")
        ends = np.cumsum([len(part) for part in parts]).tolist()
        return [
            _part(wanted, part, np.arange(end - len(part), end), checked, partial(_rows, whole))
            for part, end in zip(parts, ends, strict=True)
        ]

    def _of_arrays(self, wanted: Wanted, images: ArrayImages, parts: Sequence[Indices]) -> list[Part]:
        checked = self._decode(wanted, lambda position, block: None)
        self.places.append("arrays")

        def array(rows: Indices) -> StoredPixels:
            return ArrayPixels(images, wanted.numbers[rows], wanted.preprocessing.channels)

        return [_part(wanted, part, wanted.rows(part), checked, array) for part in parts]

    def _of_entry(self, wanted: Wanted, entry: Entry, parts: Sequence[Indices], *, in_memory: bool) -> list[Part]:
        assert self.cache is not None
        cache, checked, wanted = self.cache, Checked.read(entry), held_by(wanted, entry)
        self.places.append("memory" if in_memory else "memory-mapped")

        def anew(rows: Indices) -> Pixels:
            cache.tell_of_mending(entry)
            began = time.monotonic()
            made = decode(wanted.opened.images, wanted.numbers[rows], wanted.preprocessing, size=wanted.side)
            self.decoded += len(rows)
            self.seconds += time.monotonic() - began
            return made.pixels.numpy()

        def mapped(rows: Indices) -> StoredPixels:
            store = CheckedPixels(entry.path(PIXELS), rows, wanted.shape, checked.digests, anew)
            return self._loaded(store, wanted) if in_memory else store

        try:
            return [_part(wanted, part, wanted.rows(part), checked, mapped) for part in parts]
        finally:
            if in_memory:  # all that is wanted was copied: others may remove it
                entry.release()

    def _loaded(self, store: CheckedPixels, wanted: Wanted) -> torch.Tensor:
        pixels = torch.empty(tuple(store.shape), dtype=torch.uint8)
        done = 0
        for rows in portions_of(len(store), max(1, _LOAD // wanted.image_bytes)):
            pixels[done : done + len(rows)] = store.take(rows)
            done += len(rows)
            self.progress(done, len(store))
        return pixels

    def _streamed(self, wanted: Wanted, parts: Sequence[Indices]) -> list[Part]:
        # Which images cannot be read decides how long an epoch is: all are looked at once before the first.
        if (entry := self._entry(wanted, DIGESTS, 0)) is not None:
            wanted, checked = held_by(wanted, entry), Checked.read(entry)
            entry.release()
        else:
            checked = self._decode(wanted, lambda position, block: None)
        decoders = self._decoders = self._decoders or Decoders(wanted.opened, wanted.preprocessing)
        self.places.append("streaming")

        def streamed(rows: Indices) -> StoredPixels:
            return StreamedPixels(decoders, wanted.numbers[rows], wanted.side, checked.digests[rows])

        return [_part(wanted, part, wanted.rows(part), checked, streamed) for part in parts]

    def _entry(self, wanted: Wanted, kind: str, size: int) -> Entry | None:
        """The entry in the cache, made if it is not there; None where the cache cannot hold it."""
        if self.cache is None:
            return None
        size += len(wanted.numbers) * (2 * manifest.DIGEST + wanted.numbers.itemsize)

        def holds_all(entry: Entry) -> bool:
            return wanted.describes(entry) and bool(np.isin(wanted.numbers, held_by(wanted, entry).numbers).all())

        try:
            while True:
                found = self.cache.find_where(kind, holds_all)
                if found is None:
                    found, made = self._begun(self.cache, wanted, kind, size)
                    if made:
                        return found
                if not (fault := fault_of(found, held_by(wanted, found))):
                    return found
                self.cache.discard(found, fault)
        except Unavailable as error:
            self.uncached = str(error)
            return None

    def _begun(self, cache: Cache, wanted: Wanted, kind: str, size: int) -> tuple[Entry, bool]:
        """The entry, and whether this process has made it: another one may have meanwhile."""
        begin = partial(cache.begin, kind, wanted.described, size=size, waiting=self.progress)
        reused = Reused(cache, wanted) if kind == KIND else None  # in use, lest it is removed to make room
        try:
            try:
                found = begin()
            except Unavailable:
                if reused is None or not reused.release():
                    raise
                found = begin()  # there is no room beside it
                reused = Reused(cache, wanted)
            if isinstance(found, Entry):
                return found, False
            with found:
                return self._made(found, wanted, reused), True
        finally:
            if reused is not None:
                reused.release()

    def _made(self, work: Work, wanted: Wanted, reused: Reused | None) -> Entry:
        """The entry of pixels and their checksums; of checksums alone where nothing is to be `reused`."""
        checked = Checked.empty(len(wanted.numbers))
        unreadable, originals = checked.unreadable, checked.originals
        unreadable.update({at: UnreadableImage(name, why) for at, name, why in work.done.get("unreadable", [])})

        def store(position: int, block: Pixels) -> None:
            if reused is not None:
                work.write(PIXELS, position * wanted.image_bytes, block.data)
            work.write(DIGESTS, position * manifest.DIGEST, manifest.digests(block).data)
            work.write(ORIGINALS, position * manifest.DIGEST, originals[position : position + len(block)].data)

        def record(position: int) -> None:
            known = [[at, error.name, error.reason] for at, error in list(unreadable.items()) if at < position]
            work.record({"position": position, "unreadable": known}, count=position, total=len(wanted.numbers))

        start = work.done.get("position", 0)
        try:
            self._run(wanted, store, checked, start, record, reused)
        except Unavailable:
            work.abandon()
            raise
        work.write_file(NUMBERS, wanted.numbers.tobytes())
        for name in (DIGESTS, ORIGINALS):  # whole, so that it is seen when one of them is damaged
            work.write_file(name, (work.folder / name).read_bytes())
        return work.publish({"unreadable": [[at, e.name, e.reason] for at, e in sorted(unreadable.items())]})

    def _decode(self, wanted: Wanted, store: Callable[[int, Pixels], None]) -> Checked:
        checked = Checked.empty(len(wanted.numbers))

        def digest_and_store(position: int, block: Pixels) -> None:
            checked.digests[position : position + len(block)] = manifest.digests(block)
            store(position, block)

        self._run(wanted, digest_and_store, checked)
        return checked

    def _run(
        self,
        wanted: Wanted,
        store: Callable[[int, Pixels], None],
        checked: Checked,
        start: int = 0,
        record: Callable[[int], None] = lambda position: None,
        reused: Reused | None = None,
    ) -> None:
        """Decode what is wanted from a position on; `record` is told now and then up to where all is stored.

        Args:
            checked: gets the checksums of originals, each before `store` is called with its image, and the faults.
            reused: what need not be decoded.
        """
        total, position, count, copied = len(wanted.numbers), start, start, 0
        ends: dict[int, int] = {}
        began = recorded = time.monotonic()
        told = 0.0
        portions = squares(
            wanted.opened.images,
            wanted.numbers,
            wanted.preprocessing,
            size=wanted.side,
            keep=store,
            unreadable=checked.unreadable,
            originals=checked.originals,
            start=start,
            known=None if reused is None else reused.fill,
        )
        try:
            with contextlib.closing(portions):
                for finished in portions:
                    ends.update((positions.start, positions.stop) for positions in finished)
                    count += sum(map(len, finished))
                    if reused is not None:
                        copied += sum(int(reused.taken[some.start : some.stop].sum()) for some in finished)
                    while position in ends:
                        position = ends.pop(position)
                    now = time.monotonic()
                    if now - recorded >= _RECORD_EVERY:
                        record(position)
                        recorded = time.monotonic()
                    if now - told >= _TELL_EVERY or count == total:
                        told = now
                        self.progress(count, total)
        finally:
            with contextlib.suppress(Unavailable):
                record(position)
            if wanted.ready is None:
                self.decoded += count - start - copied
                self.seconds += time.monotonic() - began


def _part(
    wanted: Wanted, numbers: Indices, rows: Indices, checked: Checked, make: Callable[[Indices], StoredPixels]
) -> Part:
    """The part of these numbers, which stand in these rows of what was decoded."""
    readable = ~np.isin(rows, list(checked.unreadable))
    kept, kept_rows = numbers[readable], rows[readable]
    return Part(
        kept=kept,
        pixels=make(kept_rows),
        digests=checked.digests[kept_rows],
        originals=checked.originals[kept_rows],
        unreadable={
            int(number): checked.unreadable[int(row)]
            for number, row in zip(numbers[~readable], rows[~readable], strict=True)
        },
    )


def _rows(whole: torch.Tensor, rows: Indices) -> torch.Tensor:
    """Rows in ascending order of a tensor: a view where they follow each other."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return whole[int(rows[0]) : int(rows[-1]) + 1]
    return whole.index_select(0, torch.from_numpy(rows))
