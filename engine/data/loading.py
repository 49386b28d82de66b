"""From a spec to training data: opened, divided, decoded, balanced."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vislab.engine import memory
from vislab.engine.cache import Cache
from vislab.engine.data import manifest, splits
from vislab.engine.data.augment import Pipeline
from vislab.engine.data.balancing import Copies, with_copies
from vislab.engine.data.pixels import complaint, store_size
from vislab.engine.data.source import Source, UnreadableImage
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.splits import Split
from vislab.engine.data.stored import Keeper, Part
from vislab.engine.data.stores import StoredPixels
from vislab.engine.data.streaming import Opened
from vislab.engine.runs.files import write_atomically
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

_MEMORY_SHARE = 0.25
_NAMED = 10  # changed images named in an error


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images of one role.

    Attributes:
        pixels: uint8 [N, C, S, S]; `stores.in_order` reads them wherever they lie.
        labels: int64 [N].
        names: the N images' names in the data set.
        digests: uint8 [N, 8], `manifest.digests` of the pixels as they were decoded.
    """

    pixels: StoredPixels
    labels: torch.Tensor
    names: tuple[str, ...]
    digests: npt.NDArray[np.uint8]

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
        keeper: where the pixels lie, and why.
        duplicates: role of images that are held out to how many of them are a training image once more, pixel by pixel
            at the size that they were read at.
    """

    classes: tuple[str, ...]
    split: Split
    train: LabelledPixels
    validation: LabelledPixels | None
    test: LabelledPixels | None
    counts: dict[str, tuple[int, ...]]
    fingerprint: str
    keeper: Keeper
    duplicates: dict[str, int]
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
    cache: Cache | None = None,
    memory_budget: int | None = None,
) -> Data:
    """Open the spec's data set, divide it (or read the division of the run's split.csv) and decode it.

    With `dataset.skip_unreadable`, images that cannot be read are left out after the division, and listed.

    Args:
        split_file: read where it exists, else written.
        manifest_file: what the images were like when the run began: compared with where it exists, else written.
        unreadable_file: written where images are left out, a line each: number, name, reason. split.csv then says so
            too, and a resumed run leaves out the same ones.
        force: take images that have changed since the run began.
        cache: where decoded pixels are kept for other runs; None: nowhere.
        memory_budget: bytes of pixels that may lie in memory; None: a quarter of what is available.
        code: folder with the copies of the user's own files.
        progress: called with (images decoded, images in all).
        check: called often; may raise to interrupt.
        downloading: called with (bytes fetched, bytes in all or 0) while a published set is downloaded.

    Raises:
        InputError: whatever is wrong with the data set, its images or the split; or the images have changed; or there
            is no room for the copies of `balance_to`.
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
    may_skip = spec.dataset.skip_unreadable and not begun
    parts = [split.train, split.validation] + ([] if split.selected_on_test else [split.test])
    total, before = sum(map(len, parts)), 0

    def tell(done: int, _: int) -> None:
        check()
        progress(before + done, total)

    augment = () if spec.strategy.augment == "none" else spec.strategy.augment
    crops = Pipeline(augment, image_size=spec.preprocessing.image_size, folder=code).crops
    sides = [store_size(spec.preprocessing, crops), spec.preprocessing.image_size, spec.preprocessing.image_size]
    fingerprint = source.fingerprint()
    budget = int(_MEMORY_SHARE * memory.available()) if memory_budget is None else memory_budget
    keeper = Keeper(cache, budget, tell)
    opened = Opened(source.images, fingerprint, spec.dataset, data_dir, code)
    found: list[Part] = []
    for side, members in groupby(zip(parts, sides, strict=False), key=itemgetter(1)):
        same = [part for part, _ in members]
        found += keeper.keep(opened, same, spec.preprocessing, side)
        before += sum(map(len, same))
    unreadable = {number: fault for part in found for number, fault in part.unreadable.items()}
    if len(found[0].kept) < 2 and (may_skip or not unreadable):
        raise InputError(f"data set {spec.dataset.name}: {len(found[0].kept)} training images; at least two are needed")
    if unreadable and not may_skip:  # told of all parts at once: repairing one by one would take a start each
        raise InputError(complaint(tuple(unreadable.values()), total))
    labelled = [_labelled(source, part) for part in found]
    train, validation, test = (part if len(part) else None for part in (*labelled, labelled[-1])[:3])
    assert train is not None
    if spec.strategy.balance_to:
        train = balanced(train, spec, code=code, keeper=keeper, check=check)
    digests: dict[str, str] = {}
    for kept, part in zip(found, labelled, strict=True):
        digests.update(manifest.named(part.names, kept.digests))
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
            split = splits.without(split, np.array([*unreadable], dtype=np.int64))
            splits.save(split, split_file, source, [*unreadable])
        manifest.write(manifest_file, fingerprint, digests)
    return Data(
        classes=source.classes,
        split=split,
        train=train,
        validation=validation,
        test=test,
        counts=_counts(source, {"train": train, "validation": validation, "test": test}),
        fingerprint=fingerprint,
        keeper=keeper,
        duplicates={
            role: manifest.copies(part.originals, found[0].originals)
            for role, part in zip(
                ("test",) if split.selected_on_test else ("validation", "test"), found[1:], strict=True
            )
            if len(part.kept)
        },
        unreadable=tuple(unreadable.values()),
        changed=tuple(changed),
    )


def _changed(names: list[str], count: int, dataset: str) -> str:
    listed = "".join(f"\n  {name}" for name in names[:_NAMED])
    more = f"\n  … and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"data set {dataset}: {len(names)} of {count} images are not what they were when the run began. Put them back, "
        f"start a new run (one of a study: vislab delete RUN, and the study again), or go on with them all the same by "
        f"`vislab resume RUN --force`:{listed}{more}"
    )


def _write_unreadable(path: Path, unreadable: dict[int, UnreadableImage]) -> None:
    lines = [f"{index}\t{_one_line(error.name)}\t{_one_line(error.reason)}\n" for index, error in unreadable.items()]
    write_atomically(path, "".join(lines).encode(errors="surrogateescape"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def balanced(
    train: LabelledPixels, spec: Spec, *, code: Path, keeper: Keeper, check: Callable[[], None]
) -> LabelledPixels:
    """Bring every class that has images to `balance_to` with copies augmented once (Study D's offline augmentation).

    Classes with more images than that keep them all.

    Raises:
        InputError: neither the memory budget nor the cache has room for the copies.
    """
    copies = Copies.of(train.labels, spec, side=train.pixels.shape[-1], code=code)
    if not len(copies):
        return train
    pixels, digests = with_copies(
        train.pixels, train.digests, train.labels, copies, spec, code=code, keeper=keeper, check=check
    )
    return LabelledPixels(
        pixels,
        torch.cat([train.labels, train.labels[copies.rows]]),
        train.names + tuple(train.names[row] for row in copies.rows.tolist()),
        digests,
    )


def _labelled(source: Source, part: Part) -> LabelledPixels:
    names = tuple(source.images.name(int(index)) for index in part.kept)
    return LabelledPixels(part.pixels, torch.from_numpy(source.labels[part.kept]), names, part.digests)


def _counts(source: Source, parts: dict[str, LabelledPixels | None]) -> dict[str, tuple[int, ...]]:
    classes = len(source.classes)
    return {
        role: tuple(np.bincount(part.labels.numpy(), minlength=classes).tolist()) if part else (0,) * classes
        for role, part in parts.items()
    }
