"""Decoded once: pixels in the cache folder, and from there in memory or mapped; without room there, decoded again."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import PIL
import torch

from vislab.engine.cache import Cache, Entry, Unavailable, Work
from vislab.engine.data import manifest
from vislab.engine.data.pixels import is_ready, squares
from vislab.engine.data.source import ArrayImages, FileImages, Pixels, UnreadableImage
from vislab.engine.data.stores import ArrayPixels, MappedPixels, StoredPixels, portions_of
from vislab.engine.data.streaming import Decoders, Opened, StreamedPixels
from vislab.presets.own_code import file_of
from vislab.presets.schema.preprocessing import Preprocessing

KIND = "pixels"
PIXELS, DIGESTS, ORIGINALS, NUMBERS = "pixels", "digests", "originals", "numbers"
"""Files of an entry: uint8 [M, C, S, S]; `manifest.digests` of it; `manifest.originals` of the images that it was made
of; int64 [M], ascending, which images they are."""

_LAYOUT = 2  # of the files, and of what our code makes of an image: with another one, entries are made again
_TELL_EVERY = 0.1  # seconds between two reports of progress
_RECORD_EVERY = 2.0  # seconds of decoding that a kill costs
_LOAD = 64 << 20  # bytes copied into memory between two looks at requests
_LOOKED_AT = 32 << 20  # bytes of an entry that are compared with their checksums before it is used

Indices = npt.NDArray[np.int64]
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


@dataclass(frozen=True)
class _Wanted:
    """Images of one data set at one size, in the order of their numbers."""

    opened: Opened
    numbers: Indices
    preprocessing: Preprocessing
    side: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.preprocessing.channels, self.side, self.side)

    @property
    def image_bytes(self) -> int:
        return self.preprocessing.channels * self.side * self.side

    @property
    def bytes(self) -> int:
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
            "source": _digest(own.read_bytes()) if own is not None else dataset.source,
            "options": msgspec.to_builtins(dataset.options),
            "fingerprint": self.opened.fingerprint,
            "decoder": f"Pillow {PIL.__version__}" + ("" if wanted.antialias else f", torch {torch.__version__}"),
            "layout": _LAYOUT,
        }

    @property
    def described(self) -> dict[str, Any]:
        """The images, and which of them."""
        count = len(self.numbers)
        return (
            {"data": self.images["data"], "images": count} | self.images | {"numbers": _digest(self.numbers.tobytes())}
        )


@dataclass
class Keeper:
    """Decides where the pixels of a run lie, and puts them there.

    Attributes:
        cache: None: nothing is cached.
        budget: bytes of memory for pixels.
        progress: called with (images done, images in all) of one call of `keep`; may raise to interrupt.
        places: where the pixels lie, one a call of `keep`.
        bytes: of all pixels.
        decoded: images decoded by this process; the others were taken from the cache.
        seconds: that decoding took.
        uncached: why the cache could not be used, if so.
    """

    cache: Cache | None
    budget: int
    progress: Callable[[int, int], None]
    places: list[Place] = field(default_factory=list)
    bytes: int = 0
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
        wanted = _Wanted(opened, np.unique(np.concatenate(parts)), preprocessing, side)
        in_memory = self.bytes + wanted.bytes <= self.budget
        self.bytes += wanted.bytes
        if wanted.ready is not None and not in_memory:
            return self._of_arrays(wanted, wanted.ready, parts)
        # Arrays are pixels already: to copy them takes no longer than to read a copy from the cache would.
        if wanted.ready is None and (entry := self._entry(wanted, KIND, wanted.bytes)) is not None:
            return self._of_entry(wanted, entry, parts, in_memory=in_memory)
        return self._in_memory(wanted, parts) if in_memory else self._streamed(wanted, parts)

    def _in_memory(self, wanted: _Wanted, parts: Sequence[Indices]) -> list[Part]:
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

    def _of_arrays(self, wanted: _Wanted, images: ArrayImages, parts: Sequence[Indices]) -> list[Part]:
        checked = self._decode(wanted, lambda position, block: None)
        self.places.append("arrays")

        def array(rows: Indices) -> StoredPixels:
            return ArrayPixels(images, wanted.numbers[rows], wanted.preprocessing.channels)

        return [_part(wanted, part, wanted.rows(part), checked, array) for part in parts]

    def _of_entry(self, wanted: _Wanted, entry: Entry, parts: Sequence[Indices], *, in_memory: bool) -> list[Part]:
        checked = _Checked.read(entry)
        wanted = _held(wanted, entry)
        self.places.append("memory" if in_memory else "memory-mapped")

        def mapped(rows: Indices) -> StoredPixels:
            store = MappedPixels(entry.path(PIXELS), rows, wanted.shape)
            return self._loaded(store, wanted) if in_memory else store

        return [_part(wanted, part, wanted.rows(part), checked, mapped) for part in parts]

    def _loaded(self, store: MappedPixels, wanted: _Wanted) -> torch.Tensor:
        pixels = torch.empty(tuple(store.shape), dtype=torch.uint8)
        done = 0
        for rows in portions_of(len(store), max(1, _LOAD // wanted.image_bytes)):
            pixels[done : done + len(rows)] = store.take(rows)
            done += len(rows)
            self.progress(done, len(store))
        return pixels

    def _streamed(self, wanted: _Wanted, parts: Sequence[Indices]) -> list[Part]:
        # Which images cannot be read decides how long an epoch is: all are looked at once before the first.
        if (entry := self._entry(wanted, DIGESTS, 0)) is not None:
            wanted, checked = _held(wanted, entry), _Checked.read(entry)
        else:
            checked = self._decode(wanted, lambda position, block: None)
        decoders = self._decoders = self._decoders or Decoders(wanted.opened, wanted.preprocessing)
        self.places.append("streaming")

        def streamed(rows: Indices) -> StoredPixels:
            return StreamedPixels(decoders, wanted.numbers[rows], wanted.side)

        return [_part(wanted, part, wanted.rows(part), checked, streamed) for part in parts]

    def _entry(self, wanted: _Wanted, kind: str, size: int) -> Entry | None:
        """The entry in the cache, made if it is not there; None where the cache cannot hold it."""
        if self.cache is None:
            return None
        size += len(wanted.numbers) * (2 * manifest.DIGEST + wanted.numbers.itemsize)

        def holds_all(entry: Entry) -> bool:
            same = all(entry.described.get(key) == value for key, value in wanted.images.items())
            return same and bool(np.isin(wanted.numbers, _held(wanted, entry).numbers).all())

        try:
            while True:
                found: Entry | Work | None = self.cache.find_where(kind, holds_all)
                if found is None:
                    found = self.cache.begin(kind, wanted.described, size=size, waiting=self.progress)
                if isinstance(found, Work):
                    with found:
                        return self._made(found, wanted, pixels=kind == KIND)
                if not (fault := _fault(found, _held(wanted, found))):
                    return found
                self.cache.discard(found, fault)
        except Unavailable as error:
            self.uncached = str(error)
            return None

    def _made(self, work: Work, wanted: _Wanted, *, pixels: bool) -> Entry:
        checked = _Checked.empty(len(wanted.numbers))
        unreadable, originals = checked.unreadable, checked.originals
        unreadable.update({at: UnreadableImage(name, why) for at, name, why in work.done.get("unreadable", [])})

        def store(position: int, block: Pixels) -> None:
            if pixels:
                work.write(PIXELS, position * wanted.image_bytes, block.data)
            work.write(DIGESTS, position * manifest.DIGEST, manifest.digests(block).data)
            work.write(ORIGINALS, position * manifest.DIGEST, originals[position : position + len(block)].data)

        def record(position: int) -> None:
            known = [[at, error.name, error.reason] for at, error in list(unreadable.items()) if at < position]
            work.record({"position": position, "unreadable": known}, count=position, total=len(wanted.numbers))

        try:
            self._run(wanted, store, checked, work.done.get("position", 0), record)
        except Unavailable:
            work.abandon()
            raise
        work.write_file(NUMBERS, wanted.numbers.tobytes())
        return work.publish({"unreadable": [[at, e.name, e.reason] for at, e in sorted(unreadable.items())]})

    def _decode(self, wanted: _Wanted, store: Callable[[int, Pixels], None]) -> "_Checked":
        checked = _Checked.empty(len(wanted.numbers))

        def digest_and_store(position: int, block: Pixels) -> None:
            checked.digests[position : position + len(block)] = manifest.digests(block)
            store(position, block)

        self._run(wanted, digest_and_store, checked)
        return checked

    def _run(
        self,
        wanted: _Wanted,
        store: Callable[[int, Pixels], None],
        checked: "_Checked",
        start: int = 0,
        record: Callable[[int], None] = lambda position: None,
    ) -> None:
        """Decode what is wanted from a position on; `record` is told now and then up to where all is stored.

        Args:
            checked: gets the checksums of originals, each before `store` is called with its image, and the faults.
        """
        total, position, count = len(wanted.numbers), start, start
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
        )
        try:
            with contextlib.closing(portions):
                for finished in portions:
                    ends.update((positions.start, positions.stop) for positions in finished)
                    count += sum(map(len, finished))
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
                self.decoded += count - start
                self.seconds += time.monotonic() - began


@dataclass(frozen=True)
class _Checked:
    """What is known of images once they were decoded: checksums, uint8 [M, 8], and position to fault of the others."""

    digests: npt.NDArray[np.uint8]
    originals: npt.NDArray[np.uint8]
    unreadable: dict[int, UnreadableImage]

    @classmethod
    def empty(cls, count: int) -> "_Checked":
        digests, originals = np.zeros((2, count, manifest.DIGEST), dtype=np.uint8)
        return cls(digests, originals, {})

    @classmethod
    def read(cls, entry: Entry) -> "_Checked":
        digests, originals = (np.fromfile(entry.path(name), dtype=np.uint8) for name in (DIGESTS, ORIGINALS))
        return cls(
            digests.reshape(-1, manifest.DIGEST),
            originals.reshape(-1, manifest.DIGEST),
            {position: UnreadableImage(name, why) for position, name, why in entry.about["unreadable"]},
        )


def _held(wanted: _Wanted, entry: Entry) -> _Wanted:
    """What an entry holds: what is wanted, and perhaps more images."""
    return replace(wanted, numbers=np.fromfile(entry.path(NUMBERS), dtype=np.int64))


def _fault(entry: Entry, wanted: _Wanted) -> str:
    """Why an entry is not to be used; empty where it is sound."""
    if not entry.intact(NUMBERS):
        return "is damaged"
    checked = _Checked.read(entry)
    for position in checked.unreadable:  # perhaps only its disk was not there
        with contextlib.suppress(UnreadableImage):
            wanted.opened.images.read(int(wanted.numbers[position]))
            return "was made when some images could not be read that now can"
    if entry.kind == KIND:
        count = len(wanted.numbers)
        looked_at = min(count, max(1, _LOOKED_AT // wanted.image_bytes))
        some = np.unique(np.linspace(0, count - 1, looked_at).astype(np.int64))
        pixels = MappedPixels(entry.path(PIXELS), some, wanted.shape)
        if not np.array_equal(manifest.digests(pixels[:].numpy()), checked.digests[some]):
            return "is damaged"
    return ""


def _part(
    wanted: _Wanted, numbers: Indices, rows: Indices, checked: _Checked, make: Callable[[Indices], StoredPixels]
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


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
