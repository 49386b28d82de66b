"""Runs that repeat one setting with other seeds or on other folds: mean and spread, and tests between such groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, stdev
from typing import Any, NamedTuple

from vislab.engine.analysis.comparison import Compared, same_data
from vislab.engine.analysis.findings import Finding
from vislab.engine.analysis.predictions import Predictions, joined
from vislab.engine.analysis.same_images import SameImages, holm, images_to_show, same_images
from vislab.presets.errors import InputError

REPEATS = frozenset({"seed", "strategy.fold"})
"""Settings that tell runs of one group apart."""


class Spread(NamedTuple):
    """A figure over several runs."""

    mean: float
    deviation: float | None
    """Standard deviation over the runs (n - 1 in the denominator); None of a single run."""
    runs: int


@dataclass(frozen=True)
class Group:
    """Runs whose settings are equal but for seed and fold, in the order of seeds and folds; at least one, and never two
    of one seed and fold: such do not tell how far seeds spread.
    """

    runs: tuple[Compared, ...]

    @property
    def counted(self) -> tuple[Compared, ...]:
        """The runs that its figures are of: those that are done; all, where none is."""
        return tuple(run for run in self.runs if run.done) or self.runs

    @property
    def begun(self) -> tuple[Compared, ...]:
        """The runs that its curve is of: those counted that have trained an epoch; the first, where none has."""
        return tuple(run for run in self.counted if run.state.epochs) or (self.first,)

    @property
    def same_data(self) -> bool:
        """Whether those that are counted have read the same data."""
        return same_data(self.counted)

    @property
    def first(self) -> Compared:
        """The run that stands for the settings of all."""
        return self.counted[0]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of all that are counted; of seed and fold, where they differ, a tuple of every value."""
        found = dict(self.first.settings)
        for key in REPEATS & found.keys():
            values = tuple(dict.fromkeys(run.settings[key] for run in self.counted))
            found[key] = values if len(values) > 1 else values[0]
        return found

    @property
    def repeated(self) -> bool:
        """Whether there are several."""
        return len(self.runs) > 1

    def spread(self, read: Callable[[Compared], float | None]) -> Spread | None:
        """A figure over the runs that are counted and have it; None where none has."""
        values = [value for run in self.counted if (value := read(run)) is not None]
        if not values:
            return None
        return Spread(fmean(values), stdev(values) if len(values) > 1 else None, len(values))

    def mean(self, read: Callable[[Compared], float | None]) -> float | None:
        """The mean of `spread`."""
        spread = self.spread(read)
        return spread.mean if spread is not None else None

    def total(self, read: Callable[[Compared], float | None]) -> float | None:
        """The sum of a figure over the runs that are counted; None where none has it."""
        values = [value for run in self.counted if (value := read(run)) is not None]
        return sum(values) if values else None


Repeat = tuple[int, int]
"""A seed and a fold; fold 0 stands for all folds together."""


class Repeated(NamedTuple):
    """The same-images test of two groups at one repeat."""

    repeat: Repeat
    test: SameImages
    """p is adjusted for all tests that were made together."""


class GroupPair(NamedTuple):
    """The same-images tests of two groups, by their positions, one a repeat; `refused` says why there is none."""

    a: int
    b: int
    tests: tuple[Repeated, ...]
    refused: str = ""
    untested: tuple[tuple[int, Compared], ...] = ()
    """Each run that no test is of, as not both groups have answers at its seed and fold, with its group's position."""

    @property
    def at_some(self) -> int:
        """At how many repeats one is shown to be better."""
        return sum(row.test.shown for row in self.tests)

    @property
    def shown(self) -> bool:
        """Whether the same one is shown to be better at every repeat."""
        directions = {row.test.only_a > row.test.only_b for row in self.tests}
        return bool(self.tests) and len(directions) == 1 and all(row.test.shown for row in self.tests)


def groups(runs: Sequence[Compared]) -> list[Group]:
    """Runs put together whose settings differ in nothing but seed and fold; in the order of their first ones.

    Of several runs of one seed and fold the first that is done is put with the others; the rest stand alone.
    """
    found: dict[str, list[Compared]] = {}
    for run in runs:
        settings = {key: value for key, value in run.settings.items() if key not in REPEATS}
        found.setdefault(repr(sorted(settings.items())), []).append(run)
    return [group for members in found.values() for group in _apart(members)]


def _apart(members: Sequence[Compared]) -> list[Group]:
    repeats: dict[Repeat, Compared] = {}
    for run in sorted(members, key=lambda run: not run.done):
        repeats.setdefault(_repeat(run), run)
    if len(repeats) == 1:
        return [Group((run,)) for run in members]
    together = sorted(repeats.values(), key=_repeat)
    return [Group(tuple(together)), *(Group((run,)) for run in members if run not in together)]


def winner(among: Sequence[Group]) -> int:
    """Position of the group that the others are tested against.

    Of those that have predictions of the same images as most others it is that of the highest mean accuracy, the first
    of equals.
    """
    answered = [{run.answered_on for run in group.runs} - {""} for group in among]

    def rank(index: int) -> tuple[int, float, int]:
        shared = sum(bool(answered[index] & other) for other in answered)
        mean = among[index].mean(lambda run: run.accuracy)
        return shared, -1.0 if mean is None else mean, -index

    return max(range(len(among)), key=rank)


def tests_against(among: Sequence[Group], reference: int) -> list[GroupPair]:
    """The same-images tests of each other group against one of them, repeat by repeat; p adjusted by Holm's method.

    Folds that judged an image once in all are put together; those that judged the same images (where a test part was
    published) are repeats, as seeds are.
    """
    pairs = [_pair(among, reference, other) for other in range(len(among)) if other != reference]
    adjusted = iter(holm([row.test.p for pair in pairs for row in pair.tests]))
    return [
        pair._replace(tests=tuple(Repeated(repeat, test._replace(p=next(adjusted))) for repeat, test in pair.tests))
        for pair in pairs
    ]


def not_told_apart(among: Sequence[Group], pairs: Sequence[GroupPair], names: Sequence[str]) -> Finding | None:
    """Whether the images are too few to tell the best group from others, and how many would do.

    Args:
        names: what each group is called.
    """
    open_pairs = [pair for pair in pairs if pair.tests and not pair.shown]
    if not open_pairs:
        return None
    closest = min(open_pairs, key=lambda pair: _needed(pair) or 10**12)
    images, needed = closest.tests[0].test.images, _needed(closest)
    others = ", ".join(
        f"{names[pair.b]} in each of {len(pair.tests)} repeats" if pair.at_some else names[pair.b]
        for pair in open_pairs
    )
    enough = (
        f" At the rates seen, about {needed:,} images would show {names[closest.a]} and {names[closest.b]} to differ."
        if needed > images
        else ""
    )
    folded = any(run.spec.strategy.folds for group in among for run in group.runs)
    in_turn = "" if folded else ", on every image in turn (--folds 5)"
    tested = {index for pair in open_pairs for index in (pair.a, pair.b)}
    seeded = all(len({run.spec.seed for run in among[index].runs}) > 1 for index in tested)
    again = "" if seeded else ", or repeat with other seeds (--seeds 3)"
    return Finding(
        "not_told_apart",
        "info",
        f"Too few images to tell these apart: on {images:,} images {names[closest.a]} is not shown to be better than "
        f"{others}.{enough}",
        f"Validate on more images{in_turn}{again}.",
    )


def _needed(pair: GroupPair) -> int:
    """Images at which the seeds' mean counts would show a difference; 0: no number would."""
    only_a, only_b = (
        fmean(counts) for counts in zip(*((t.test.only_a, t.test.only_b) for t in pair.tests), strict=True)
    )
    return images_to_show(pair.tests[0].test.images, only_a, only_b)


def _pair(among: Sequence[Group], a: int, b: int) -> GroupPair:
    for run in (*among[a].runs, *among[b].runs):
        if run.fault:
            return GroupPair(a, b, (), run.fault)
    one, other = among[a], among[b]
    untested: tuple[tuple[int, Compared], ...] = ()
    if not one.repeated and not other.repeated:  # alone they stand against each other, whatever their seeds
        both = {_repeat(one.first): (one.first.predictions, other.first.predictions)}
    else:
        judged = [{_repeat(run) for run in group.runs if run.predictions} for group in (one, other)]
        wanted = judged[0] & judged[1]
        first, second = (_answers(group, wanted) for group in (one, other))
        both = {repeat: (first[repeat], second[repeat]) for repeat in first if repeat in second}
        untested = tuple((at, run) for at in (a, b) for run in among[at].runs if _repeat(run) not in wanted)
    if not both:
        return GroupPair(a, b, (), "No same-images test: the runs that are done have no seed and fold in common.")
    try:
        tests = tuple(Repeated(repeat, same_images(*answers)) for repeat, answers in both.items())
    except InputError as error:
        return GroupPair(a, b, (), str(error))
    return GroupPair(a, b, tests, untested=untested)


def _answers(group: Group, wanted: set[Repeat]) -> dict[Repeat, Predictions]:
    """Predictions by repeat, those of folds with different images put together."""
    found: dict[Repeat, Predictions] = {}
    runs = [run for run in group.runs if _repeat(run) in wanted]
    for seed, members in groupby(runs, key=lambda run: run.spec.seed):
        folds = list(members)
        answers = [run.predictions for run in folds]
        different = len({one.names for one in answers}) == len(answers)
        if different and (together := joined(answers)).names.distinct:
            found[seed, 0] = together
        else:
            found |= {_repeat(run): run.predictions for run in folds}
    return found


def _repeat(run: Compared) -> Repeat:
    return run.spec.seed, run.spec.strategy.fold
