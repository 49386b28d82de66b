"""Asks for a folder or file, and completes it."""

from collections.abc import Callable

from rich.text import Text
from textual.events import Key
from textual.widgets import Input

from vislab.tui.screens.dialog import Prompt
from vislab.tui.views.text import count, plain
from vislab.tui.widgets.key_words import doing, key_words
from vislab.tui.widgets.lines import Sentences
from vislab.tui.widgets.path_completion import Found, completed, completions

_SHOWN = 6


class PathPrompt(Prompt):
    """A prompt for a path. What is there is listed below; the field holds what was typed, and nothing else.

    Arrows choose in the list; the right arrow at the end of the field, Tab and Enter take what is chosen into the
    field, and a click what is under the mouse. Where nothing is chosen, Tab writes what all have in common, and Enter
    takes the line. What stands in the field at first is selected: what is typed replaces it.
    """

    def __init__(
        self, question: str, value: str = "", do: Callable[[str], str] | None = None, *, folders: bool = False
    ) -> None:
        """A question, what stands in the field at first, and what is done with the line, as for `Prompt`.

        Args:
            folders: nothing but folders is offered.
        """
        super().__init__(question, value, do=do)
        self._folders = folders
        self._listing = Found([])
        self._found: list[str] = []
        self._chosen: int | None = None

    def on_mount(self) -> None:
        """Show the question and what is there."""
        self.query_one(Input).select_all()
        self._look(self._value)

    def on_key(self, event: Key) -> None:
        """Choose and complete."""
        field = self.query_one(Input)
        if event.key in ("up", "down") and self._found:
            step = 1 if event.key == "down" else -1
            self._chosen = (min(0, step) if self._chosen is None else self._chosen + step) % len(self._found)
            self.complain("")
        elif event.key == "tab" and self._chosen is None:
            self._write(completed(field.value, folders=self._folders))
        elif self._found and (
            (event.key == "right" and field.cursor_at_end)
            or (event.key in ("tab", "enter") and self._chosen is not None)
        ):
            self._write(self._found[self._chosen or 0])
        else:
            return
        event.stop()
        event.prevent_default()

    def action_complete(self, index: int) -> None:
        """Take one of what is there into the field."""
        if index < len(self._found):  # others may be there since it was painted
            self._write(self._found[index])

    def _write(self, path: str) -> None:
        field = self.query_one(Input)
        field.value = path
        field.cursor_position = len(path)

    def on_input_changed(self, event: Input.Changed) -> None:
        """List what is there."""
        self._look(event.value)

    def _enter(self) -> str:
        """What Enter does now."""
        if self._chosen is None:
            return "accept"
        return "go in" if self._found[self._chosen].endswith("/") else "fill in"

    def _look(self, value: str) -> None:
        self._listing = completions(value, folders=self._folders)
        self._found = [path for path in self._listing.paths if path != value]
        self._chosen = None
        self.complain("")

    def complain(self, wrong: str) -> None:
        """Show what is there; above it, where it has room first, why a path was not taken, in safe text."""
        first = max(0, min((self._chosen or 0) - _SHOWN // 2, len(self._found) - _SHOWN))
        lines = []
        for index, path in enumerate(self._found[first : first + _SHOWN], first):
            name = plain(path.rstrip("/").rpartition("/")[2] + "/" * path.endswith("/"), 60)
            chosen = index == self._chosen
            line = Text(f"{'▸' if chosen else ' '} {name}", "reverse" if chosen else "dim", no_wrap=True)
            line.stylize(doing(f"screen.complete({index})"))
            lines.append(line)
        more = len(self._found) - first - len(lines)
        unwritable = self._listing.unwritable
        beyond = [f"… {'more than ' * self._listing.more}{count(more)} more"] * (more > 0)
        beyond += [f"{count(unwritable)} left out: names that cannot be typed"] * bool(unwritable)
        lines += [Text("  " + ", ".join(beyond), "dim")] * bool(beyond)
        if wrong:
            lines.insert(0, Text(f"✖ {wrong}", self.app.theme_variables["text-error"]))
        lines += [Text()] * (_SHOWN + 1 - len(lines))  # the window keeps its size
        keys = (("up down", "choose"), ("right tab", "complete"), ("enter", self._enter()), ("esc", "back"))
        self.query(Sentences).last().tell([*lines, key_words(*keys)])
