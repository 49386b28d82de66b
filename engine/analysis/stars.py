"""Which figure of a comparison is the best, and where none may be called so: only like is compared with like."""

from collections.abc import Sequence
from typing import NamedTuple

from vislab.engine.analysis.comparison import FIGURES, Compared, best_of
from vislab.engine.analysis.groups import Group

OTHER_IMAGES = "judged by different images"
OTHER_LOSSES = "losses of different functions"
NOT_DONE = "not done"
OTHER_COUNTS = "rows of different numbers of runs"
ON_FEATURES = "the frozen part runs before the epochs"


class Stars(NamedTuple):
    """The best of a figure."""

    best: set[int]
    """Positions of the groups."""
    left_out: set[int]
    """Positions that have the figure and cannot be the best, for `why`."""
    why: str = ""
    """Empty where nothing was left out."""


def stars(among: Sequence[Group], figure: str) -> Stars:
    """The best of a figure among groups.

    Accuracies and losses are compared where all that have them were judged by the same images, losses also only where
    they are of one function (class weights and label smoothing are no part of what is judged by); costs among runs that
    are done, in rows of as many runs; the speed of epochs among those that run the whole network in them.

    Args:
        figure: a name in FIGURES.
    """
    measure = FIGURES[figure]
    values = [group.mean(measure.read) for group in among]
    present = {index for index, value in enumerate(values) if value is not None}
    left_out: set[int] = set()
    why = ""
    match measure.basis:
        case "validation" | "test":
            if len({_images(among[index], measure.basis) for index in present}) > 1:
                left_out, why = present, OTHER_IMAGES
            elif figure == "loss" and len({among[index].first.spec.strategy.loss for index in present}) > 1:
                left_out, why = present, OTHER_LOSSES
        case "cost" | "speed":
            if unfinished := {index for index in present if not all(run.done for run in among[index].counted)}:
                left_out, why = unfinished, NOT_DONE
            if measure.basis == "cost" and len({len(among[index].counted) for index in present - left_out}) > 1:
                left_out, why = present, OTHER_COUNTS
            if measure.basis == "speed":
                on_features = {index for index in present if among[index].first.features is not None} - left_out
                if on_features and on_features != present - left_out:
                    left_out, why = left_out | on_features, why or ON_FEATURES
        case "":
            return Stars(set(), set())
    allowed = [None if index in left_out else value for index, value in enumerate(values)]
    return Stars(best_of(allowed, largest=measure.largest), left_out if len(present) > 1 else set(), why)


def _images(group: Group, role: str) -> frozenset[str]:
    return frozenset(_of(run, role) for run in group.counted)


def _of(run: Compared, role: str) -> str:
    return run.validated_on if role == "validation" else run.tested_on
