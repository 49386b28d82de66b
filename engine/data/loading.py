"""From a spec to training data: opened, divided, decoded, balanced."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vislab.engine import randomness
from vislab.engine.data import splits
from vislab.engine.data.augment import Pipeline
from vislab.engine.data.pixels import decode, store_size
from vislab.engine.data.source import Source
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.splits import Split
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

_BALANCE_CHUNK = 256


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images of one role.

    Attributes:
        pixels: uint8 [N, C, S, S].
        labels: int64 [N].
        names: the N images' names in the data set.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """Everything a run trains on and is judged by.

    Attributes:
        train: at the stored size, with the copies that `balance_to` asked for.
        validation, test: at the model's input size, never augmented. None: there is no such part. The same object
            where validation is on the test images.
        counts: images a class of each role, the copies of `balance_to` included.
    """

    classes: tuple[str, ...]
    split: Split
    train: LabelledPixels
    validation: LabelledPixels | None
    test: LabelledPixels | None
    counts: dict[str, tuple[int, ...]]
    fingerprint: str


def load_data(
    spec: Spec,
    *,
    data_dir: Path,
    split_file: Path,
    code: Path,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> Data:
    """Open the spec's data set, divide it (or read the division of the run's split.csv) and decode it.

    Args:
        split_file: read where it exists, else written.
        code: folder with the copies of the user's own files.
        progress: called with (images decoded, images in all).
        check: called often; may raise to interrupt.

    Raises:
        InputError: whatever is wrong with the data set, its images or the split.
    """
    source = open_dataset(spec.dataset, data_dir=data_dir, folder=code)
    check()
    if split_file.exists():
        split = splits.load(split_file, source)
    else:
        split = splits.make_split(source, spec.strategy, spec.seed)
        splits.save(split, split_file, source)
    parts = [split.train, split.validation] + ([] if split.selected_on_test else [split.test])
    total, before = sum(map(len, parts)), 0

    def decoded(indices: splits.Indices, size: int) -> LabelledPixels:
        nonlocal before

        def tell(done: int, _: int) -> None:
            check()
            progress(before + done, total)

        found = decode(source.images, indices, spec.preprocessing, size=size, progress=tell)
        before += len(indices)
        return LabelledPixels(
            found.pixels,
            torch.from_numpy(source.labels[indices]),
            tuple(source.images.name(int(index)) for index in indices),
        )

    augment = () if spec.strategy.augment == "none" else spec.strategy.augment
    crops = Pipeline(augment, image_size=spec.preprocessing.image_size, folder=code).crops
    train = decoded(split.train, store_size(spec.preprocessing, crops))
    if len(train) < 2:
        raise InputError(f"data set {spec.dataset.name}: {len(train)} training images; at least two are needed")
    if spec.strategy.balance_to:
        train = balanced(train, spec, len(source.classes), code=code, check=check)
    validation = decoded(split.validation, spec.preprocessing.image_size) if len(split.validation) else None
    if split.selected_on_test:
        test = validation
    else:
        test = decoded(split.test, spec.preprocessing.image_size) if len(split.test) else None
    return Data(
        classes=source.classes,
        split=split,
        train=train,
        validation=validation,
        test=test,
        counts=_counts(source, {"train": train, "validation": validation, "test": test}),
        fingerprint=source.fingerprint(),
    )


def balanced(
    train: LabelledPixels, spec: Spec, classes: int, *, code: Path, check: Callable[[], None]
) -> LabelledPixels:
    """Bring every class that has images to `balance_to` with copies augmented once (Study D's offline augmentation).

    Classes with more images than that keep them all. Copies go through the images of a class in turn, so that none is
    copied twice before all were copied once.
    """
    size = train.pixels.shape[-1]
    pipeline = Pipeline(spec.strategy.balance_augment, image_size=size, folder=code)
    copied: list[int] = []
    for label in range(classes):
        members = torch.nonzero(train.labels == label).flatten().tolist()
        missing = spec.strategy.balance_to - len(members)
        if members and missing > 0:
            copied += [members[number % len(members)] for number in range(missing)]
    rows = torch.tensor(copied, dtype=torch.int64)
    draws = torch.from_numpy(randomness.table(spec.seed, "balance", 0, len(rows), pipeline.columns))
    copies = []
    for chunk, chunk_draws in zip(rows.split(_BALANCE_CHUNK), draws.split(_BALANCE_CHUNK), strict=True):
        check()
        images = pipeline(train.pixels[chunk].to(torch.float32).div_(255), chunk_draws)
        copies.append(images.mul_(255).round_().clamp_(0, 255).to(torch.uint8))
    return LabelledPixels(
        torch.cat([train.pixels, *copies]),
        torch.cat([train.labels, train.labels[rows]]),
        train.names + tuple(train.names[row] for row in copied),
    )


def _counts(source: Source, parts: dict[str, LabelledPixels | None]) -> dict[str, tuple[int, ...]]:
    classes = len(source.classes)
    return {
        role: tuple(np.bincount(part.labels.numpy(), minlength=classes).tolist()) if part else (0,) * classes
        for role, part in parts.items()
    }
