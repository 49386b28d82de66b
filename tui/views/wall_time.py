"""The curves of a comparison along wall time."""

from array import array
from collections.abc import Sequence
from dataclasses import replace

from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.groups import Group
from vislab.tui.views.curves import Series


def longest(runs: Sequence[Compared]) -> float:
    """Seconds of work of the run that took longest; 0.0 where none has begun."""
    return max(run.seconds or 0.0 for run in runs)


def unit(runs: Sequence[Compared]) -> tuple[str, float]:
    """The unit of a time axis and its seconds."""
    seconds = longest(runs)
    return ("hours", 3600.0) if seconds > 7200 else ("minutes", 60.0) if seconds > 180 else ("seconds", 1.0)


def label(among: Sequence[Group]) -> str:
    """What the axis counts: `seconds`; where a curve is of several runs, `mean seconds`."""
    counted = unit([run for group in among for run in group.runs])[0]
    return f"mean {counted}" if any(len(group.begun) > 1 for group in among) else counted


def by_time(among: Sequence[Group], by_epoch: Sequence[Series]) -> list[Series]:
    """Curves of groups with the time of work, in `unit`, at which each epoch had ended, of several runs the mean.

    Args:
        by_epoch: a curve a group, its xs epochs that all of `Group.begun` have trained.
    """
    seconds = unit([run for group in among for run in group.runs])[1]
    return [
        replace(curve, xs=_mean_ends(group.begun, curve.xs, seconds))
        for group, curve in zip(among, by_epoch, strict=True)
    ]


def _mean_ends(runs: Sequence[Compared], epochs: Sequence[float], seconds: float) -> "array[float]":
    each = []
    for run in runs:
        rows, before = run.state.epochs, run.feature_seconds or 0.0
        ends = dict(zip(rows.numbers("epoch"), rows.numbers("elapsed"), strict=True))
        each.append([before + ends[epoch] for epoch in epochs])
    return array("d", (sum(at) / len(at) / seconds for at in zip(*each, strict=True)))
