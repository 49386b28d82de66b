"""All that is to be said of what will run, in a window."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from vislab.tui.screens.window import LEAVE, LEAVES, Window
from vislab.tui.widgets.key_words import key_words
from vislab.tui.widgets.selection_panel import WholeSelection


class SelectionWindow(Window[None]):
    """What the panel of the launch screen has no room for can be scrolled to here; esc, s and Enter close it.

    Attributes:
        panel: shows a selection that it is told to follow.
    """

    DEFAULT_CSS = """
    SelectionWindow { align: center middle; background: $background 60%; }
    SelectionWindow WholeSelection { width: 96%; max-width: 110; height: auto; max-height: 96%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,s,enter", "close", show=False), LEAVE]
    KEYS = (
        ("", "Keys of what will run"),
        ("↑ ↓", "Scroll; page up, page down, home and end go further."),
        ("esc", "Go back to the launch screen; so do s and Enter."),
        LEAVES,
    )

    def __init__(self) -> None:
        super().__init__()
        self.panel = WholeSelection()
        self.panel.border_subtitle = key_words(("up down", "scroll"), ("esc", "back"))

    def compose(self) -> ComposeResult:
        """All of it."""
        yield self.panel

    def on_mount(self) -> None:
        """Take the focus, so that arrows scroll."""
        self.panel.focus()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)
