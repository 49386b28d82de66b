"""Runs the frozen part of a network over a run's images, once, and keeps what it makes of them.

In the cache folder an entry holds the features of a set of images in files of 256 images, each with its checksum. Its
key says everything that they follow from: frozen weights, network, images, their preprocessing and the arithmetic.
"""

import hashlib
import importlib.metadata
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vislab.engine.cache import Cache, Entry, Unavailable, Work
from vislab.engine.code import file_of
from vislab.engine.data.loading import Data, LabelledPixels
from vislab.engine.data.preprocessing import normalise
from vislab.engine.data.sending import sent
from vislab.engine.data.stores import JoinedPixels, StoredPixels
from vislab.engine.models.split import Inseparable, Split, split
from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training import strategies
from vislab.engine.training.controls import Controls
from vislab.engine.training.features import SHARD, Features, Table, never
from vislab.engine.training.loop import Loop
from vislab.engine.training.memory import is_out_of_memory
from vislab.engine.training.precision import Arithmetic, autocast
from vislab.presets.augmentation_text import parse_names
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.presets.sizes import amount

DECISION = "features"
ONCE, EACH_EPOCH = "once per image", "each epoch"
"""What can be decided."""

KIND = "features"
_BATCH, _BATCH_ON_DEVICE = 16, 128  # images that the frozen part sees at once


class _Impossible(Exception):  # noqa: N818  (leads to training as without features)
    """Features cannot be kept; the text says why."""


@dataclass(frozen=True)
class _Images:
    """Images to take features of.

    Attributes:
        digests: uint8 [N, 8], of what they are made from.
        take: numbers, int64 [B], -> the model's input, float32 [B, C, S, S].
        about: what else they follow from, as JSON can hold it.
    """

    digests: npt.NDArray[np.uint8]
    take: Callable[[Tensor], Tensor]
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.digests)


@dataclass
class Extraction:
    """Takes the features of one run's images, or finds them in the cache, and says so.

    Args:
        code: folder with the copies of the user's own files.
    """

    spec: Spec
    settings: Settings
    code: Path
    device: torch.device
    arithmetic: Arithmetic
    reporter: Reporter
    controls: Controls
    _split: Split = field(init=False)
    _model: nn.Module = field(init=False)
    _shape: tuple[int, ...] = field(init=False)
    _dtype: torch.dtype = field(init=False)
    _batch: int = field(init=False)
    _entries: list[Entry] = field(default_factory=list)
    _computed: int = 0
    _computing: float = 0.0
    """Seconds that all features took when they were computed, by this run or by the one that filled the cache; NaN
    where an entry of an older version does not say.
    """
    _done: int = 0
    _total: int = 0
    _began: float = 0.0

    def __call__(self, data: Data, loop: Loop, weights: str, decided: DecisionMade | None) -> Features | None:
        """Take the features, where that is possible and wanted.

        Args:
            loop: its model stands where training begins or goes on.
            weights: hash of the frozen parameters and buffers.
            decided: what the run decided before, if anything. What a run has begun it goes on with, if it can.

        Returns:
            None: the whole network runs on every batch.

        Raises:
            Interrupted: somebody asked; what was taken so far is in the cache.
        """
        if self.spec.strategy.freeze != "backbone":
            return None
        step = loop.training.position.step
        begun = decided if step else None
        if step and (begun is None or begun.choice != ONCE):
            return None
        self._began = time.monotonic() - self.controls.paused_seconds
        try:
            features = self._features(data, loop, weights)
        except _Impossible as impossible:
            if begun is None:
                self.reporter.decide(DECISION, EACH_EPOCH, str(impossible))
            else:  # what the pass took stays told
                self.reporter.decide(DECISION, EACH_EPOCH, _changed_over(step, impossible), **begun.details, until=step)
            return None
        if begun is None:
            self._tell(features)
        return features

    def _features(self, data: Data, loop: Loop, weights: str) -> Features:
        if why_not := never(self.spec):
            raise _Impossible(why_not)
        strategies.freeze(loop.training.model, loop.assembled.head, loop.assembled.groups, 1)
        self._model = loop.training.model
        parts = [*{id(part): part for part in (data.train, data.validation, data.test) if part is not None}.values()]
        views = self._views(data.train, loop)
        plain = [part for part in parts if part is not data.train or not views]
        images, rows = self._plain(plain) if plain else (None, {})
        sources = [*views, *([images] if images is not None else [])]
        self._cut(loop.assembled.head, sources[0])
        self._total = sum(map(len, sources))
        size = self._total * self._row_bytes
        left = data.keeper.budget - data.keeper.in_memory
        kept = [self._shards(source, weights, in_memory=size <= left) for source in sources]
        layout = self.arithmetic.layout
        tables = {part: Table(kept[-1], where, self.device, layout) for part, where in rows.items()}
        every = torch.arange(len(data.train))
        return Features(
            split=self._split,
            train=tuple(Table(shards, every, self.device, layout) for shards in kept[: len(views)])
            or (tables[id(data.train)],),
            validation=tables.get(id(data.validation)),
            test=tables.get(id(data.test)),
            entries=tuple(self._entries),
        )

    def _views(self, train: LabelledPixels, loop: Loop) -> list[_Images]:
        """The training images as they look in each view; none where they look as in an evaluation."""
        strategy = self.spec.strategy
        if not strategy.cached_views and train.pixels.shape[-1] == self.spec.preprocessing.image_size:
            return []
        calls = parse_names(() if strategy.augment == "none" else strategy.augment, self.code)
        about = {
            "size": self.spec.preprocessing.image_size,
            "augment": [call.text if call.builtin else [self._content(call.reference), call.options] for call in calls],
            "seed": self.spec.seed,
        }
        return [
            _Images(train.digests, loop.batches.view(view), about | {"view": view})
            for view in range(1, max(1, strategy.cached_views) + 1)
        ]

    def _plain(self, parts: Sequence[LabelledPixels]) -> tuple[_Images, dict[int, Tensor]]:
        """The images of different parts, each once, in an order that does not depend on how they were divided.

        Returns:
            The images, and each part's rows by its `id`.
        """
        stores: list[StoredPixels] = [part.pixels for part in parts]
        joined = reduce(JoinedPixels, stores)
        every = np.concatenate([part.digests for part in parts])
        unique, first, inverse = np.unique(every, axis=0, return_index=True, return_inverse=True)
        places, rows = torch.from_numpy(first), torch.from_numpy(inverse.reshape(-1))

        def take(numbers: Tensor) -> Tensor:
            pixels = sent(joined.index_select(0, places[numbers]), self.device)
            images = normalise(pixels, self.spec.preprocessing)
            return images.contiguous(memory_format=self.arithmetic.layout)

        ends = np.cumsum([len(part) for part in parts]).tolist()
        return _Images(unique, take), {
            id(part): rows[end - len(part) : end] for part, end in zip(parts, ends, strict=True)
        }

    def _cut(self, head: tuple[str, ...], images: _Images) -> None:
        """Find where to cut the network, what its features are like, and how many images fit at once."""
        self._batch = _BATCH if self.device.type == "cpu" else _BATCH_ON_DEVICE
        while True:
            try:
                tried = images.take(self._rows_of_batch(images, 0))
                self._split = split(self._model, head, tried)
                found = self._run(tried)
                break
            except Inseparable as error:
                raise _Impossible(f"the network cannot be cut in front of its head: {error}") from error
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or self._batch == 1:
                    raise
            self._batch //= 2
        self._shape, self._dtype = tuple(found.shape[1:]), found.dtype

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self._shape)) * self._dtype.itemsize

    @torch.no_grad()
    def _run(self, images: Tensor) -> Tensor:
        with autocast(self.arithmetic.precision, self.device):
            return self._split.features(self._model, images)

    def _rows_of_batch(self, images: _Images, start: int) -> Tensor:
        """A batch of rows; the last one is filled up, for kernels may round differently for another batch size."""
        return torch.arange(start, start + self._batch).clamp_(max=len(images) - 1)

    def _shards(self, images: _Images, weights: str, *, in_memory: bool) -> tuple[Tensor, ...]:
        """The features of images, from the cache or through it, [256, ...] each; all in one if `in_memory`."""
        described = self._described(images, weights)
        cache = Cache.of(self.settings, tell=lambda said: self.reporter.notice("warning", DECISION, said))
        before = self._done
        try:
            return self._cached(cache, images, described, in_memory=in_memory)
        except Unavailable as unavailable:
            if not in_memory:
                size = len(images) * self._row_bytes
                raise _Impossible(
                    f"{amount(size)} of features fit neither the memory nor the cache: {unavailable}"
                ) from unavailable
            self.reporter.notice("warning", DECISION, f"{unavailable}: the features are kept in memory only.")
        self._done, begun = before, self._seconds
        whole = torch.cat([self._shard(images, number) for number in range(_shards_of(images))])
        self._computing += self._seconds - begun
        return (whole,)

    def _cached(
        self, cache: Cache, images: _Images, described: dict[str, Any], *, in_memory: bool
    ) -> tuple[Tensor, ...]:
        def waiting(done: int, total: int) -> None:
            self.reporter.progress("features", done=done, total=total)
            self.controls.check()

        for _ in range(2):
            found = cache.begin(KIND, described, size=len(images) * self._row_bytes, waiting=waiting)
            entry = self._fill(found, images) if isinstance(found, Work) else found
            if all(entry.intact(_name(number)) for number in range(_shards_of(images))):
                break
            cache.discard(entry, "is damaged")
        else:
            raise Unavailable(f"The cache's entry {entry.folder} is damaged again and again")
        self._done += len(images) if not isinstance(found, Work) else 0
        self._computing += entry.about.get("seconds", math.nan)
        if not in_memory:
            self._entries.append(entry)
            return tuple(self._mapped(entry, number) for number in range(_shards_of(images)))
        whole = torch.empty(len(images) * self._row_bytes, dtype=torch.uint8)
        room, start = whole.numpy().data, 0
        for number in range(_shards_of(images)):
            with entry.path(_name(number)).open("rb", buffering=0) as file:
                start += file.readinto(room[start:])
        entry.release()
        return (whole.view(self._dtype).view(-1, *self._shape),)

    def _fill(self, work: Work, images: _Images) -> Entry:
        with work:
            begun, earlier, since = work.done.get("shards", 0), work.done.get("seconds", 0.0), self._seconds
            self._done += min(begun * SHARD, len(images))
            for number in range(begun, _shards_of(images)):
                shard = self._shard(images, number)
                work.write_file(_name(number), shard.view(torch.uint8).numpy().tobytes())
                done = {"shards": number + 1, "seconds": earlier + self._seconds - since}
                work.record(done, count=min((number + 1) * SHARD, len(images)), total=len(images))
            return work.publish(
                {
                    "data": self.spec.dataset.name,
                    "backbone": self.spec.architecture.name,
                    "shape": self._shape,
                    "dtype": str(self._dtype),
                    "seconds": earlier + self._seconds - since,
                }
            )

    def _mapped(self, entry: Entry, number: int) -> Tensor:
        path = entry.path(_name(number))
        content = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)
        return content.view(self._dtype).view(-1, *self._shape)

    def _shard(self, images: _Images, number: int) -> Tensor:
        """Run the frozen part: features [n, ...] of a shard's images, on the CPU."""
        first, last = number * SHARD, min((number + 1) * SHARD, len(images))
        found = torch.empty(last - first, *self._shape, dtype=self._dtype)
        for start in range(first, last, self._batch):
            features = self._run(images.take(self._rows_of_batch(images, start)))
            wanted = min(self._batch, last - start)
            found[start - first : start - first + wanted] = features[:wanted]
            self._done += wanted
            self._computed += wanted
            speed = self._computed / max(self._seconds, 1e-9)
            self.reporter.progress("features", done=self._done, total=self._total, images_per_second=speed)
            self.controls.check()
        return found

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began - self.controls.paused_seconds

    def _described(self, images: _Images, weights: str) -> dict[str, Any]:
        """Everything that features follow from."""
        architecture, preprocessing = self.spec.architecture, self.spec.preprocessing
        return {
            "images": len(images),
            "pixels": hashlib.blake2b(images.digests.tobytes(), digest_size=16).hexdigest(),
            **images.about,
            "mean": preprocessing.mean,
            "std": preprocessing.std,
            "weights": weights,
            "build": self._content(architecture.build),
            "options": architecture.options,
            "head": "none" if architecture.head == "none" else self._content(architecture.head),
            "cut": self._split.head,
            "shape": self._shape,
            "dtype": str(self._dtype),
            "arithmetic": str(self.arithmetic),
            "batch": self._batch,
            "machine": _machine(self.device),
            "torch": torch.__version__,
            "timm": importlib.metadata.version("timm"),
        }

    def _content(self, reference: str) -> str:
        """A function by what it does: of the user's own, what is in its file, wherever that lies."""
        path = file_of(reference, self.code)
        if path is None:
            return reference
        return f"{hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()}:{reference.rpartition(':')[2]}"

    def _tell(self, features: Features) -> None:
        seconds = max(0.0, self._seconds)
        computed = self._computed
        source = "computed" if computed == self._total else "partly from the cache" if computed else "from the cache"
        size = self._total * self._row_bytes
        told = computed < self._total and math.isfinite(self._computing)
        took = f"; computing them all took {self._computing:.1f} s" if told else ""
        self.reporter.decide(
            DECISION,
            ONCE,
            f"the backbone is frozen: {source}, {self._total} images, {amount(size)}, {seconds:.1f} s{took}",
            images=self._total,
            computed=computed,
            bytes=size,
            seconds=round(seconds, 3),
            **({"computing": round(self._computing, 3)} if told else {}),
            features=" x ".join(map(str, self._shape)),
            kept="memory-mapped" if features.entries else "memory",
        )


def _changed_over(step: int, why: Exception) -> str:
    return (
        f"since step {step}, before which it was once per image: {why}; figures may differ by rounding, in batches of "
        f"fewer than 16 images by up to 2e-6 of the largest feature"
    )


def _shards_of(images: _Images) -> int:
    return -(-len(images) // SHARD)


def _name(number: int) -> str:
    return f"{number:06d}.bin"


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else device.type
