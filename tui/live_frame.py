"""One frame of the live view on paper."""

import textwrap

from vislab.tui.following import Look
from vislab.tui.views import epochs, live, text
from vislab.tui.views.curves import Quantity
from vislab.tui.views.run import status
from vislab.tui.widgets.live_figure import Options, figure

MARGIN_LINES = 7
"""Lines beside curves and table: title, two bars, titles of the table, device, finding, and the prompt of the shell."""

GAP = 3


def frame(
    look: Look, title: str, width: int, height: int, *, max_steps: int = 0, planned: int = 0, colour: bool = False
) -> list[str]:
    """What the live view shows of a run at one moment, in lines of at most `width` cells.

    Args:
        title: safe text.
        height: lines that fit on the screen; the table of epochs is cut to them.
        max_steps: the strategy's limit; 0: none.
        planned: epochs that the strategy asks for.
        colour: curves with ANSI colours.
    """
    state = look.state
    word = status(look.status)
    lines = [f"{text.fit(title, max(0, width - text.cells(word) - 2))}  {word}"]
    bars = live.bars(state, look.progress, look.status, width, max_steps, planned, look.silence)
    lines += ["".join(parts).rstrip() for parts in bars]
    ending = textwrap.wrap(live.ending(state, look.status, look.last_words), width)
    lines += [text.fit(line, width).rstrip() for line in ending]  # cut where its letters are wide
    queue = look.result if look.status == "new" else look.waits
    waits = [line for words in queue for line in textwrap.wrap(words, width)]
    lines += [text.fit(line, width).rstrip() for line in waits]
    room = max(8, height - MARGIN_LINES - max(0, len(ending) - 1) - len(waits))
    charts = max(6, round(room * 0.6))
    half = (width - GAP) // 2
    quantities: tuple[Quantity, ...] = ("loss", "accuracy")
    pair = [figure(state, quantity, Options(), half, charts, colour=colour) for quantity in quantities]
    lines += [f"{_filled(left, half)}{' ' * GAP}{right}".rstrip() for left, right in zip(*pair, strict=True)]
    table = epochs.lines(state, width)
    lines += [table[0], *table[1:][-max(2, room - charts) :]]
    last = [live.device_line(state, look.reading, look.status, width), live.finding_line(look.findings)]
    return lines + [text.fit(line, width).rstrip() for line in last if line]


def _filled(line: str, width: int) -> str:
    """A line with ANSI colours, filled with spaces to its width in cells."""
    bare, escape = "", False
    for character in line:
        escape = escape or character == "\x1b"
        bare += "" if escape else character
        escape = escape and character != "m"
    return line + " " * (width - text.cells(bare))
