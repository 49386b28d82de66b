"""The first training images of a run as its model saw them: augmented, mixed, at the model's size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from vislab.engine.data import splits
from vislab.engine.data.augment import Pipeline
from vislab.engine.data.balancing import Copies
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.pixels import decode, store_size
from vislab.engine.data.preprocessing import denormalise
from vislab.engine.data.source import Images
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.stores import JoinedPixels, Rows
from vislab.engine.jobs.pictures import picture
from vislab.engine.jobs.thumbnails import small
from vislab.engine.runs.store import Run
from vislab.engine.worker import with_copied_code
from vislab.presets.errors import InputError
from vislab.presets.schema.preprocessing import Preprocessing

_MOST = 64


class AugmentedRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run.

    Attributes:
        run_dir: the run.
        data_dir: the data folder.
        count: how many pictures, 1 to 64.
        side: pixels of the pictures' sides, 1 to 512.
    """

    run_dir: str
    data_dir: str
    count: int
    side: int


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Draw the images that the first epoch begins with, with the run's own random draws.

    Returns:
        pictures: as of `picture`, each with the class ("label") and, where another image is mixed in, that one's class
        ("partner") and the label's share ("share", in [0, 1]).

    Raises:
        InputError: the run has not read its data yet, the data cannot be opened, or an image cannot be read.
    """
    wanted = msgspec.convert(request, AugmentedRequest)
    run = Run(Path(wanted.run_dir))
    if not run.split.is_file():
        raise InputError(f"Run {run.id} has not read its data yet: it has no split.csv.")
    spec = with_copied_code(run.spec(), run.code)
    source = open_dataset(spec.dataset, data_dir=Path(wanted.data_dir), folder=run.code)
    train = splits.load(run.split, source).train
    strategy, preprocessing = spec.strategy, spec.preprocessing
    augment = () if strategy.augment == "none" else strategy.augment
    pipeline = Pipeline(augment, image_size=preprocessing.image_size, folder=run.code)
    labels = torch.from_numpy(source.labels[train].astype(np.int64))
    pixels: Rows = _ReadWhenAsked(source.images, train, preprocessing, store_size(preprocessing, pipeline.crops))
    if strategy.balance_to:
        copies = Copies.of(labels, spec, side=pixels.shape[-1], code=run.code)
        pixels, labels = JoinedPixels(pixels, _MadeWhenAsked(pixels, copies)), torch.cat([labels, labels[copies.rows]])
    batches = TrainingBatches(
        pixels,
        labels,
        preprocessing=preprocessing,
        pipeline=pipeline,
        seed=spec.seed,
        # Draws belong to images, not to batches: a batch of another size shows the same.
        batch_size=max(2, min(wanted.count, _MOST, len(labels))),
        mixup=strategy.mixup,
        cutmix=strategy.cutmix,
    )
    batch = next(iter(batches.epoch(1)))
    tell("augmenting", len(batch), len(batch))
    images = denormalise(batch.images, preprocessing).permute(0, 2, 3, 1).contiguous().numpy()
    pictures = []
    for row in range(min(wanted.count, len(batch))):
        found = picture(small(images[row], max(1, min(wanted.side, 512))))
        found["label"] = source.classes[int(batch.labels[row])]
        if batch.share is not None and batch.partner_labels is not None:
            found["partner"] = source.classes[int(batch.partner_labels[row])]
            found["share"] = float(batch.share[row])
        pictures.append(found)
    return {"pictures": pictures}


class _ReadWhenAsked(Rows):
    """Training images that are decoded when a batch wants them."""

    def __init__(self, images: Images, indices: splits.Indices, preprocessing: Preprocessing, size: int) -> None:
        super().__init__((len(indices), preprocessing.channels, size, size))
        self._images = images
        self._indices = indices
        self._preprocessing = preprocessing

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`."""
        found = decode(self._images, self._indices[rows.numpy()], self._preprocessing, size=self.shape[-1])
        return torch.as_tensor(found.pixels[:])


class _MadeWhenAsked(Rows):
    """The copies of `balance_to`, made when a batch wants them."""

    def __init__(self, originals: Rows, copies: Copies) -> None:
        super().__init__((len(copies), *originals.shape[1:]))
        self._originals = originals
        self._copies = copies

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """See `Rows`."""
        return next(self._copies.made(self._originals, [rows]))
