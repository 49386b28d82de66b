"""Lines of styled text that can be scrolled: only lines that have changed are painted."""

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

KEPT = 256
"""Painted lines that are kept, about."""


class Drawn(Text):
    """A line that paints itself."""

    __slots__ = ()

    def strip(self, console: Console, style: Style) -> Strip:
        """The painted line.

        Args:
            style: of what has none of its own.
        """
        raise NotImplementedError


def painted(line: Text, console: Console, style: Style) -> Strip:
    """A line, painted.

    Args:
        style: of what has none of its own.
    """
    if isinstance(line, Drawn):
        return line.strip(console, style)
    # Rich leaves the style of the whole line out where no part of it has one of its own.
    segments = Segment.apply_style(line.render(console), console.get_style(line.style))
    return Strip(Segment.apply_style(segments, style), line.cell_len)


class Lines(ScrollView, can_focus=False):
    """Shows `rich.text.Text`, one a line, cut at the right end.

    Text from outside enters through `vislab.tui.views.text.plain`. Widgets that depend on their own size override
    `lines_at` and call `repaint` when their data have changed.
    """

    DEFAULT_CSS = """
    Lines { height: auto; width: 1fr; scrollbar-size: 1 1; overflow-x: hidden; }
    """

    def __init__(self, *, tail: bool = False, id: str | None = None, classes: str | None = None) -> None:
        """An empty one.

        Args:
            tail: stay at the end while lines are added, unless the person has scrolled away from it.
        """
        super().__init__(id=id, classes=classes)
        self.set_reactive(Lines.auto_links, False)  # what can be clicked stays as it is when the mouse passes
        self._lines: Sequence[Text] = ()
        self._tail = tail
        self._height = 0  # as it was when it was last fitted to its size
        self._looks: tuple[Style, int, int] | None = None
        self._strips: dict[int, Strip] = {}  # lines as they were painted: those that are scrolled stay as they are

    @property
    def lines(self) -> Sequence[Text]:
        """What is shown."""
        return self._lines

    @property
    def words(self) -> str:
        """What is shown, without style."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Sequence[Text]) -> None:
        """Replace what is shown; paints lines that differ.

        Args:
            lines: not to be changed afterwards. Where they are scrolled, only those are asked for that are seen.
        """
        before, self._lines = self._lines, lines
        if len(before) != len(self._lines):
            at_end = self._at_end(len(before))
            self._grow(Size(0, len(self._lines)))
            if at_end:
                self.scroll_end(animate=False, immediate=True, x_axis=False)
        for index in self._painted(max(len(before), len(self._lines))):
            old = before[index] if index < len(before) else None
            new = self._lines[index] if index < len(self._lines) else None
            if old is not new and (old is None or new is None or old != new or old.style != new.style):
                self._strips.pop(index, None)
                self.refresh_line(index)

    def _painted(self, count: int) -> Sequence[int]:
        """Lines that may be on the screen; others are made anew when they come there."""
        if self._as_high_as_its_lines:
            return range(count)
        top = self.scroll_offset.y
        seen = {0, *range(top, min(count, top + self.size.height + 1))}  # the first may be titles, which stay
        self._strips = {index: strip for index, strip in self._strips.items() if index in seen}
        return sorted(seen)

    def _at_end(self, count: int) -> bool:
        """Whether it stays at the end: the last of so many lines is seen, or was before there was less room."""
        seen = self.scroll_offset.y + max(self._height, self.size.height)
        return self._tail and (not self.size or seen >= count)

    def _grow(self, size: Size) -> None:
        if self._as_high_as_its_lines:
            self.virtual_size = size
        else:  # it stays where it is and as large as it is: no reason to lay out the screen, and to paint it anew
            self.set_reactive(Lines.virtual_size, size)
            self._scroll_update(size)

    @property
    def _as_high_as_its_lines(self) -> bool:
        height = self.styles.height
        return height is None or height.is_auto

    def lines_at(self, width: int, height: int) -> Sequence[Text] | None:
        """The lines for a size in cells; None: they do not depend on the size."""
        return None

    def repaint(self) -> None:
        """Show what `lines_at` says for the present size."""
        if self.size.width and (lines := self.lines_at(self.size.width, self.size.height)) is not None:
            self.show(lines)

    def on_mount(self) -> None:
        """Follow the colours."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.recolour())

    def on_unmount(self) -> None:
        """Follow them no more: the subscription would keep the widget and its screen in memory."""
        self.app.theme_changed_signal.unsubscribe(self)

    def recolour(self) -> None:
        """Show the lines in the colours of another theme."""
        self.repaint()

    def on_resize(self) -> None:
        """Fit the lines to the new size."""
        at_end = self._at_end(len(self._lines))
        self._height = self.size.height
        self.repaint()
        if at_end:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def render_lines(self, crop: Region) -> list[Strip]:
        """All that is seen."""
        self.fit_looks()
        return super().render_lines(crop)

    def fit_looks(self) -> None:
        """Let go the painted lines when they have to look otherwise now, or are many."""
        looks = (self.rich_style, self.size.width, self._room)
        if looks != self._looks or len(self._strips) > KEPT:
            self._looks = looks
            self._strips.clear()

    def forget_lines(self) -> None:
        """Let go the lines that were painted; those that are seen are made anew."""
        self._strips.clear()

    @property
    def _room(self) -> int:
        return self.size.width - self.scrollbar_size_vertical * self.show_vertical_scrollbar

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        return self.strip(y + self.scroll_offset.y)

    def strip(self, index: int) -> Strip:
        """A line, filled to the widget's width."""
        if index not in self._strips:
            self._strips[index] = self._strip(index)
        return self._strips[index]

    def _strip(self, index: int) -> Strip:
        own, width, room = self._looks or (self.rich_style, self.size.width, self._room)
        if index >= len(self._lines):
            return Strip.blank(width, own)
        line = self._lines[index]
        if line.cell_len > room and not isinstance(line, Drawn):
            line = line.copy()
            line.truncate(room, overflow="ellipsis")
        return painted(line, self.app.console, own).adjust_cell_length(width, own)


def wrapped(text: Text, width: int, console: Console) -> list[Text]:
    """A sentence on as many lines as it takes, at least one; a space at which it is broken takes no room."""
    lines = text.wrap(console, max(10, width))
    for line in lines:
        line.rstrip()
    return list(lines)


class Sentences(Lines):
    """Sentences, each on as many lines as it takes."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._sentences: list[Text] = []

    def tell(self, sentences: Sequence[str | Text]) -> None:
        """Show others; safe text. One with `no_wrap` stays on its line."""
        self._sentences = [Text(sentence) if isinstance(sentence, str) else sentence for sentence in sentences]
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The sentences, wrapped."""
        return [line for sentence in self._sentences for line in wrapped(sentence, width, self.app.console)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as they take: known before they are shown, so that a window is laid out once."""
        return len(self.lines_at(width, 0))


class ScrolledLines(Lines, can_focus=True):
    """Lines that take the focus, so that arrows and page keys scroll them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "scroll up", show=False),
        Binding("down", "scroll_down", "scroll down", show=False),
        Binding("pageup", "page_up", "a page up", show=False),
        Binding("pagedown", "page_down", "a page down", show=False),
        Binding("home", "scroll_home", "the first line", show=False),
        Binding("end", "scroll_end", "the last line", show=False),
    ]
