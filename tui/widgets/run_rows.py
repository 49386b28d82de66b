"""A few runs as rows with a cursor, each with its marker and colour."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message
from textual.strip import Strip

from vislab.tui.views import compare, compare_table
from vislab.tui.widgets.lines import Lines


class RunRows(Lines, can_focus=True):
    """The table of a comparison: titles, which stay, then a line a run.

    Where not all runs have room, before the titles stands how many more are below, else above: `↓2`, `↑2`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"run-rows--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "the run above", show=False),
        Binding("down,j", "move(1)", "the run below", show=False),
    ]

    class Opened(Message):
        """A run was clicked twice."""

    def __init__(self) -> None:
        super().__init__()
        self.cursor = 0
        self._table: Sequence[str] = ()

    def tell(self, table: Sequence[str]) -> None:
        """Show another table: titles, then a line a run."""
        self._table = table
        self.cursor = max(0, min(self.cursor, len(table) - 2))
        lines = [Text(table[0], "bold")] if table else []
        for index, words in enumerate(table[1:]):
            line = Text(words, self.get_component_rich_style("run-rows--cursor") if index == self.cursor else "")
            line.stylize("bold", 0, len(compare.label(index)))
            line.stylize(f"color({compare.colour(index)})", 0, 1)  # the number is read: in colour it might be faint
            line.highlight_regex(compare_table.STAR, "bold")
            lines.append(line)
        self.show(lines)

    def recolour(self) -> None:
        """Show the table in the colours of another theme."""
        self.tell(self._table)

    def action_move(self, count: int) -> None:
        """Move the cursor by so many runs, and scroll only as far as it takes to see it."""
        self.cursor = max(0, min(self.cursor + count, len(self._table) - 2))
        self.tell(self._table)
        top = min(self.scroll_offset.y, self.cursor)
        self.scroll_to(y=max(top, self.cursor + 2 - self.size.height), animate=False)

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        if y > 0:
            return super().render_line(y)
        titles, above = self.strip(0), self.scroll_offset.y
        below = len(self._table) - above - self.size.height
        mark = f"↓{below}" if below > 0 else f"↑{above}" if above else ""
        return Strip.join([Strip([Segment(mark, self.rich_style + Style(bold=True))]), titles.crop(len(mark))])

    def on_click(self, event: Click) -> None:
        """Put the cursor where the mouse is; a second click opens the run."""
        place = event.get_content_offset(self)
        row = place.y + self.scroll_offset.y - 1 if place is not None and place.y else -1
        if 0 <= row < len(self._table) - 1:
            self.action_move(row - self.cursor)
            if event.chain == 2:
                self.post_message(self.Opened())


def marked(line: str, runs: int) -> Text:
    """A line of words with the markers of so many runs in their colours, and the best marked."""
    shown = Text(line)
    for found in compare.LABEL.finditer(line):
        index = int(found["number"]) - 1
        if index < runs and found[0] == compare.label(index):
            shown.stylize(f"color({compare.colour(index)}) bold", *found.span())
    shown.highlight_regex(compare_table.STAR, "bold")
    return shown
