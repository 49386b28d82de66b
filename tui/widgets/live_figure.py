"""Loss or accuracy of one run as lines with ANSI colours: figures in words above, curves below. No Textual."""

import math
from dataclasses import dataclass
from typing import Literal

from vislab.engine.runs.state import RunState
from vislab.tui.views import curves, text
from vislab.tui.widgets.curves import BEST_COLOUR, BEST_MARKER, draw

Wording = Literal["whole", "short", "names"]
"""Of a heading: figures to four places, to three, or none."""


@dataclass(frozen=True)
class Options:
    """How curves are drawn.

    Attributes:
        along: the training curve inside epochs (step) or a point an epoch; None: inside epochs while few have ended.
        log_loss: logarithmic y-axis for the loss.
        smooth: smoothed, the raw curves dim behind.
        last: only the last epochs, this many; 0: all that are planned; None: what was trained, and of a plan as much as
            leaves the curves room.
    """

    along: curves.Along | None = None
    log_loss: bool = False
    smooth: bool = False
    last: int | None = None


FEW_EPOCHS = 3
"""From so many on, a point an epoch says more than the training curve inside epochs."""

MANY = 20
"""Points from which a curve can be smoothed."""


def usual_along(state: RunState) -> curves.Along:
    """What the x-axis follows while nobody has chosen."""
    return "epoch" if len(state.epochs) >= FEW_EPOCHS else "step"


def figure(
    state: RunState, quantity: curves.Quantity, options: Options, width: int, height: int, *, colour: bool = True
) -> list[str]:
    """Exactly `height` lines of at most `width` cells."""
    along = options.along or usual_along(state)
    raw = curves.series(state, quantity, along=along)
    ends = curves.last_epochs(state, options.last, along)
    log_y = options.log_loss and quantity == "loss"
    shown = raw
    if options.smooth:
        many = [curve for curve in raw if len(curve.ys) >= MANY]
        shown = [*map(curves.behind, many), *(curves.smoothed(curve) if curve in many else curve for curve in raw)]
    drawn = draw(
        shown,
        width=width,
        height=height,
        log_y=log_y,
        x_range=ends,
        best=curves.best_epoch(state),
        colour=colour,
    )
    return [heading(state, quantity, raw, options, width, ends=ends, colour=colour), *drawn[:-1]]


def heading(
    state: RunState,
    quantity: curves.Quantity,
    shown: list[curves.Series],
    options: Options,
    width: int,
    *,
    ends: tuple[float, float] | None = None,
    colour: bool = True,
) -> str:
    """The last value of each curve and the best one, or what their markers mean; at the end the plan.

    Shorter and shorter, closer and closer, and without the plan, until all has room.

    Args:
        ends: of the x-axis; the plan is told where it goes on behind them.
    """
    log_y = options.log_loss and quantity == "loss"
    ends = ends or (-math.inf, math.inf)
    missing = curves.not_shown(shown, log_y=log_y, x_range=ends)
    plan = ""
    if ends[1] < state.epochs_planned:
        reached = math.floor(10 * ends[1]) / 10
        plan = f"→ {f'{reached:g}' if reached else '<0.1'}/{state.epochs_planned}"
    line, parts, gap = "", [], 2
    ways: tuple[tuple[Wording, bool, int], ...] = (
        *((wording, with_plan, 2) for with_plan in (True, False) for wording in ("whole", "short")),
        ("short", False, 1),
        *(("names", with_plan, 2) for with_plan in (True, False)),
    )
    for wording, with_plan, gap in ways:
        parts = _heading_parts(state, quantity, shown, log_y, wording)
        if plan and with_plan:
            parts.append(("", plan, 0))
        if missing:
            parts.insert(1, ("!", missing, BEST_COLOUR))
        if sum(text.cells(f"{marker} {words}" if marker else words) + gap for marker, words, _ in parts) <= width + gap:
            break
    room = width
    for marker, words, code in parts:
        taken = text.cells(f"{marker} {words}" if marker else words)
        if taken > room:
            break
        room -= taken + gap
        sign = f"\x1b[38;5;{code}m{marker}\x1b[0m" if colour else marker
        line += (f"{sign} {words}" if marker else words) + " " * gap
    return line.rstrip()


def _heading_parts(
    state: RunState, quantity: curves.Quantity, shown: list[curves.Series], log_y: bool, wording: Wording
) -> list[tuple[str, str, int]]:
    """Marker, words and colour of each part of a heading."""
    written = text.short if wording == "short" else text.loss if quantity == "loss" else text.accuracy
    title: str = "acc" if wording != "whole" and quantity == "accuracy" else quantity
    if log_y:
        title = f"{title}, log" if wording == "whole" else "log"
    parts = [("", title, 0)]
    for curve in shown:
        value = "" if wording == "names" else f" {written(curve.ys[-1]) if curve.ys else text.MISSING}"
        parts.append((curve.marker, f"{curve.name}{value}", curve.colour))
    if state.best is not None:
        best = state.best.val_loss if quantity == "loss" else state.best.val_accuracy
        value = f"{written(best)} " if wording == "whole" else ""
        parts.append((BEST_MARKER, f"{value}e{state.best.epoch}", BEST_COLOUR))
    return parts
