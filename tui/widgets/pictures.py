"""Pictures as half blocks: a cell shows one pixel above another."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from vislab.tui.looks import Shown
from vislab.tui.views import text
from vislab.tui.views.results import RGB, half_blocks

GAP = 2
"""Cells between two pictures."""
_LEVELS = bytes(round(round(value * 63 / 255) * 255 / 63) for value in range(256))
"""The nearest of 64 values: nobody sees the difference, and there are fewer colours to make and to keep."""


class HalfBlocks(Text):
    """A line of a picture. It keeps its pixels: a style and a span for each cell would be a kilobyte a cell."""

    __slots__ = ("_cells", "_left")

    def __init__(self, cells: Sequence[tuple[RGB, RGB]], left: int, side: int) -> None:
        """A line.

        Args:
            cells: upper and lower colour of each cell.
            left: blanks before them.
            side: cells of the line, blanks behind them included.
        """
        super().__init__(" " * left + "▀" * len(cells) + " " * (side - left - len(cells)))
        self._cells = bytes(value for upper, lower in cells for value in (*upper, *lower)).translate(_LEVELS)
        self._left = left

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, HalfBlocks) and self._cells == other._cells

    __hash__ = None  # type: ignore[assignment]

    def render(self, console: Console, end: str = "") -> Iterable[Segment]:
        """Its cells, equal neighbours as one."""
        yield Segment(" " * self._left)
        cells = (self._cells[begin : begin + 6] for begin in range(0, len(self._cells), 6))
        behind = len(self.plain) - self._left
        for cell, run in groupby(cells):
            count = sum(1 for _ in run)
            behind -= count
            yield Segment("▀" * count, Style(color=_colour(cell[:3]), bgcolor=_colour(cell[3:])))
        yield Segment(" " * behind + end)


class Beside(Text):
    """Lines one behind the other, as one, a gap between them."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Text]) -> None:
        super().__init__((" " * GAP).join(part.plain for part in parts))
        self._parts = tuple(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Beside) and self._parts == other._parts

    __hash__ = None  # type: ignore[assignment]

    def render(self, console: Console, end: str = "") -> Iterable[Segment]:
        """Each as it renders itself."""
        for place, part in enumerate(self._parts):
            yield Segment(" " * GAP * (place > 0))
            yield from Segment.apply_style(part.render(console), console.get_style(part.style))
        yield Segment(end)


@lru_cache(maxsize=2048)
def _colour(pixel: bytes) -> Color:
    return Color.from_rgb(*pixel)


def picture(shown: Shown, side: int) -> list[Text]:
    """A picture as `side` / 2 lines, centred in its square; its first words where there is no picture.

    Args:
        side: of the square in pixels, even, and not below the picture's.
    """
    rows = side // 2
    if not shown.rgb:
        lines = [Text(" " * side) for _ in range(rows)]
        lines[rows // 2] = Text(text.fit(shown.lines[0], side), "dim")
        return lines
    left = (side - shown.width) // 2
    made = [HalfBlocks(cells, left, side) for cells in half_blocks(shown.rgb, shown.width, shown.height)]
    above = (rows - len(made)) // 2
    blank = Text(" " * side)
    return [*[blank] * above, *made, *[blank] * (rows - above - len(made))]


def beside(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    """Blocks of lines one beside the other, a gap between them; all have as many lines as the first."""
    return [Beside(parts) for parts in zip(*blocks, strict=True)]
