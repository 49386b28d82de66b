"""Loss or accuracy of one run as lines with ANSI colours: figures in words above, curves below. No Textual."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import product
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

SMOOTH = "~"
"""Before the title of a figure whose curves are smoothed, where the word has no room."""


def inside_epochs(state: RunState) -> bool:
    """Whether the run logs figures inside epochs, or may: one that logs once an epoch has none to draw."""
    return state.started is None or state.started.log_every < state.started.steps_per_epoch


def along(state: RunState, options: Options) -> curves.Along:
    """What the training curve follows: what was chosen, else what suits the run; without points inside, epochs."""
    if not inside_epochs(state):
        return "epoch"
    return options.along or ("epoch" if len(state.epochs) >= FEW_EPOCHS else "step")


def figure(
    state: RunState, quantity: curves.Quantity, options: Options, width: int, height: int, *, colour: bool = True
) -> list[str]:
    """Title and picture: exactly `height` lines of at most `width` cells."""
    return [
        title(state, quantity, options, width, colour=colour),
        *picture(state, quantity, options, width, height - 1, colour=colour),
    ]


def picture(
    state: RunState, quantity: curves.Quantity, options: Options, width: int, height: int, *, colour: bool = True
) -> list[str]:
    """The curves alone: exactly `height` lines of `width` cells."""
    by = along(state, options)
    raw = curves.series(state, quantity, along=by)
    shown = raw
    if options.smooth:
        many = [curve for curve in raw if _has_many(curve)]
        shown = [*map(curves.behind, many), *(curves.smoothed(curve) if _has_many(curve) else curve for curve in raw)]
    drawn = draw(
        shown,
        width=width,
        height=height + 1,
        log_y=options.log_loss and quantity == "loss",
        x_range=curves.last_epochs(state, options.last, by),
        best=curves.best_epoch(state),
        colour=colour,
    )
    return drawn[:-1]  # the title tells what the legend would


def title(state: RunState, quantity: curves.Quantity, options: Options, width: int, *, colour: bool = True) -> str:
    """The line above a picture, see `heading`: much cheaper than the picture."""
    by = along(state, options)
    shown, ends = curves.series(state, quantity, along=by), curves.last_epochs(state, options.last, by)
    return heading(state, quantity, shown, options, width, ends=ends, colour=colour)


def seen(state: RunState, options: Options) -> Hashable:
    """What title and picture depend on: both stay as they are while it is equal."""
    by = along(state, options)
    inside = len(state.steps) if by == "step" else 0
    ends = curves.last_epochs(state, options.last, by)  # a run that ends loses the plan
    return state.epochs_done, state.best, state.epochs_planned, len(state.resumes), inside, ends, options


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
    """How the curves are drawn, the last value of each and the best one, or what their markers mean; then the plan.

    Shorter and shorter, closer and closer, and without the plan, until all has room. What is missing from the figure
    is told in any case: where it leaves the markers no room, without the reasons.

    Args:
        ends: of the x-axis; the plan is told where it goes on behind them.
    """
    log_y = options.log_loss and quantity == "loss"
    ends = ends or (-math.inf, math.inf)
    notices = curves.ways_not_shown(shown, log_y=log_y, x_range=ends)
    plan = ""
    if ends[1] < state.epochs_planned:
        reached = math.floor(10 * ends[1]) / 10
        plan = f"→ {f'{reached:g}' if reached else '<0.1'}/{state.epochs_planned}"
    line, parts, gap = "", [], 2
    ways: tuple[tuple[Wording, bool, int], ...] = (
        *((wording, with_plan, 2) for with_plan in (True, False) for wording in ("whole", "short")),
        ("short", False, 1),
        *(("names", with_plan, 2) for with_plan in (True, False)),
        ("names", False, 1),
    )
    for notice, (wording, with_plan, gap) in product(notices or [""], ways):
        parts = _heading_parts(state, quantity, shown, options, wording)
        if plan and with_plan:
            parts.append(("", plan, 0))
        if notice:
            parts.insert(1, ("!", notice, BEST_COLOUR))
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
    state: RunState, quantity: curves.Quantity, shown: list[curves.Series], options: Options, wording: Wording
) -> list[tuple[str, str, int]]:
    """Marker, words and colour of each part of a heading."""
    written = text.short if wording == "short" else text.loss if quantity == "loss" else text.accuracy
    log_y, steps = options.log_loss and quantity == "loss", along(state, options) == "step"
    smooth = options.smooth and any(map(_has_many, shown))
    if wording == "whole":
        head = ", ".join([quantity, *["log"] * log_y, *["smooth"] * smooth])
    else:
        head = SMOOTH * smooth + ("log" if log_y else "acc" if quantity == "accuracy" else "loss")
    parts = [("", head, 0)]
    for index, curve in enumerate(shown):
        name = curve.name if index or not steps else "train steps" if wording == "whole" else "steps"
        value = "" if wording == "names" else f" {written(curve.ys[-1]) if curve.ys else text.MISSING}"
        parts.append((curve.marker, f"{name}{value}", curve.colour))
    if state.best is not None:
        best = state.best.val_loss if quantity == "loss" else state.best.val_accuracy
        value = f"{written(best)} " if wording == "whole" else ""
        parts.append((BEST_MARKER, f"{value}e{state.best.epoch}", BEST_COLOUR))
    return parts


def _has_many(curve: curves.Series) -> bool:
    """Whether a curve has points enough to be smoothed."""
    return sum(map(math.isfinite, curve.ys)) >= MANY
