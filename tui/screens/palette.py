"""The command palette: every action that is possible now, found by its name.

Not Textual's own, which shows a moving indicator while it searches and stumbles over clicks into a list that changes.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.message import Message
from textual.widgets import Input

from vislab.tui.actions import Action, key_sign
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.screens.window import Window
from vislab.tui.views import text
from vislab.tui.widgets.key_words import KeyFrame, key_words
from vislab.tui.widgets.lines import Lines

_KEY_CELLS, _LABEL_CELLS = 6, 17
_WIDEST = 112
"""Cells of a line of the window at most, as in `vislab.tcss`: all that is said of any action has room there."""
_AROUND = 9
"""Lines of the window that are not actions: border, padding, field, help."""
_BESIDE = 6
"""Cells of a line of the window that are border and padding."""


def open_palette(screen: ConsoleScreen) -> None:
    """Open the palette over a screen, on what is possible there now."""

    def do(action: str | None) -> None:
        if action:
            # Not by the screen itself: what is opened in its task keeps it in memory as long as it is there.
            screen.app.call_later(screen.run_action, action)

    screen.app.push_screen(Palette(screen.actions_now()), do)


def fitting(actions: Sequence[Action], query: str) -> list[Action]:
    """Actions that hold all words of a query, those first that hold them in their label."""
    words = query.lower().split()

    def holds(where: str) -> bool:
        return all(word in where.lower() for word in words)

    found = [action for action in actions if holds(f"{action.label} {action.help}")]
    return sorted(found, key=lambda action: not holds(action.label))


class ActionLines(Lines):
    """A line an action: key, label, what it does; one of them is chosen."""

    DEFAULT_CSS = """
    ActionLines { height: auto; margin-top: 1; }
    """

    class Clicked(Message):
        """The mouse has chosen a line."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def tell(self, actions: Sequence[Action], chosen: int) -> None:
        """Show these."""
        self.show([_line(action, index == chosen) for index, action in enumerate(actions)] or [Text("nothing", "dim")])
        self.scroll_to(y=max(0, chosen - self.size.height // 2), animate=False, immediate=True)

    def on_click(self, event: Click) -> None:
        """Choose the line under the mouse."""
        self.post_message(self.Clicked(event.y + self.scroll_offset.y))


class Palette(Window[str]):
    """A field to write in and the actions that fit. Returns the id of the one that is to be done; empty for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("down,tab", "move(1)", show=False),
        Binding("up,shift+tab", "move(-1)", show=False),
    ]

    def __init__(self, actions: Sequence[Action]) -> None:
        """A palette of these actions."""
        super().__init__()
        self._actions = tuple(actions)
        self._found = list(actions)
        self._chosen = 0

    @property
    def found(self) -> list[Action]:
        """The actions that fit what is written."""
        return self._found

    def compose(self) -> ComposeResult:
        """Field and lines."""
        with KeyFrame(key_words(("up down", "choose"), ("enter", "do it"), ("esc", "back"))):
            field = Input(placeholder="What to do?")
            field.cursor_blink = False
            yield field
            yield ActionLines()
            yield Lines(classes="hint")

    def on_mount(self) -> None:
        """Show all."""
        self.query_one(Input).focus()
        self._fit(self.app.size.height)
        self._show()

    def on_resize(self, event: Resize) -> None:
        """As many actions as have room."""
        self._fit(event.size.height)
        self._explain(event.size.width)

    def _fit(self, height: int) -> None:
        self.query_one(ActionLines).styles.max_height = max(1, int(0.92 * height) - _AROUND)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what fits."""
        self._found, self._chosen = fitting(self._actions, event.value), 0
        self._show()

    def on_input_submitted(self) -> None:
        """Do the chosen one."""
        self._do(self._chosen)

    def on_action_lines_clicked(self, message: ActionLines.Clicked) -> None:
        """Do the one under the mouse."""
        self._do(message.index)

    def action_move(self, step: int) -> None:
        """Choose the next or the one before."""
        self._chosen = (self._chosen + step) % max(1, len(self._found))
        self._show()

    def action_back(self) -> None:
        """Do nothing."""
        self.dismiss("")

    def _do(self, index: int) -> None:
        if index < len(self._found):
            self.dismiss(self._found[index].id)

    def _show(self) -> None:
        self.query_one(ActionLines).tell(self._found, self._chosen)
        self._explain(self.app.size.width)

    def _explain(self, width: int) -> None:
        """Say all of what the chosen one does, in a terminal of this width."""
        words = self._found[self._chosen].help if self._found else ""
        hint = list(Text(words).wrap(self.app.console, max(20, min(_WIDEST, int(0.92 * width) - _BESIDE))))[:2]
        self.query(Lines).last().show([*hint, *[Text()] * (2 - len(hint))])


def _line(action: Action, chosen: bool) -> Text:
    key = text.fit(key_sign(action.keys[0]), _KEY_CELLS)
    label = text.fit(action.label, _LABEL_CELLS)
    return Text.assemble(
        (key, "bold"), label, (action.help, "" if chosen else "dim"), style="reverse" if chosen else ""
    )
