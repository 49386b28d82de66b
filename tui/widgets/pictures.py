"""Pictures as half blocks: a cell shows one pixel above another."""

from collections.abc import Sequence

from rich.color import Color
from rich.style import Style
from rich.text import Text

from vislab.tui.looks import Shown
from vislab.tui.views import text
from vislab.tui.views.results import half_blocks

GAP = 2
"""Cells between two pictures."""


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
    made = []
    for cells in half_blocks(shown.rgb, shown.width, shown.height):
        line = Text(" " * left)
        for upper, lower in cells:
            line.append("▀", Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
        made.append(line.append(" " * (side - left - shown.width)))
    above = (rows - len(made)) // 2
    blank = Text(" " * side)
    return [*[blank] * above, *made, *[blank] * (rows - above - len(made))]


def beside(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    """Blocks of lines one beside the other, a gap between them; all have as many lines as the first."""
    lines = []
    for parts in zip(*blocks, strict=True):
        line = Text()
        for place, part in enumerate(parts):
            line.append(" " * GAP if place else "").append_text(part)
        lines.append(line)
    return lines
