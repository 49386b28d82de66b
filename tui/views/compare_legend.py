"""What stands above and below the curves of a comparison: what is missing from them, what they came to. Safe text."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vislab.tui.views import text
from vislab.tui.views.compare import OF_TRAINING
from vislab.tui.views.curves import LARGEST, Quantity, Series, not_shown, nothing_drawn

_AROUND = 4
"""Cells of an entry beside its words: its marker and the spaces around it."""


def titled(
    title: str, curves: Sequence[Series], width: int, *, log_y: bool = False, x_range: tuple[float, float]
) -> str:
    """The title of a figure and behind it what is missing there, run by run: `validation loss  ! ▲3 12 not finite`.

    Where that has no room the title gets shorter, then it names the runs alone.
    """
    told = missing(curves, log_y=log_y, x_range=x_range)
    if not told:
        return title
    ways = (by_run(told), f"{' '.join(told)} incomplete")
    lines = [f"{head}  ! {way}" for way in ways for head in (title, title.replace("validation", "val"))]
    return next((line for line in lines if text.cells(line) <= width), lines[-1])


def missing(
    curves: Sequence[Series], *, log_y: bool = False, x_range: tuple[float, float] = (-math.inf, math.inf)
) -> dict[str, str]:
    """Labels of the curves that are not whole to what is missing from them: `▲3` to `12 not finite`."""
    why = {
        _label(curve): not_shown([curve], log_y=log_y, x_range=x_range) if curve.ys else nothing_drawn([curve.ys])
        for curve in curves
    }
    return {label: words for label, words in why.items() if words}


def by_run(missing: Mapping[str, str]) -> str:
    """What is `missing` as one line: `●2 1 not finite · ▲3 12 not finite`."""
    return " · ".join(f"{label} {why}" for label, why in missing.items())


def named(
    curves: Sequence[Series], by_epoch: Sequence[Series], quantity: Quantity, room: int, *, log_y: bool = False
) -> list[Series]:
    """The curves that have a point, each under the longest of its names with which all have room in a legend.

    Args:
        by_epoch: the same curves by epoch.
        room: cells.
    """
    each = list(zip(curves, by_epoch, strict=True))
    drawn = [pair for pair in each if any(abs(y) <= LARGEST and (y > 0 or not log_y) for y in pair[0].ys)] or each
    ways = list(zip(*(names(curve, quantity) for _, curve in drawn), strict=True))
    fitting = (way for way in ways if sum(text.cells(name) + _AROUND for name in way) <= room)
    return [replace(curve, name=name) for (curve, _), name in zip(drawn, next(fitting, ways[-1]), strict=True)]


def names(curve: Series, quantity: Quantity) -> list[str]:
    """What a curve may be called, from the longest on: `2 transfer last 0.967 best 0.972 e5` … `2`."""
    number, last, best = _number(curve), "", "no figures"
    of = OF_TRAINING * curve.name.endswith(OF_TRAINING)  # stays beside figures: the title says validation
    ys = array("d", filter(math.isfinite, curve.ys))
    if ys:
        value = min(ys) if quantity == "loss" else max(ys)
        epoch = next(x for x, y in zip(curve.xs, curve.ys, strict=True) if y == value)
        last, best = f"last {text.short(ys[-1])} ", f"best {text.short(value)} e{epoch:g}"
    return [f"{curve.name} {last}{best}", f"{number}{of} {last}{best}", f"{number}{of} {best}", curve.name, number]


def _number(curve: Series) -> str:
    return curve.name.partition(" ")[0]


def _label(curve: Series) -> str:
    return f"{curve.marker}{_number(curve)}"
