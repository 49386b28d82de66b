"""What a curve shows: its points, its legend, and the same in words."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Literal

from vislab.engine.analysis.findings import OVERFITTING_RISE
from vislab.engine.runs.state import RunState
from vislab.tui.views import epochs, text
from vislab.tui.views.axes import place

Quantity = Literal["loss", "accuracy"]
Along = Literal["epoch", "step"]

TRAIN_MARKER, VAL_MARKER = "▪", "●"
TRAIN_COLOUR, VAL_COLOUR = 32, 166
"""Blue and orange of the 256-colour palette: told apart by colour-blind eyes, legible on black and on white."""

RAW_MARKER = "·"
_DIM = {TRAIN_COLOUR: 67, VAL_COLOUR: 137}
"""Greyer neighbours of the colours, for raw curves behind smoothed ones."""

LARGEST = 1e100
"""Values beyond this are not drawn, as infinite ones are not, so that no difference of two overflows."""

CLEAR = 0.8
"""Share of pairs of an earlier and a later value that go one way, from which there is a trend."""


@dataclass(frozen=True)
class Series:
    """One curve. Values that are not finite are gaps.

    Attributes:
        name: label in the legend; safe text.
        xs: position of each point, in epochs.
        ys: value of each point.
        marker: one character, so that curves differ without colour too.
        colour: index into the terminal's 256 colours.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    marker: str
    colour: int


def series(state: RunState, quantity: Quantity, *, along: Along = "epoch") -> list[Series]:
    """Training curve and, where the run has validation, the validation curve of one quantity.

    Args:
        along: "epoch" puts each epoch's mean at its number; "step" shows the training curve inside epochs, where the
            end of epoch n is at n.
    """
    rows = state.epochs
    if along == "step" and state.started is not None:
        length = max(1, state.started.steps_per_epoch)
        train_xs = array("d", (step / length for step in state.steps.numbers("step")))
        train_ys = state.steps.numbers(quantity)
    else:
        train_xs, train_ys = rows.numbers("epoch"), rows.numbers(f"train_{quantity}")
    curves = [Series("train", train_xs, train_ys, TRAIN_MARKER, TRAIN_COLOUR)]
    if epochs.has_validation(state):
        name = f"val_{quantity}"
        xs, ys, told = rows.numbers("epoch"), rows.numbers(name), rows.told(name)
        if not all(told):
            xs, ys = (array("d", compress(values, told)) for values in (xs, ys))
        curves.append(Series(epochs.judged_on(state), xs, ys, VAL_MARKER, VAL_COLOUR))
    return curves


ZOOMS = (100, 30, 10, 3)
"""Epochs that can be zoomed to."""

LONG = 20
"""Epochs from which a plan is long: the axis does not show all of it from the start."""


def epochs_shown(trained: int, planned: int) -> int:
    """Where an axis ends that grows in steps, so that it mostly stands still and a curve fills three fifths or more.

    All epochs planned where they are few, or three fifths of them are trained; else the next of 5, 10, 15, 20, 30, 40,
    50, 75, 100, …
    """
    if planned <= LONG or 5 * trained >= 3 * planned:
        return max(planned, trained)
    tens = (digit * 10**power for power in range(20) for digit in (10, 15, 20, 30, 40, 50, 75))
    return min(planned, next(step for step in (5, *tens) if step >= trained))


def x_range(state: RunState, along: Along = "epoch", *, whole: bool = False) -> tuple[float, float]:
    """Ends of the x-axis, in epochs: what was trained of a run that has ended, else `epochs_shown`.

    Args:
        whole: all epochs planned.
    """
    begun = max(1, math.ceil(_reached(state, "step")))
    planned = max(state.epochs_planned, begun)
    ended = state.ended is not None
    last = planned if whole else _reached(state, along) if ended else epochs_shown(begun, planned)
    return (0.0, float(last or 1)) if along == "step" else (1.0, float(max(last, 2)))


def _reached(state: RunState, along: Along) -> float:
    """Where the figures end, in epochs: inside one where they are those of steps."""
    last = float(state.epochs_done)
    if along == "step" and state.started is not None:
        last = max(last, state.step / max(1, state.started.steps_per_epoch))
    return last


def best_epoch(state: RunState) -> float | None:
    """Where the best mark goes on the x-axis."""
    return None if state.best is None else float(state.best.epoch)


def in_words(curve: Series, quantity: Quantity, *, log_y: bool = False) -> str:
    """One sentence for those who cannot see the curve: last, best and trend.

    For instance `val loss: last 0.3776 at epoch 4, lowest 0.3776 at epoch 4, falling`.

    Args:
        log_y: drawn on a logarithmic axis, so that what is missing there is told.
    """
    finite = [*map(math.isfinite, curve.ys)]
    xs, ys = (array("d", compress(values, finite)) for values in (curve.xs, curve.ys))
    label = f"{curve.name} {quantity}"
    if not ys:
        return f"{label}: no finite figure" if curve.ys else f"{label}: no figures yet"
    written = text.loss if quantity == "loss" else text.accuracy
    extreme, best = ("lowest", min(ys)) if quantity == "loss" else ("highest", max(ys))
    parts = [
        f"last {written(ys[-1])} at epoch {place(xs[-1])}",
        f"{extreme} {written(best)} at epoch {place(xs[ys.index(best)])}",
    ]
    if len(ys) >= 3:
        word = trend(ys)
        # As the finding of overfitting sees it: a loss may fall again and still be far above its lowest.
        risen = quantity == "loss" and ys[-1] >= OVERFITTING_RISE * best > 0
        parts.append(f"{word} again" if risen and word == "falling" else word)
    if missing := not_shown([curve], log_y=log_y):
        parts.append(missing)
    return f"{label}: {', '.join(parts)}"


def sentences(state: RunState) -> list[str]:
    """Every curve of a run in words, and what its epochs' figures do not tell of the intervals inside them."""
    quantities: tuple[Quantity, ...] = ("loss", "accuracy")
    words = [in_words(curve, quantity) for quantity in quantities for curve in series(state, quantity)]
    gaps = len(state.steps) - sum(map(math.isfinite, state.steps.numbers("loss")))
    if gaps:
        words.append(f"train loss inside epochs: not finite in {gaps} of {len(state.steps)} logged intervals")
    return words


def trend(values: Sequence[float]) -> str:
    """`rising`, `falling` or `level`: the last fifth of the values (at least three) against as many before.

    Values before those count for nothing. The means must differ by 0.1 % of their size, and of all pairs of a value
    before and one after, CLEAR must differ the same way (the probability of superiority: McGraw and Wong 1992), so
    that neither scale nor noise makes a trend.
    """
    window = min(max(3, len(values) // 5), len(values) // 2)
    if window == 0:
        return "level"
    before, after = values[-2 * window : -window], values[-window:]
    change = sum(value / window for value in after) - sum(value / window for value in before)
    if not math.isfinite(change) or abs(change) <= 0.001 * max(map(abs, (*before, *after))):
        return "level"
    early = sorted(before)
    below = (
        sum(bisect_left(early, late) + bisect_right(early, late) for late in after) / 2
    )  # of each pair of equals half
    pairs = len(before) * len(after)
    if (below if change > 0 else pairs - below) < CLEAR * pairs:
        return "level"
    return "rising" if change > 0 else "falling"


def smoothed(curve: Series) -> Series:
    """The curve's exponential moving average over about a fiftieth of its points, at least three.

    Corrected for its start as in Adam (Kingma and Ba 2015), so that it begins at the first value. Gaps stay gaps.
    """
    span = max(3.0, len(curve.ys) / 50)
    keep = 1 - 2 / (span + 1)
    total = weight = 0.0
    ys = array("d")
    for value in curve.ys:
        if math.isfinite(value):
            total = keep * total + (1 - keep) * value
            weight = keep * weight + (1 - keep)
        ys.append(total / weight if math.isfinite(value) else math.nan)
    return replace(curve, ys=ys)


def behind(curve: Series) -> Series:
    """The curve as it stands dim behind its smoothed one."""
    return replace(curve, marker=RAW_MARKER, colour=_DIM.get(curve.colour, curve.colour))


def last_epochs(state: RunState, count: int | None, along: Along = "epoch") -> tuple[float, float]:
    """Ends of the x-axis for the last `count` epochs, the present one included; 0: all that are planned; None: as
    `x_range` chooses. It begins with a whole epoch, and ends with one while the run lives: it stands still inside one.
    """
    low, high = x_range(state, along, whole=count == 0)
    if not count:
        return low, high
    last = math.ceil(_reached(state, along))
    first = last - count + (along == "epoch")  # a point an epoch stands at its number; inside it begins one before
    return max(low, float(first)), high if state.ended is not None else max(low + 1, float(last))


def next_zoom(now: int | None, trained: int, *, plan_hidden: bool) -> int | None:
    """What follows when somebody zooms: all that suits the curves (None), the whole plan (0), the last 100, 30, …

    Args:
        plan_hidden: whether more is planned than is shown of itself.
    """
    offered: list[int | None] = [None, *[0] * plan_hidden, *(zoom for zoom in ZOOMS if zoom < trained)]
    return offered[(offered.index(now) + 1) % len(offered)] if now in offered else None


def zoom_words(zoom: int | None) -> str:
    """`The last 30 epochs`."""
    return "All epochs so far" if zoom is None else f"The last {zoom} epochs" if zoom else "All epochs planned"


def nothing_drawn(values: Iterable[Sequence[float]]) -> str:
    """What stands in a figure without a point, given the values of each of its curves."""
    return "no figure that can be drawn" if any(values) else "no figures yet"


def not_shown(
    curves: Iterable[Series], *, log_y: bool = False, x_range: tuple[float, float] = (-math.inf, math.inf)
) -> str:
    """Why points are missing from a figure, in a few words; empty when none are.

    Args:
        x_range: ends of the x-axis; nothing is said of points beyond them.
    """
    return next(iter(ways_not_shown(curves, log_y=log_y, x_range=x_range)), "")


def ways_not_shown(
    curves: Iterable[Series], *, log_y: bool = False, x_range: tuple[float, float] = (-math.inf, math.inf)
) -> list[str]:
    """What `not_shown` says, and shorter: `31 not finite, 10 too large to draw`, `41 left out`; empty: none are."""
    first, last = x_range
    bad = high = low = 0
    for curve in curves:
        if not curve.ys or (all(map(math.isfinite, curve.ys)) and _drawable(min(curve.ys), max(curve.ys), log_y=log_y)):
            continue  # as nearly always: the points need not be looked at one by one
        for x, y in zip(curve.xs, curve.ys, strict=True):
            if first <= x <= last:
                bad += not math.isfinite(y)
                high += LARGEST < abs(y) < math.inf
                low += log_y and math.isfinite(y) and y <= 0
    told = ((bad, "not finite"), (high, "too large to draw"), (low, "not above 0"))
    reasons = [f"{count} {what}" for count, what in told if count]
    return [", ".join(reasons), f"{bad + high + low} left out"] if reasons else []


def _drawable(lowest: float, highest: float, *, log_y: bool) -> bool:
    return lowest >= -LARGEST and highest <= LARGEST and (lowest > 0 or not log_y)
