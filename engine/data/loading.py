"""From a spec to training data: opened, divided, decoded, balanced."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vislab.engine import randomness
from vislab.engine.data import manifest, splits
from vislab.engine.data.augment import Pipeline
from vislab.engine.data.pixels import complaint, decode, store_size
from vislab.engine.data.source import Source, UnreadableImage
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.splits import Split
from vislab.engine.runs.files import write_atomically
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

_BALANCE_CHUNK = 256
_NAMED = 10  # changed images named in an error


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
        unreadable: images of the split that cannot be read and were left out; found now, not on an earlier start.
        changed: names of images that are not what they were when the run began, where that was allowed.
    """

    classes: tuple[str, ...]
    split: Split
    train: LabelledPixels
    validation: LabelledPixels | None
    test: LabelledPixels | None
    counts: dict[str, tuple[int, ...]]
    fingerprint: str
    unreadable: tuple[UnreadableImage, ...] = ()
    changed: tuple[str, ...] = ()


def load_data(
    spec: Spec,
    *,
    data_dir: Path,
    split_file: Path,
    code: Path,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
    downloading: Callable[[int, int], None] | None = None,
    manifest_file: Path | None = None,
    unreadable_file: Path | None = None,
    force: bool = False,
) -> Data:
    """Open the spec's data set, divide it (or read the division of the run's split.csv) and decode it.

    With `dataset.skip_unreadable`, images that cannot be read are left out after the division, and listed.

    Args:
        split_file: read where it exists, else written.
        manifest_file: what the images were like when the run began: compared with where it exists, else written.
        unreadable_file: images left out, a line each: number, name, reason; obeyed where it exists, so that a resumed
            run leaves out the same ones, else written if there are any.
        force: take images that have changed since the run began.
        code: folder with the copies of the user's own files.
        progress: called with (images decoded, images in all).
        check: called often; may raise to interrupt.
        downloading: called with (bytes fetched, bytes in all or 0) while a published set is downloaded.

    Raises:
        InputError: whatever is wrong with the data set, its images or the split; or the images have changed.
    """

    def told_of_download(file: str, done: int, size: int) -> None:
        check()
        if downloading is not None:
            downloading(done, size)

    source = open_dataset(spec.dataset, data_dir=data_dir, folder=code, listener=told_of_download)
    check()
    if split_file.exists():
        split = splits.load(split_file, source)
    else:
        split = splits.make_split(source, spec.strategy, spec.seed)
        splits.save(split, split_file, source)
    begun = manifest_file is not None and manifest_file.exists()
    left_out = _read_unreadable(unreadable_file) if begun and unreadable_file is not None else ()
    may_skip = spec.dataset.skip_unreadable and not begun
    parts = [split.train, split.validation] + ([] if split.selected_on_test else [split.test])
    total, before = sum(map(len, parts)), 0
    digests: dict[str, str] = {}
    unreadable: dict[int, UnreadableImage] = {}

    def decoded(indices: splits.Indices, size: int) -> LabelledPixels:
        nonlocal before

        def tell(done: int, _: int) -> None:
            check()
            progress(before + done, total)

        wanted = np.setdiff1d(indices, left_out)
        found = decode(source.images, wanted, spec.preprocessing, size=size, progress=tell, skip_unreadable=True)
        before += len(indices)
        kept = wanted[found.kept]
        unreadable.update(zip(np.setdiff1d(wanted, kept).tolist(), found.unreadable, strict=True))
        names = tuple(source.images.name(int(index)) for index in kept)
        digests.update(manifest.digests(names, found.pixels.numpy()))
        return LabelledPixels(found.pixels, torch.from_numpy(source.labels[kept]), names)

    augment = () if spec.strategy.augment == "none" else spec.strategy.augment
    crops = Pipeline(augment, image_size=spec.preprocessing.image_size, folder=code).crops
    train = decoded(split.train, store_size(spec.preprocessing, crops))
    if len(train) < 2 and (may_skip or not unreadable):
        raise InputError(f"data set {spec.dataset.name}: {len(train)} training images; at least two are needed")
    if spec.strategy.balance_to:
        train = balanced(train, spec, len(source.classes), code=code, check=check)
    validation = decoded(split.validation, spec.preprocessing.image_size) if len(split.validation) else None
    if split.selected_on_test:
        test = validation
    else:
        test = decoded(split.test, spec.preprocessing.image_size) if len(split.test) else None
    if unreadable and not may_skip:  # told of all parts at once: repairing one by one would take a start each
        raise InputError(complaint(tuple(unreadable.values()), total))
    fingerprint = source.fingerprint()
    changed: list[str] = []
    if manifest_file is not None and begun:
        fingerprint_before, digests_before = manifest.read(manifest_file)
        if fingerprint != fingerprint_before:  # of other times alone, perhaps: the pixels decide
            changed = manifest.changed(digests_before, digests)
        if changed and not force:
            raise InputError(_changed(changed, len(digests_before), spec.dataset.name))
    elif manifest_file is not None:
        if unreadable_file is not None and unreadable:
            _write_unreadable(unreadable_file, unreadable)
        manifest.write(manifest_file, fingerprint, digests)
    return Data(
        classes=source.classes,
        split=split,
        train=train,
        validation=validation,
        test=test,
        counts=_counts(source, {"train": train, "validation": validation, "test": test}),
        fingerprint=fingerprint,
        unreadable=tuple(unreadable.values()),
        changed=tuple(changed),
    )


def _changed(names: list[str], count: int, dataset: str) -> str:
    listed = "".join(f"\n  {name}" for name in names[:_NAMED])
    more = f"\n  … and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"data set {dataset}: {len(names)} of {count} images are not what they were when the run began. Put them back, "
        f"start a new run, or go on with them all the same by `vislab resume RUN --force`:{listed}{more}"
    )


def _write_unreadable(path: Path, unreadable: dict[int, UnreadableImage]) -> None:
    lines = [f"{index}\t{_one_line(error.name)}\t{_one_line(error.reason)}\n" for index, error in unreadable.items()]
    write_atomically(path, "".join(lines).encode(errors="surrogateescape"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _read_unreadable(path: Path) -> splits.Indices:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return np.array([int(line.partition(b"\t")[0]) for line in lines], dtype=np.int64)


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
