"""Asks for a folder or file, and completes it."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input

from vislab.tui.screens.dialog import Prompt
from vislab.tui.views.text import plain
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.path_suggester import PathSuggester, completed, look

_SHOWN = 6


class PathPrompt(Prompt):
    """A prompt for a path: Tab completes, what is there is listed below."""

    def compose(self) -> ComposeResult:
        """The question, the field, what is there."""
        with Vertical(classes="window"):
            yield Lines(classes="question")
            field = Input(self._value, select_on_focus=False, suggester=PathSuggester())
            field.cursor_blink = False
            yield field
            yield Lines(classes="hint")

    def on_mount(self) -> None:
        """Show the question and what is there."""
        super().on_mount()
        self._list(self._value)

    def on_key(self, event: Key) -> None:
        """Tab completes."""
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            field = self.query_one(Input)
            field.value = completed(field.value)
            field.cursor_position = len(field.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """List what is there."""
        self._list(event.value)

    def _list(self, value: str) -> None:
        found, unwritable = look(value)
        names = [plain(path.rstrip("/").rpartition("/")[2] + ("/" if path.endswith("/") else ""), 60) for path in found]
        beyond = [f"… {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        beyond += [f"{unwritable} left out: names that cannot be typed"] if unwritable else []
        lines = [Text(f"  {name}", "dim") for name in [*names[:_SHOWN], *filter(None, [", ".join(beyond)])]]
        lines += [Text()] * (_SHOWN + 1 - len(lines))  # the window keeps its size
        self.query(Lines).last().show([*lines, Text("tab complete   ↵ accept   esc back", "dim")])
