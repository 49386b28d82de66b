"""Which images train, which validate and which test: stratified, seeded, by group where there are groups."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vislab.engine.data.source import Role, Source, storable
from vislab.engine.randomness import generator
from vislab.engine.runs.cells import guard, unguard
from vislab.engine.runs.files import write_atomically
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy
from vislab.presets.split_text import split_shares

Indices = npt.NDArray[np.int64]

_COLUMNS = ["index", "name", "label", "role"]
_ROLES = {"train": Role.TRAIN, "validation": Role.VALIDATION, "test": Role.TEST}
_BOTH = "validation+test"
_LEFT_OUT = "left out"
_HELD_OUT = Fraction(1, 10)  # of the training part, where no validation part was published
_UNDIVIDED = (Fraction(8, 10), Fraction(2, 10))  # "official" where nothing was published


@dataclass(frozen=True)
class Split:
    """Positions of images in a source, int64, ascending, by role; no image has two roles.

    With `selected_on_test` there is one exception: validation and test are the same images.
    """

    train: Indices
    validation: Indices
    test: Indices
    selected_on_test: bool
    description: str


def make_split(source: Source, strategy: Strategy, seed: int) -> Split:
    """Divide the labelled images of a source as the strategy's split, validation, folds, fold and limit say.

    Divisions are stratified: each class's count in a part differs from its exact share by less than one image. Where
    the source has groups, a group is never divided, and shares are as near as whole groups allow. The division is a
    function of the labels, the groups and the seed.

    Raises:
        InputError: an impossible ratio, fold or part, or a class or group with too few images for it.
    """
    labelled = np.flatnonzero(source.labels >= 0).astype(np.int64)
    if not len(labelled):
        raise InputError("the data set has no labelled image, so there is nothing to train on")
    if strategy.folds:
        split = _fold(source, labelled, strategy, seed)
    elif strategy.split == "none":
        if strategy.validation == "test":
            raise InputError('strategy.split = "none" leaves no test part; set strategy.validation = "held_out"')
        split = Split(labelled, _empty(), _empty(), False, "all labelled images train; none are held out")
    elif strategy.split == "official":
        split = _official(source, labelled, strategy, seed)
    else:
        split = _by_ratio(source, labelled, _shares(strategy.split), strategy, seed)
    _require_all_classes(source, labelled, split)
    return _limited(source, split, strategy.limit, seed) if strategy.limit else split


def _shares(text: str) -> tuple[Fraction, ...]:
    try:
        return split_shares(text)
    except InputError as error:
        raise InputError(f'strategy.split = "{text}": {error}') from error


def _official(source: Source, labelled: Indices, strategy: Strategy, seed: int) -> Split:
    if source.roles is None:
        split = _by_ratio(source, labelled, _UNDIVIDED, strategy, seed)
        description = f"no parts were published: {split.description}"
        return Split(split.train, split.validation, split.test, split.selected_on_test, description)
    train, validation, test = (labelled[source.roles[labelled] == role] for role in Role)
    if not len(train):
        raise InputError('the data set has no labelled training image; give strategy.split = "80/20" to divide it anew')
    if strategy.validation == "test":
        if not len(test):
            raise InputError(
                'strategy.validation = "test", but the data set has no labelled test images; '
                'set strategy.validation = "held_out"'
            )
        return _on_test(np.union1d(train, validation), test, "the published parts")
    if len(validation):
        return Split(train, validation, test, False, "the published parts")
    train, validation = _divide(source, train, (1 - _HELD_OUT, _HELD_OUT), seed)
    return Split(train, validation, test, False, "the published parts; 10 % of train held out for validation")


def _by_ratio(source: Source, labelled: Indices, shares: tuple[Fraction, ...], strategy: Strategy, seed: int) -> Split:
    """Two shares leave a published test part alone; three divide everything anew."""
    words = "/".join(f"{float(share * 100):g}" for share in shares)
    if len(shares) == 3:
        train, validation, test = _divide(source, labelled, shares, seed)
        if strategy.validation == "test":
            return _on_test(np.union1d(train, validation), test, f"{words} % at random")
        return Split(train, validation, test, False, f"{words} % train/validation/test at random, stratified")
    pool, test = _without_published_test(source, labelled)
    if strategy.validation == "test":
        if len(test):
            return _on_test(pool, test, "the published test part")
        train, test = _divide(source, pool, shares, seed)
        return _on_test(train, test, f"{words} % at random")
    train, validation = _divide(source, pool, shares, seed)
    kept = "; the published test part stays" if len(test) else ""
    return Split(train, validation, test, False, f"{words} % train/validation at random, stratified{kept}")


def _fold(source: Source, labelled: Indices, strategy: Strategy, seed: int) -> Split:
    if strategy.folds < 2:
        raise InputError("strategy.folds = 1: cross-validation needs at least 2 folds, or 0 for none")
    if strategy.fold > strategy.folds:
        raise InputError(f"strategy.fold = {strategy.fold}, but there are {strategy.folds} folds, counted from 1")
    if strategy.validation == "test":
        raise InputError(
            'strategy.folds validates on folds; set strategy.validation = "held_out" or strategy.folds = 0'
        )
    pool, test = _without_published_test(source, labelled)
    folds = _divide(source, pool, (Fraction(1, strategy.folds),) * strategy.folds, seed)
    validation = folds[strategy.fold - 1]
    kept = "; the published test part stays" if len(test) else ""
    description = f"fold {strategy.fold} of {strategy.folds} validates, stratified{kept}"
    return Split(np.setdiff1d(pool, validation), validation, test, False, description)


def _without_published_test(source: Source, labelled: Indices) -> tuple[Indices, Indices]:
    if source.roles is None:
        return labelled, _empty()
    is_test = source.roles[labelled] == Role.TEST
    if is_test.all():
        raise InputError('every labelled image is in the test part; give strategy.split = "80/10/10" to divide it anew')
    return labelled[~is_test], labelled[is_test]


def _on_test(train: Indices, test: Indices, how: str) -> Split:
    return Split(train, test, test, True, f"{how}; the best epoch is selected on the test set")


def _divide(source: Source, pool: Indices, shares: Sequence[Fraction], seed: int) -> list[Indices]:
    """Divide `pool` into one part for each share, each ascending."""
    order = pool[generator(seed, "split").permutation(len(pool))]
    if source.groups is not None:
        part_of = _assign_groups(source, order, shares)
    else:
        part_of = _assign_images(source, order, shares)
    parts = [np.sort(order[part_of == part]) for part in range(len(shares))]
    if not all(len(part) for part in parts):
        words = "/".join(f"{float(share * 100):.3g}" for share in shares)
        raise InputError(f"{len(pool)} images are too few to divide into {words} %; a part would be empty. Add images")
    return parts


def _assign_images(source: Source, order: Indices, shares: Sequence[Fraction]) -> npt.NDArray[np.int64]:
    """The part of each image of `order`: by class, each part gets its share rounded down or up.

    Largest remainder in each class, where what a part was owed by earlier classes is carried on, so that the totals
    keep to the shares too.
    """
    part_of = np.empty(len(order), dtype=np.int64)
    labels = source.labels[order]
    owed = [Fraction(0)] * len(shares)
    for label in np.unique(labels).tolist():
        members = np.flatnonzero(labels == label)
        if len(members) < len(shares):
            raise InputError(
                f'class "{source.classes[label]}" has too few images: {len(members)} to divide into {len(shares)} '
                'parts; add images, take the class out, or train on everything with strategy.split = "none"'
            )
        exact = [share * len(members) for share in shares]
        counts = [int(target) for target in exact]
        remainders = [target - count for target, count in zip(exact, counts, strict=True)]
        # A first part (train) that would stay empty comes before all others.
        ranked = sorted(
            (part for part in range(len(shares)) if remainders[part] > 0),
            key=lambda part: (part > 0 or counts[0] > 0, -(owed[part] + remainders[part])),
        )
        for part in ranked[: len(members) - sum(counts)]:
            counts[part] += 1
        owed = [debt + target - count for debt, target, count in zip(owed, exact, counts, strict=True)]
        part_of[members] = np.repeat(np.arange(len(shares)), counts)
    return part_of


def _assign_groups(source: Source, order: Indices, shares: Sequence[Fraction]) -> npt.NDArray[np.int64]:
    """The part of each image of `order`, groups kept whole: largest group first, each where it is missed most.

    "Missed" is the sum over the group's classes of what the part still lacks of its share, each class weighed by the
    inverse of its size, as in a least-squares fit of the class counts.
    """
    assert source.groups is not None
    names, group_of = np.unique(source.groups[order], return_inverse=True)
    if len(names) < len(shares):
        raise InputError(f"{len(names)} groups cannot be divided into {len(shares)} parts; a group stays in one part")
    labels = source.labels[order]
    sizes = np.bincount(labels, minlength=len(source.classes))
    lacking = np.array([float(share) for share in shares])[:, None] * sizes
    weights = 1 / np.maximum(sizes, 1)
    by_group = np.argsort(group_of, kind="stable")
    members = np.split(by_group, np.cumsum(np.bincount(group_of))[:-1])
    # `order` is shuffled, so first appearance breaks ties between groups of equal size at random.
    first = np.array([positions[0] for positions in members])
    count = np.array([len(positions) for positions in members])
    part_of_group = np.empty(len(names), dtype=np.int64)
    for group in np.lexsort((first, -count)).tolist():
        found, counts = np.unique(labels[members[group]], return_counts=True)
        part = int(np.argmax(lacking[:, found] @ (weights[found] * counts)))
        lacking[part, found] -= counts
        part_of_group[group] = part
    for part in range(len(shares)):
        if not (part_of_group == part).any():
            fullest = int(np.argmax(np.bincount(part_of_group, minlength=len(shares))))
            candidates = np.flatnonzero(part_of_group == fullest)
            part_of_group[candidates[np.argmin(count[candidates])]] = part
    return part_of_group[group_of]


def _require_all_classes(source: Source, labelled: Indices, split: Split) -> None:
    """Every class that has images must have some in train, or it cannot be learnt."""
    missing = np.setdiff1d(np.unique(source.labels[labelled]), np.unique(source.labels[split.train]))
    if len(missing):
        names = ", ".join(f'"{source.classes[label]}"' for label in missing[:5].tolist())
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        reason = (
            "its groups all fell to other parts" if source.groups is not None else "all its images are in other parts"
        )
        raise InputError(
            f"no training image of class {names}{more}: {reason}; add images, or choose another strategy.split or seed"
        )


def _limited(source: Source, split: Split, limit: int, seed: int) -> Split:
    """At most `limit` images of each role, with each class's share rounded down or up."""

    def thin(indices: Indices, role: Role) -> Indices:
        if len(indices) <= limit:
            return indices
        order = indices[generator(seed, "limit", role).permutation(len(indices))]
        labels = source.labels[order]
        exact = np.bincount(labels, minlength=len(source.classes)) * limit
        counts, remainders = exact // len(indices), exact % len(indices)
        counts[np.argsort(-remainders, kind="stable")[: limit - counts.sum()]] += 1
        chosen = [order[labels == label][:count] for label, count in enumerate(counts.tolist())]
        return np.sort(np.concatenate(chosen))

    test = thin(split.test, Role.TEST)
    return Split(
        thin(split.train, Role.TRAIN),
        test if split.selected_on_test else thin(split.validation, Role.VALIDATION),
        test,
        split.selected_on_test,
        f"{split.description}; at most {limit} images of each role",
    )


def without(split: Split, images: Indices) -> Split:
    """The split with some images taken out of it."""
    return replace(
        split,
        train=np.setdiff1d(split.train, images),
        validation=np.setdiff1d(split.validation, images),
        test=np.setdiff1d(split.test, images),
    )


def save(split: Split, path: Path, source: Source, left_out: Sequence[int] = ()) -> None:
    """Write split.csv (index,name,label,role), one line for each image that has a role, whole or not at all.

    Args:
        left_out: images that have none because they cannot be read; they are listed with the role `left out`.
    """
    parts = (
        [(_BOTH, split.test)] if split.selected_on_test else [("validation", split.validation), ("test", split.test)]
    )
    rows = [(index, role) for role, indices in [("train", split.train), *parts] for index in indices.tolist()]
    rows += [(index, _LEFT_OUT) for index in left_out]
    labels, classes = source.labels.tolist(), [guard(name) for name in source.classes]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(
        (index, guard(source.images.name(index)), classes[labels[index]], role) for index, role in sorted(rows)
    )
    write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"))


def load(path: Path, source: Source) -> Split:
    """Read what `save` wrote.

    Raises:
        InputError: an image of the split is no longer in the source under the same number, name and class.
    """
    found: dict[str, list[int]] = {"train": [], "validation": [], "test": [], _BOTH: [], _LEFT_OUT: []}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            _check_row(path, line, row, source)
            found[row["role"]].append(int(row["index"]))
    parts = {role: np.array(indices, dtype=np.int64) for role, indices in found.items()}
    shared = parts[_BOTH]
    return Split(
        parts["train"],
        shared if len(shared) else parts["validation"],
        shared if len(shared) else parts["test"],
        len(shared) > 0,
        f"as saved in {path.name}",
    )


def _check_row(path: Path, line: int, row: dict[str | Any, str | Any], source: Source) -> None:
    place = f"{path}, line {line}"
    if any(row.get(column) is None for column in _COLUMNS) or row["role"] not in (*_ROLES, _BOTH, _LEFT_OUT):
        raise InputError(f"{place}: not a line of a split (index,name,label,role)")
    name, label_then = unguard(row["name"]), unguard(row["label"])
    index = int(row["index"]) if row["index"].isascii() and row["index"].isdigit() else -1
    if not 0 <= index < len(source.images) or source.images.name(index) != name:
        raise InputError(
            f'{place}: image {row["index"]} was "{name}" when the run began and is not any more; '
            "the data set has changed. Put the images back as they were, or start a new run "
            f"(one of a study: vislab delete {path.parent.name}, and the study again)"
        )
    label = int(source.labels[index])
    if label < 0 or source.classes[label] != storable(label_then):
        raise InputError(
            f'{place}: "{name}" was of class "{label_then}" when the run began and is not any more; '
            "put the labels back as they were, or start a new run"
        )


def _empty() -> Indices:
    return np.empty(0, dtype=np.int64)
