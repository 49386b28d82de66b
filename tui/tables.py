"""Lines of plain text that fit the terminal: tables, and settings with where they came from."""

import shutil
import sys
from collections.abc import Iterable, Sequence

from vislab.tui.made import Made
from vislab.tui.views import text

GAP = 2
"""Cells between two columns."""

NARROWEST = 6
"""Cells that a column keeps when there is no room."""


def width() -> int:
    """Cells of a line on stdout: those of the terminal (or COLUMNS), and 120 for pipes and files."""
    return shutil.get_terminal_size((80 if sys.stdout.isatty() else 120, 24)).columns


def lines(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    ends: Sequence[str] = (),
    both_ends: Sequence[str] = (),
) -> list[str]:
    """`table`, whole."""
    return list(table(titles, rows, width, right=right, whole=whole, ends=ends, both_ends=both_ends))


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    ends: Sequence[str] = (),
    both_ends: Sequence[str] = (),
) -> Made[str]:
    """A line of titles and a line a row; no longer than `width` while columns that may be cut have room to give.

    Args:
        titles: one a column.
        rows: safe text, see `vislab.tui.views.text.plain`.
        right: titles of columns that are set at their right end.
        whole: titles of columns that are never cut.
        ends: titles of columns that are cut at their beginning: their ends tell the cells apart.
        both_ends: titles of columns that are cut in the middle: names, which may differ at either end.
    """
    widths = columns(titles, rows)
    room = width - GAP * (len(widths) - 1)
    while sum(widths) > room:
        able = [i for i, title in enumerate(titles) if title not in whole and widths[i] > NARROWEST]
        if not able:
            break
        widths[max(able, key=lambda i: widths[i])] -= 1

    def cut(cell: str, title: str, room: int) -> str:
        if title in ends:
            return text.tail(cell, room)
        return text.shortened(cell, room) if title in both_ends else cell

    def line(index: int) -> str:
        row = rows[index - 1] if index else titles
        cells = [
            text.fit(cut(cell, title, cell_width) if index else title, cell_width, right=title in right)
            for title, cell, cell_width in zip(titles, row, widths, strict=True)
        ]
        return (" " * GAP).join(cells).rstrip()

    return Made(1 + len(rows), line)


def columns(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[int]:
    """Cells that each column takes."""
    widths = [text.cells(title) for title in titles]
    for row in rows:
        widths = [max(most, text.cells(cell)) for most, cell in zip(widths, row, strict=True)]
    return widths


def settings(values: Sequence[tuple[str, str, str]], width: int) -> list[str]:
    """A line a setting, its origin behind it as a comment; above it where both have no room on one line.

    Args:
        values: key, value, origin; safe text.
    """
    pairs = [(f"{key} = {value}", f"# {origin}" if origin else "") for key, value, origin in values]
    fitting = [text.cells(left) for left, right in pairs if text.cells(left) + GAP + text.cells(right) <= width]
    column = min(max(fitting, default=0), width // 2)
    made = []
    for left, right in pairs:
        reach = max(text.cells(left), column)
        if reach + GAP + text.cells(right) <= width:
            made.append(f"{text.fit(left, reach)}{' ' * GAP}{right}".rstrip())
        else:
            made += [right, left]
    return made
