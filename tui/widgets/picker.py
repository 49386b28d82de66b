"""A list to choose from: any number of items, found by typing; only what is seen is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click, Key
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from vislab.tui.views import text
from vislab.tui.widgets.lines import wrapped

MARK = "▸"
CHOSEN = "✔"
"""Marks what is chosen while the cursor stands on what cannot be."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to choose.

    Attributes:
        value: what a choice of it means.
        label: its name; safe text.
        note: a fact at the right end; safe text.
        words: what a filter looks at besides the label.
        heading: it cannot be chosen; the cursor passes over it.
        announced: its label stands on the border while it lies below the edge.
        asks: it cannot be chosen, but taken: something is asked then.
    """

    value: str
    label: str
    note: str = ""
    words: str = ""
    heading: bool = False
    announced: bool = False
    asks: bool = False


class Choices(ScrollView, can_focus=True):
    """The list. The cursor chooses as it moves.

    Attributes:
        below: says what lies below the edge, if anything; safe text.
    """

    below = var("")

    DEFAULT_CSS = """
    Choices { height: 1fr; scrollbar-size: 1 1; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "the one above", show=False),
        Binding("down", "move(1)", "the one below", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown", "page(1)", "a page down", show=False),
        Binding("home", "end(-1)", "the first one", show=False),
        Binding("end", "end(1)", "the last one", show=False),
        Binding("enter", "take", "take it", show=False),
        Binding("left", "app.focus_previous", "the part before", show=False),
        Binding("right", "app.focus_next", "the next part", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands on another item."""

        choices: "Choices"
        item: Item

        @property
        def control(self) -> "Choices":
            """The sender."""
            return self.choices

    @dataclass
    class Taken(Moved):
        """Enter was pressed on an item, or it was clicked."""

    def __init__(self, items: Sequence[Item] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: tuple[Item, ...] = ()
        self._shown: list[Item] = []
        self._filter = ""
        self._elsewhere = ""
        self._cursor = 0
        self._chosen = ""  # value of the item that was chosen last: a filter moves the cursor, but chooses nothing
        self.offer(items)

    @property
    def items(self) -> tuple[Item, ...]:
        """All that is offered."""
        return self._items

    @property
    def shown(self) -> list[Item]:
        """What fits the filter."""
        return self._shown

    @property
    def chosen(self) -> Item | None:
        """The item that was chosen last, whether it is shown or not."""
        return next((item for item in self._items if item.value == self._chosen and not item.heading), None)

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        return self._shown[self._cursor] if self._shown and not self._shown[self._cursor].heading else None

    def offer(self, items: Sequence[Item], value: str | None = None) -> None:
        """Replace what is offered, and choose `value`; None: what is chosen stays."""
        if tuple(items) != self._items:
            self._items = tuple(items)
            self._fill()
        self.point(self._chosen if value is None else value)

    def point(self, value: str) -> None:
        """Choose the item of a value, without a message; where it is not shown the cursor stays."""
        self._chosen = value
        self.go_back()

    def go_back(self) -> None:
        """Put the cursor on what is chosen."""
        self._go_to(self._chosen)

    def _go_to(self, value: str) -> None:
        found = [index for index, item in enumerate(self._shown) if item.value == value and not item.heading]
        if found:
            self._go(found[0])

    def narrow(self, words: str) -> bool:
        """Show only items that hold every one of the words; those that begin with the first come first.

        The cursor goes to the first of them, and without words back to what is chosen.

        Returns:
            Whether these are other words than before.
        """
        if words == self._filter:
            return False
        self._filter, self._elsewhere = words, ""
        self._fill()
        if words:
            self._go(self._next(-1, 1))
        else:
            self.go_back()
        return True

    def tell_elsewhere(self, words: str) -> None:
        """Say what fits the filter in other lists, in safe text, as long as nothing does here."""
        self._elsewhere = words
        self.refresh()

    def fitting(self, words: str) -> list[Item]:
        """The items that hold every one of some words; those whose label begins with the first come first."""
        parts = words.casefold().split()
        fitting = [
            item
            for item in self._items
            if not item.heading and all(part in f"{item.label} {item.words}".casefold() for part in parts)
        ]
        return sorted(fitting, key=lambda item: _distance(item.label.casefold(), parts[0])) if parts else fitting

    def _fill(self) -> None:
        self._shown = self.fitting(self._filter) if self._filter.split() else list(self._items)
        self._cursor = min(self._cursor, max(0, len(self._shown) - 1))
        self.virtual_size = Size(0, len(self._shown))
        self.refresh()
        self._look_below()

    def _next(self, start: int, step: int) -> int:
        """The nearest item from `start` in the direction of `step` that is no heading; `start` where there is none."""
        index = start + step
        while 0 <= index < len(self._shown):
            if not self._shown[index].heading:
                return index
            index += step
        return start

    def _go(self, index: int) -> None:
        before, self._cursor = self._cursor, max(0, min(index, len(self._shown) - 1))
        if any(item.asks for item in self._shown[before : before + 1] + self._shown[self._cursor : self._cursor + 1]):
            self.refresh()  # the mark of what is chosen comes or goes
        for changed in {before, self._cursor}:
            self.refresh_line(changed)
        self._into_view()

    def _into_view(self) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._into_view()
        self._look_below()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say what lies below the edge now."""
        super().watch_scroll_y(old_value, new_value)
        self._look_below()

    def _look_below(self) -> None:
        rest = self._shown[self.scroll_offset.y + self.size.height :] if self.size.height else []
        words = next((f"… {item.label}" for item in rest if item.announced), "")
        if not words or text.cells(words) > self.size.width - 2:  # the corners of the border take two cells more
            words = f"… {text.count(sum(not item.heading for item in rest))} more"
        self.below = words if rest else ""

    def _move_to(self, index: int) -> None:
        if index != self._cursor and 0 <= index < len(self._shown):
            self._go(index)
            self._choose(self._shown[index])

    def _choose(self, item: Item) -> None:
        if not item.asks:
            self._chosen = item.value
        self.post_message(self.Moved(self, item))

    def action_move(self, step: int) -> None:
        """One item up or down."""
        self._move_to(self._next(self._cursor, step))

    def action_page(self, step: int) -> None:
        """A page up or down."""
        target = self._cursor + step * max(1, self.size.height - 1)
        target = max(0, min(len(self._shown) - 1, target))
        if self._shown and self._shown[target].heading:
            target = self._next(target, step) if self._next(target, step) != target else self._next(target, -step)
        self._move_to(target)

    def action_end(self, step: int) -> None:
        """To the first or the last item."""
        self._move_to(self._next(-1, 1) if step < 0 else self._next(len(self._shown), -1))

    def take(self, value: str) -> None:
        """Go to the item of a value, choose it and take it."""
        self._go_to(value)
        self.action_take()

    def action_take(self) -> None:
        """Take the item under the cursor; choose it first where a filter has brought the cursor there."""
        if (item := self.current) is not None:
            if item.value != self._chosen:
                self._choose(item)
            self.post_message(self.Taken(self, item))

    def on_click(self, event: Click) -> None:
        """Choose with the mouse; a second click takes, and the first what asks."""
        place = event.get_content_offset(self)
        if place is None:
            return
        index = place.y + self.scroll_offset.y
        if 0 <= index < len(self._shown) and not self._shown[index].heading:
            self._move_to(index)
            asks = self._shown[index].asks and self.has_focus  # not where something else has kept the focus
            if event.chain > 1 or asks:
                self.action_take()

    def on_focus(self) -> None:
        """Show where the cursor is."""
        self.refresh_line(self._cursor)

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh_line(self._cursor)

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        index, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if index >= len(self._shown):
            said = self._nothing(width) if self._filter and not self._shown else []
            line = Text(text.fit(said[index] if index < len(said) else "", width), "dim")
        else:
            line = self._line(index, width)
        strip = Strip(line.render(self.app.console), line.cell_len)
        return strip.adjust_cell_length(width, self.rich_style).apply_style(self.rich_style)

    def _nothing(self, width: int) -> list[str]:
        """That nothing fits, on as many lines as it takes."""
        words = f"nothing fits here; {self._elsewhere}" if self._elsewhere else "nothing fits"
        return [line.plain for line in wrapped(Text(words), width, self.app.console)]

    def _line(self, index: int, width: int) -> Text:
        item, pointed = self._shown[index], index == self._cursor
        if item.heading:
            return Text(text.fit(item.label, width), "dim")
        note = f" {item.note}" if item.note and text.cells(item.label) + text.cells(item.note) + 3 <= width else ""
        kept = item.value == self._chosen and self.current is not None and self.current.asks
        label = text.fit(f"{MARK if pointed else CHOSEN if kept else ' '} {item.label}", width - text.cells(note))
        style = ("reverse" if self.has_focus else "bold") if pointed else "bold" if kept else ""
        return Text.assemble((label, style), (note, style or "dim"))


def _distance(label: str, word: str) -> int:
    """How far down a label stands in what was found: begins with the word, holds it, or only its other words do."""
    return 0 if label.lstrip(" *").startswith(word) else 1 if word in label else 2


class Picker(Vertical):
    """Choices in a frame, with a field that opens with `/`."""

    DEFAULT_CSS = """
    Picker { border: round $foreground 30%; border-title-color: $foreground; padding: 0 1; height: 1fr; width: 1fr;
             border-subtitle-color: $foreground 70%; }
    Picker:focus-within { border: round $primary; }
    Picker Input { display: none; height: 1; border: none; padding: 0; background: $panel; }
    Picker.filtering Input { display: block; }
    """

    @dataclass
    class Found(Message):
        """The cursor stands on what a filter has found, if anything; nothing is chosen by that."""

        picker: "Picker"
        words: str

    def __init__(self, title: str, items: Sequence[Item] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = Text(title)  # a Text is never markup
        self.choices = Choices(items)
        self._field = Input(placeholder="type to find", compact=True, select_on_focus=False)
        self._field.cursor_blink = False

    def compose(self) -> ComposeResult:
        """The field and the list."""
        yield self._field
        yield self.choices

    def on_mount(self) -> None:
        """Say on the border what lies below the edge."""
        self.watch(self.choices, "below", self._tell_below)

    def _tell_below(self, words: str) -> None:
        self.border_subtitle = Text(words)

    def open_filter(self) -> None:
        """Write in the field."""
        self.add_class("filtering")
        self._field.focus()

    def close_filter(self) -> None:
        """Show everything again, and go back to what is chosen."""
        self._show_all()
        self.choices.focus()

    def _show_all(self) -> None:
        self._field.value = ""
        self.choices.narrow("")
        self.remove_class("filtering")

    def on_descendant_blur(self) -> None:
        """Mark what is chosen where the focus has gone to another part."""
        if self.app.app_focus and not self.has_focus_within:
            self._show_all()
            self.choices.go_back()

    @property
    def filtering(self) -> bool:
        """Whether the field has the focus."""
        return self._field.has_focus

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list as one types."""
        event.stop()
        if self.choices.narrow(event.value):
            self.post_message(self.Found(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what the cursor is on, and go back to the list."""
        event.stop()
        if (item := self.choices.current) is not None:
            self.close_filter()
            # In the list's own context: what its parent posts for it would not get past the parent.
            self.choices.call_later(self.choices.take, item.value)

    def on_key(self, event: Key) -> None:
        """Arrows move in the list while one types."""
        if self.filtering and event.key in ("up", "down"):
            event.stop()
            self.choices.call_later(self.choices.action_move, -1 if event.key == "up" else 1)
