"""A list of thousands of runs: only the lines that are seen are made, and only those that have changed are painted."""

import time
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vislab.tui.views import history, text
from vislab.tui.views.history import Column
from vislab.tui.views.listed import DAMAGED, Listed, Quantity
from vislab.tui.views.listing import Listing, Picked
from vislab.tui.widgets.lines import Lines

_INDENT = 4
"""Cells before the reason of a failure, which stands below its run."""


class ListHead(Lines):
    """The titles of the columns; a click on one sorts by it."""

    DEFAULT_CSS = """
    ListHead { height: 1; color: $primary; text-style: bold; }
    """

    class Clicked(Message):
        """A title was clicked.

        Attributes:
            by: name of the quantity of its column.
        """

        def __init__(self, by: str) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self.columns: Sequence[Column] = ()

    def on_click(self, event: Click) -> None:
        """Sort by what was clicked."""
        place = event.get_content_offset(self)
        column = history.column_at(self.columns, place.x) if place is not None else None
        if column is not None:
            self.post_message(self.Clicked(column.by))


class RunList(ScrollView, can_focus=True):
    """Runs with a cursor and marks."""

    DEFAULT_CSS = """
    RunList { height: 1fr; width: 1fr; scrollbar-size: 1 1; overflow-x: hidden; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-list--cursor",
        "run-list--live",
        "run-list--failed",
        "run-list--marked",
        "run-list--reason",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "the run above", show=False),
        Binding("down,j", "move(1)", "the run below", show=False),
        Binding("pageup", "move_page(-1)", "a page up", show=False),
        Binding("pagedown", "move_page(1)", "a page down", show=False),
        Binding("home", "move(-1000000)", "the first run", show=False),
        Binding("end", "move(1000000)", "the last run", show=False),
    ]

    class Moved(Message):
        """The cursor is on another run, or there is none any more."""

    class Opened(Message):
        """A run was clicked twice."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = Listing().picked()
        self._first_line = array("l", [0])
        """Of each run, and behind the last one how many lines there are; a reason is a second line."""
        self.places: Mapping[str, int] = {}
        """Position of each run, by its id."""
        self.on_test = False
        """Whether the best epoch of a run is chosen by the test images."""
        self._marked: AbstractSet[str] = frozenset()
        self._columns: tuple[Column, ...] = ()
        self._cursor = 0
        self._now = time.time()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that have room."""
        return self._columns

    @property
    def rows(self) -> Picked:
        """The runs that are listed."""
        return self._rows

    @property
    def current(self) -> Listed | None:
        """The run under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def show(self, rows: Picked, marked: AbstractSet[str], by: Quantity, *, width: int) -> None:
        """List other runs. The cursor stays on its run, and in sight where it was; where that is gone, on its place.

        Args:
            marked: ids.
            by: what they are sorted by.
            width: cells.
        """
        in_sight = self._in_sight()
        before, before_ids = self._seen(), self._rows.ids
        old = self.current
        same_columns = self._columns
        self._now = time.time()
        self._rows, self._marked = rows, marked
        outlines, kinds = rows.outlines()
        lines = [outline.lines for outline in outlines]
        self._first_line = array("l", accumulate(map(lines.__getitem__, kinds), initial=0))
        present = [outlines[kind] for kind in set(kinds)]
        self.on_test = any(outline.on_test for outline in present)
        self._columns = history.columns(
            width,
            by,
            tagged=any(outline.tagged for outline in present),
            dated=any(0 < outline.year < time.localtime(self._now).tm_year for outline in present),
            on_test=self.on_test,
            longest_id=max((outline.id_length for outline in present), default=0),
        )
        if rows.ids != before_ids:
            self.places = {name: index for index, name in enumerate(rows.ids)}
        if old is not None:
            self._cursor = self.places.get(old.id, self._cursor)
        self._cursor = max(0, min(self._cursor, len(self._rows) - 1))
        size = Size(0, self._first_line[-1])
        if size != self.virtual_size:
            self.virtual_size = size
        if in_sight and not self._in_sight():
            self.show_cursor()
        if [column.title for column in same_columns] != [column.title for column in self._columns]:
            self.refresh()
        else:
            after = self._seen()
            for y, (then, now) in enumerate(zip(before, after, strict=True)):
                if then != now:
                    self.refresh(Region(0, y, self.size.width, 1))
        current = self.current
        if (old and old.id) != (current and current.id):
            self.post_message(self.Moved())

    def marks(self, marked: AbstractSet[str]) -> None:
        """Change the marks."""
        changed = self._marked ^ marked
        self._marked = marked
        top = self.scroll_offset.y
        for y in range(min(self.size.height, self._first_line[-1] - top)):
            if self._rows.ids[self._at(top + y)[0]] in changed:
                self.refresh(Region(0, y, self.size.width, 1))

    def move_to(self, index: int) -> None:
        """Put the cursor on a run, by its position; beyond the ends on the last or first one."""
        if not self._rows:
            return
        old, self._cursor = self._cursor, max(0, min(index, len(self._rows) - 1))
        self._paint(old)
        self._paint(self._cursor)
        self.show_cursor()
        if old != self._cursor:
            self.post_message(self.Moved())

    def show_cursor(self) -> None:
        """Scroll so that the run under the cursor is seen."""
        if self._rows:
            start = self._first_line[self._cursor]
            self.scroll_to_region(
                Region(0, start, 1, self._height(self._cursor)), animate=False, immediate=True, force=True
            )

    def _in_sight(self) -> bool:
        return self._first_line[self._cursor] - self.scroll_offset.y in range(self.size.height)

    def action_move(self, count: int) -> None:
        """Move the cursor by so many runs."""
        self.move_to(self._cursor + count)

    def action_move_page(self, count: int) -> None:
        """Move the cursor by so many pages."""
        self.move_to(self._cursor + count * max(1, self.size.height - 1))

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self.move_to(self._cursor)

    def on_click(self, event: Click) -> None:
        """Put the cursor where the mouse is; a second click opens the run."""
        place = event.get_content_offset(self)
        line = place.y + self.scroll_offset.y if place is not None else self._first_line[-1]
        if line < self._first_line[-1]:
            self.move_to(self._at(line)[0])
            if event.chain == 2:
                self.post_message(self.Opened())

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        line, width = y + self.scroll_offset.y, self.size.width
        if line >= self._first_line[-1]:
            return Strip.blank(width, self.rich_style)
        index, is_reason = self._at(line)
        listed = self._rows[index]
        marked = listed.id in self._marked
        style = self._style(listed, marked, is_reason)
        if index == self._cursor:
            style += self.get_component_rich_style("run-list--cursor", partial=not self.has_focus)
        words = self._words(line)
        return Strip([Segment(words, style)], text.cells(words)).adjust_cell_length(width, style)

    def _style(self, listed: Listed, marked: bool, is_reason: bool) -> Style:
        name = ""
        if is_reason:
            name = "run-list--reason"
        elif marked:
            name = "run-list--marked"
        elif listed.live:
            name = "run-list--live"
        elif listed.status in ("failed", "died", DAMAGED):
            name = "run-list--failed"
        return self.rich_style + self.get_component_rich_style(name, partial=True) if name else self.rich_style

    def _words(self, line: int) -> str:
        index, is_reason = self._at(line)
        listed = self._rows[index]
        if is_reason:
            room = self.scrollable_content_region.width - _INDENT  # beside the scrollbar
            return " " * _INDENT + text.fit(text.message(listed.reason, 300), max(0, room))
        return history.line(self._columns, listed, self._now, marked=listed.id in self._marked)

    def _seen(self) -> list[tuple[str, str, bool] | None]:
        """What decides how the lines on the screen look."""
        top = self.scroll_offset.y
        made: list[tuple[str, str, bool] | None] = []
        for line in range(top, top + self.size.height):
            if line < self._first_line[-1]:
                index = self._at(line)[0]
                made.append((self._words(line), self._rows[index].status, index == self._cursor))
            else:
                made.append(None)
        return made

    def _at(self, line: int) -> tuple[int, bool]:
        """The position of a line's run, and whether the line is the reason below it."""
        index = bisect_right(self._first_line, line) - 1
        return index, line > self._first_line[index]

    def _height(self, index: int) -> int:
        return self._first_line[index + 1] - self._first_line[index]

    def _paint(self, index: int) -> None:
        if index < len(self._rows):
            start = self._first_line[index] - self.scroll_offset.y
            for y in range(start, start + self._height(index)):
                if 0 <= y < self.size.height:
                    self.refresh(Region(0, y, self.size.width, 1))
