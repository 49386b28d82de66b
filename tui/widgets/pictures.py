"""Pictures as half blocks: a cell shows one pixel above another."""

from collections.abc import Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip

from vislab.tui.looks import Shown
from vislab.tui.views import text
from vislab.tui.views.results import half_blocks
from vislab.tui.widgets.lines import Drawn, ScrolledLines, painted
from vislab.tui.widgets.no_colour import PIXELS
from vislab.tui.widgets.strips import Pixels, Row

GAP = 2
"""Cells between two pictures."""
_LEVELS = bytes(round(round(value * 63 / 255) * 255 / 63) for value in range(256))
"""The nearest of 64 values: nobody sees the difference, and there are fewer colours to make and to keep."""


class HalfBlocks(Drawn):
    """A line of a picture. It keeps its pixels: a style and a span for each cell would be a kilobyte a cell."""

    __slots__ = ("_left", "_pixels")

    def __init__(self, cells: bytes, left: int, side: int) -> None:
        """A line.

        Args:
            cells: uint8, 6 bytes a cell: RGB of the upper pixel and of the lower.
            left: blanks before them.
            side: cells of the line, blanks behind them included.
        """
        count = len(cells) // 6
        super().__init__(" " * left + PIXELS * count + " " * (side - left - count))
        self._pixels = cells.translate(_LEVELS)
        self._left = left

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, HalfBlocks) and self._pixels == other._pixels

    __hash__ = None  # type: ignore[assignment]

    def strip(self, console: Console, style: Style) -> Strip:
        """Its cells."""
        pixels = Pixels(self._pixels)
        behind = self.cell_len - self._left - pixels.cell_length
        return Row([Strip.blank(self._left, style), pixels, Strip.blank(behind, style)])


class Beside(Drawn):
    """Lines one behind the other, as one, a gap between them."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Text]) -> None:
        super().__init__((" " * GAP).join(part.plain for part in parts))
        self._parts = tuple(parts)

    def _told(self) -> list[object]:
        return [(part, part.style) for part in self._parts]  # Rich compares texts without the style of the whole

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Beside) and self._told() == other._told()

    __hash__ = None  # type: ignore[assignment]

    def strip(self, console: Console, style: Style) -> Strip:
        """Each as it is painted alone."""
        gap = Strip.blank(GAP, style)
        painted_parts = (painted(part, console, style) for part in self._parts)
        return Row(strip for place, part in enumerate(painted_parts) for strip in ([gap, part] if place else [part]))


class PictureLines(ScrolledLines):
    """Lines, pictures among them; no border, and blanks only at their sides.

    What Textual adds to lines on their way to the screen would style and keep each cell of a picture.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """All that is seen."""
        self.fit_looks()
        _, background = self.background_colors
        side = Style(bgcolor=background.rich_color)
        left, right = (Strip.blank(width, side) for width in self.styles.gutter[3:0:-2])
        seen: list[Strip] = [Row([left, self.render_line(y), right]) for y in crop.line_range]
        for filter in self.get_line_filters():
            seen = [strip.apply_filter(filter, background) for strip in seen]
        return [strip.crop(*crop.column_span) for strip in seen]


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
