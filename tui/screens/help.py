"""What the keys do, on the screen below and in the widget that has the focus."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vislab.tui.actions import key_sign
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.screens.window import LEAVE, Window
from vislab.tui.views import text
from vislab.tui.widgets.key_words import KeyFrame, key_words
from vislab.tui.widgets.lines import ScrolledLines

_KEY_CELLS = 10


class HelpScreen(Window[None]):
    """A window with a line a key; esc, ?, h and Enter close it. There is one, which is kept and opened again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,h,enter", "close", show=False),
        LEAVE,
    ]

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        """Keys and what they do; a row without a key is a heading."""
        super().__init__()
        self._lines = HelpLines(rows)

    def compose(self) -> ComposeResult:
        """The window."""
        with KeyFrame(key_words(("esc", "back"))):
            yield self._lines

    def on_mount(self) -> None:
        """Take the focus, so that arrows scroll."""
        self._lines.focus()

    def tell(self, rows: Sequence[tuple[str, str]]) -> None:
        """Explain other keys."""
        self._lines.tell(rows)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


class HelpLines(ScrolledLines):
    """Keys at the left, sentences wrapped beside them."""

    DEFAULT_CSS = """
    HelpLines { height: auto; max-height: 100%; }
    """

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        """Keys and what they do; a row without a key is a heading."""
        super().__init__()
        self._rows = tuple(rows)

    def tell(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show others, from the first on."""
        if self._rows != tuple(rows):
            self._rows = tuple(rows)
            self.repaint()
        self.scroll_home(animate=False, immediate=True)

    def on_mount(self) -> None:
        """Have lines, and a scroll bar where they are many, before the window is laid out: once is enough then."""
        width, height = self.app.size
        self.show(self.lines_at(max(20, min(66, width - 6)), 0))
        self.show_vertical_scrollbar = len(self.lines) > 0.92 * height - 4

    def lines_at(self, width: int, height: int) -> list[Text]:
        """A line a key, more where a sentence is long."""
        lines: list[Text] = []
        for key, words in self._rows:
            if not key:
                lines += [Text(), Text(words, "bold")] if lines else [Text(words, "bold")]
                continue
            for index, part in enumerate(Text(words).wrap(self.app.console, max(10, width - _KEY_CELLS - 1))):
                lines.append(Text.assemble((text.fit("" if index else key, _KEY_CELLS), "bold"), part))
        return lines


def open_help(app: App[Any], rows: Sequence[tuple[str, str]]) -> None:
    """Open the window on these rows."""
    if not app.is_screen_installed("help"):
        app.install_screen(HelpScreen(rows), "help")
    window = app.get_screen("help", HelpScreen)
    if window not in app.screen_stack:
        window.tell(rows)
        app.push_screen(window)


def rows(below: ConsoleScreen) -> list[tuple[str, str]]:
    """What the keys do now, or why not: those of the widget that has the focus, then those of its screen."""
    described = _own_keys(below.focused) if below.focused is not None and not below.in_field else []
    found = [("", "Keys of what has the focus"), *described] if described else []
    found.append(("", "Keys in a text field" if below.in_field else f"Keys of the screen “{below.NAME}”"))
    found += [(" ".join(key_sign(key) for key in action.keys), action.help) for action in below.actions_told()]
    found.append(("tab", "Go to the next part of the screen."))
    return [*found, ("", "Signs"), *below.SIGNS] if below.SIGNS else found


def _own_keys(widget: Widget) -> list[tuple[str, str]]:
    """What our own classes say of a widget's keys. Textual's have keys for what cannot be done here as well."""
    if isinstance(widget, ScrolledLines) and not widget.max_scroll_y:
        return []
    own = [kind for kind in type(widget).__mro__ if kind.__module__.startswith("vislab.")]
    bound = [binding for kind in own for binding in kind.__dict__.get("BINDINGS", ()) if binding.description]
    return [(" ".join(key_sign(key) for key in binding.key.split(",")), binding.description) for binding in bound]
