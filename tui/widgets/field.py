"""One setting that is changed in place: read until Enter, written until Enter or Esc."""

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import MouseDown
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from vislab.tui.views.text import cells, plain

_CELLS = 10  # of a value that is written
_GAP = 2  # cells behind a field


def cells_of(label: str, value: str, least: int) -> int:
    """Cells that a field of a label takes with a value, which is given so many at least, and those behind it."""
    return cells(label) + 1 + max(least, cells(plain(value, _CELLS))) + _GAP


class Field(Horizontal, can_focus=True):
    """A setting's name and value."""

    DEFAULT_CSS = """
    Field { width: auto; height: 1; margin: 0 2 0 0; }
    Field Static { width: auto; }
    Field:focus Static { text-style: reverse; }
    Field Input { display: none; width: 14; height: 1; border: none; padding: 0; background: $panel; }
    Field.writing Input { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "write", "change it", show=False),
        Binding("left", "app.focus_previous", "the one before", show=False),
        Binding("right", "app.focus_next", "the next one", show=False),
    ]

    @dataclass
    class Written(Message):
        """The text has changed while it is written; `done` when Enter was pressed."""

        field: "Field"
        done: bool

    def __init__(self, key: str, label: str) -> None:
        """A field for a dotted key of a spec."""
        super().__init__(id=key.replace(".", "-").replace("_", "-"))
        self.key = key
        self._label, self._value, self._changed = label, "", False
        self._begun = ""  # what stood in it when it was opened
        self._static = Static()
        self._input = Input(compact=True, select_on_focus=True)
        self._input.cursor_blink = False

    def compose(self) -> ComposeResult:
        """Both forms."""
        yield self._static
        yield self._input

    @property
    def shown(self) -> str:
        """Label and value."""
        return f"{self._label} {self._value}"

    @property
    def writing(self) -> bool:
        """Whether it is being changed."""
        return self.has_class("writing")

    @property
    def text(self) -> str:
        """What is written in it."""
        return self._input.value.strip()

    @property
    def untouched(self) -> bool:
        """Whether nothing has been written since it was opened."""
        return self._input.value == self._begun

    def writes_in(self, widget: Widget | None) -> bool:
        """Whether this is the part that has the focus while one writes."""
        return widget is self._input

    def show(self, value: str, *, changed: bool) -> None:
        """Show a value; one that was changed here is bold."""
        if (value, changed) != (self._value, self._changed) or not self._static.content:
            self._value, self._changed = value, changed
            self._draw()

    def action_write(self) -> None:
        """Open the field."""
        self.add_class("writing")
        self._draw()
        self._input.value = self._begun = self._value
        self.screen.set_focus(self._input)

    def close(self) -> None:
        """Show the value again, whatever is written."""
        self.remove_class("writing")
        self._draw()

    def leave(self) -> None:
        """Close it, and keep the focus."""
        self.close()
        self.screen.set_focus(self)

    def on_mouse_down(self, event: MouseDown) -> None:
        """Open it, unless another one keeps the focus. A click may end elsewhere: the one that is left is narrower."""
        if self.screen.focused is self:
            self.action_write()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Let it be judged."""
        event.stop()
        if self.writing:
            self.post_message(self.Written(self, done=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Let it be taken."""
        event.stop()
        self.post_message(self.Written(self, done=True))

    def _draw(self) -> None:
        value = "" if self.writing else plain(self._value, _CELLS)
        self._static.update(Text.assemble(f"{self._label} ", (value, "bold" if self._changed else "")))
