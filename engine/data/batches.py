"""Training batches: whole batches indexed, augmented, mixed and normalised at once, each sample with its own draws."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from vislab.engine import randomness
from vislab.engine.data.augment import Pipeline
from vislab.engine.data.augment.mix import mix
from vislab.engine.data.preprocessing import normalise
from vislab.engine.data.sending import sent
from vislab.engine.data.stores import StoredPixels, in_order
from vislab.presets.schema.preprocessing import Preprocessing


@dataclass(frozen=True)
class Batch:
    """One update's worth of samples, on the device.

    Attributes:
        images: float32 [B, C, S, S], normalised.
        labels: int64 [B].
        partner_labels: int64 [B], labels of the images mixed in; None without mixup and CutMix.
        share: float32 [B], each label's own share in its mixed target; None likewise.
    """

    images: torch.Tensor
    labels: torch.Tensor
    partner_labels: torch.Tensor | None = None
    share: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, parts: int, smallest: int = 2) -> list["Batch"]:
        """Cut into at most `parts` micro-batches of nearly equal size, none below `smallest` unless the batch is."""
        parts = max(1, min(parts, len(self) // smallest))
        if parts == 1:
            return [self]
        columns = [self.images, self.labels, self.partner_labels, self.share]
        pieces = [[None] * parts if column is None else column.tensor_split(parts) for column in columns]
        return [Batch(*row) for row in zip(*pieces, strict=True)]


class TrainingBatches:
    """The training images, in a new order each epoch.

    Args:
        pixels: uint8 [N, C, S, S] at the stored size, wherever they lie.
        labels: int64 [N].
        pipeline: the augmentations; brings stored pixels to the model's input size.
        batch_size: images an update. A last batch of a single image joins the one before it, because batch
            normalisation cannot train on one.
        mixup, cutmix: alphas; 0 is off. The partner of a sample is its successor in the epoch's order, with an
            augmentation of its own, so that a mixed image depends on neither batch nor micro-batch.
        views: augmentations that an image has, epoch after epoch in turn; 0: each epoch draws its own.

    Attributes:
        pixels: as given; on the device, rows are taken there.
        whole: images of a whole batch; the last one of an epoch may have fewer, or one more.
        features: (view, rows) -> what a frozen part makes of these images, float [B, ...], given in their place.
    """

    def __init__(
        self,
        pixels: StoredPixels,
        labels: torch.Tensor,
        *,
        preprocessing: Preprocessing,
        pipeline: Pipeline,
        seed: int,
        batch_size: int,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        views: int = 0,
        device: torch.device | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.pixels = pixels
        self._labels = labels
        self._preprocessing = preprocessing
        self._pipeline = pipeline
        self._seed = seed
        self._batch_size = batch_size
        self._mixup = mixup
        self._cutmix = cutmix
        self._views = views
        self.features: Callable[[int, torch.Tensor], torch.Tensor] | None = None
        self._device = device or torch.device("cpu")
        self._memory_format = memory_format
        count = len(labels)
        self.whole = min(batch_size, count)
        self.steps_per_epoch = max(1, math.ceil(count / batch_size) - (count % batch_size == 1))

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch.

        Args:
            epoch: counted from 1.
            start: batches to leave out at the beginning, for a run resumed inside the epoch.
        """
        count = len(self._labels)
        order = torch.from_numpy(randomness.permutation(self._seed, epoch, count))
        labels = self._take(self._labels, order)
        view = self._view(epoch)
        draws = self._draws(view)
        mix_draws = self._table("mix", epoch, 4 if self._mixup or self._cutmix else 0)
        firsts = [number * self._batch_size for number in range(self.steps_per_epoch)]
        bounds = list(pairwise([*firsts, count]))[start:]
        pixels = self._pixels_in_order(order, bounds)
        for first, last in bounds:
            rows = order[first:last]
            if self.features is not None:
                yield Batch(self.features(view, rows), labels[first:last])
            elif mix_draws is None:
                yield Batch(self._finish(self._augmented(next(pixels), rows, draws)), labels[first:last])
            else:
                partners = torch.cat([rows[1:], order[last % count : last % count + 1]])
                yield self._mixed(next(pixels), rows, partners, draws, mix_draws)

    def _pixels_of(self, rows: torch.Tensor) -> torch.Tensor:
        return self._sent(next(in_order(self.pixels, [rows])))

    def _pixels_in_order(self, order: torch.Tensor, bounds: list[tuple[int, int]]) -> Iterator[torch.Tensor]:
        """Stored pixels of each batch; where images are mixed, of the last one's partner too."""
        mixed = 1 if self._mixup or self._cutmix else 0
        around = torch.cat([order, order[:mixed]])
        if isinstance(self.pixels, torch.Tensor) and self.pixels.device.type != "cpu":
            around = self._sent(around)  # once an epoch: a batch then waits for nothing of the host
        portions = (around[first : last + mixed] for first, last in bounds)
        return map(self._sent, in_order(self.pixels, portions))

    def view(self, number: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """All images as they look in an epoch (counted from 1), unmixed: rows int64 [B] -> float32 [B, C, S, S]."""
        draws = self._draws(number)
        return lambda rows: self._finish(self._augmented(self._pixels_of(rows), rows, draws))

    def sample(self, count: int) -> torch.Tensor:
        """Images of the first epoch as the model sees them, float32 [n, C, S, S] with n >= min(count, N)."""
        images: list[torch.Tensor] = []
        for batch in self.epoch(1):
            images.append(batch.images)
            count -= len(batch)
            if count <= 0:
                break
        return torch.cat(images)

    def _view(self, epoch: int) -> int:
        return (epoch - 1) % self._views + 1 if self._views else epoch

    def _draws(self, view: int) -> torch.Tensor | None:
        return self._pipeline.draws(self._seed, view, len(self._labels)) if self._pipeline.columns else None

    def _table(self, purpose: str, epoch: int, columns: int) -> torch.Tensor | None:
        if columns == 0:
            return None
        return torch.from_numpy(randomness.table(self._seed, purpose, epoch, len(self._labels), columns))

    def _take(self, column: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return self._sent(column.index_select(0, rows.to(column.device)))

    def _sent(self, tensor: torch.Tensor) -> torch.Tensor:
        return sent(tensor, self._device)

    def _augmented(self, pixels: torch.Tensor, rows: torch.Tensor, draws: torch.Tensor | None) -> torch.Tensor:
        """Stored pixels of rows to the model's input size; uint8 or float32 in 0…255."""
        if draws is None and pixels.shape[-1] == self._preprocessing.image_size:
            return pixels
        own = torch.empty(len(rows), 0) if draws is None else draws.index_select(0, rows)
        return self._pipeline(pixels.to(torch.float32).div_(255), own).mul_(255)

    def _finish(self, pixels: torch.Tensor) -> torch.Tensor:
        return normalise(pixels, self._preprocessing).contiguous(memory_format=self._memory_format)

    def _mixed(
        self,
        pixels: torch.Tensor,
        rows: torch.Tensor,
        partners: torch.Tensor,
        draws: torch.Tensor | None,
        mix_draws: torch.Tensor,
    ) -> Batch:
        # All partners but the last stand in the batch themselves: one image more is augmented, not twice as many.
        images = self._finish(self._augmented(pixels, torch.cat([rows, partners[-1:]]), draws))
        own = mix_draws.index_select(0, rows)
        mixed, share = mix(images[:-1], images[1:], own, mixup=self._mixup, cutmix=self._cutmix)
        return Batch(
            mixed.contiguous(memory_format=self._memory_format),
            self._take(self._labels, rows),
            self._take(self._labels, partners),
            share,
        )
