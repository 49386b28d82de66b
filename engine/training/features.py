"""Features: what a frozen backbone makes of a run's images, in place of the images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from vislab.engine.cache import Entry
from vislab.engine.data.sending import sent
from vislab.engine.data.stores import portions_of
from vislab.engine.evaluation.evaluate import logits_of
from vislab.engine.models.split import Split
from vislab.engine.runs.events import Phase
from vislab.engine.training.precision import Arithmetic
from vislab.presets.schema.spec import Spec

SHARD = 256
"""Images whose features lie together."""


@dataclass(frozen=True)
class Table:
    """Features of a list of images.

    Attributes:
        shards: [256, ...] each, the last one perhaps shorter, on the CPU; a single one may be of any length, and on the
            device.
        rows: int64 [N], where each image's features are.
        device, layout: where they go, and in which memory format if they are maps.
    """

    shards: tuple[Tensor, ...]
    rows: Tensor
    device: torch.device
    layout: torch.memory_format

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, images: Tensor) -> Tensor:
        """Features of images by number, int64 [B] -> [B, ...] on the device."""
        rows = self.rows[images]
        first = self.shards[0]
        if len(self.shards) == 1:
            found = first.index_select(0, sent(rows, first.device))
        else:
            found = torch.empty(len(rows), *first.shape[1:], dtype=first.dtype)
            numbers = rows // SHARD
            for number in numbers.unique().tolist():
                here = numbers == number
                found[here] = self.shards[number].index_select(0, rows[here] % SHARD)
        found = sent(found, self.device)
        return found.contiguous(memory_format=self.layout) if found.ndim == 4 else found


@dataclass(frozen=True)
class Features:
    """Features of all images of a run.

    Attributes:
        split: where the network is cut.
        train: of the training images, one table a view.
        entries: of the cache, in use until `release`, because their files are mapped.
    """

    split: Split
    train: tuple[Table, ...]
    validation: Table | None
    test: Table | None
    entries: tuple[Entry, ...] = ()

    def of_training(self, view: int, images: Tensor) -> Tensor:
        """Features of training images, int64 [B], in a view (counted from 1)."""
        return self.train[(view - 1) % len(self.train)].take(images)

    def logits(
        self,
        model: nn.Module,
        phase: Phase,
        *,
        arithmetic: Arithmetic,
        batch_size: int,
        between: Callable[[int, int], None],
    ) -> Tensor:
        """What a model with the same frozen part makes of the images that a phase judges; see `predict_logits`."""
        table = self.test if phase == "testing" and self.test is not None else self.validation
        assert table is not None
        return logits_of(
            model,
            partial(self.split.logits, model),
            map(table.take, portions_of(len(table), batch_size)),
            -(-len(table) // batch_size),
            precision=arithmetic.precision,
            device=table.device,
            between=between,
        )

    def release(self) -> None:
        """Say that the cache's files are no longer used."""
        for entry in self.entries:
            entry.release()


def never(spec: Spec) -> str:
    """Why features cannot be kept, whatever the network; empty where they may be."""
    strategy = spec.strategy
    if strategy.freeze != "backbone":
        return f"strategy.freeze = {strategy.freeze}: what is frozen does not stay so, or nothing is"
    if not spec.cache_features:
        return "cache_features = false"
    if strategy.mixup or strategy.cutmix:
        return "mixup and CutMix mix images anew in each epoch"
    if strategy.augment not in ("none", ()) and not strategy.cached_views:
        return "augmentation draws anew in each epoch; strategy.cached_views = K would keep K views of each image"
    return ""
