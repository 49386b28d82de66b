"""Loss or accuracy of one run as lines with ANSI colours: figures in words above, curves below. No Textual."""

from dataclasses import dataclass

from vislab.engine.runs.state import RunState
from vislab.tui.views import curves, text
from vislab.tui.widgets.curves import BEST_COLOUR, BEST_MARKER, draw


@dataclass(frozen=True)
class Options:
    """How curves are drawn.

    Attributes:
        along: the training curve inside epochs (step) or a point an epoch; None: inside epochs while few have ended.
        log_loss: logarithmic y-axis for the loss.
        smooth: smoothed, the raw curves dim behind.
        last: only the last epochs, this many; 0: all that are planned.
    """

    along: curves.Along | None = None
    log_loss: bool = False
    smooth: bool = False
    last: int = 0


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
        x_range=curves.last_epochs(state, options.last, along),
        best=curves.best_epoch(state),
        colour=colour,
    )
    return [heading(state, quantity, raw, options, width, colour=colour), *drawn[:-1]]


def heading(
    state: RunState,
    quantity: curves.Quantity,
    shown: list[curves.Series],
    options: Options,
    width: int,
    *,
    colour: bool = True,
) -> str:
    """The last value of each curve and the best one, as many as have room."""
    written = text.loss if quantity == "loss" else text.accuracy
    log_y = options.log_loss and quantity == "loss"
    parts = [("", "", f"{quantity}, log" if log_y else quantity, 0)]
    if missing := curves.not_shown(shown, log_y=log_y):
        parts.append(("!", "", missing, BEST_COLOUR))
    for curve in shown:
        parts.append((curve.marker, curve.name, written(curve.ys[-1]) if curve.ys else text.MISSING, curve.colour))
    if state.best is not None:
        value = written(state.best.val_loss if quantity == "loss" else state.best.val_accuracy)
        parts.append((BEST_MARKER, "", f"{value} e{state.best.epoch}", BEST_COLOUR))
    named = sum(text.cells(" ".join(filter(None, part[:3]))) + 2 for part in parts) <= width + 2
    line, room = "", width
    for marker, name, value, code in parts:
        words = f"{name} {value}" if name and named else value
        taken = text.cells(f"{marker} {words}" if marker else words)
        if taken > room:
            break
        room -= taken + 2
        sign = f"\x1b[38;5;{code}m{marker}\x1b[0m" if colour else marker
        line += f"{sign} {words}  " if marker else f"{words}  "
    return line.rstrip()
