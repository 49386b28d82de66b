"""Keys of a window and what they do, in words: a click on a word is its key, and goes the way of the key."""

from rich.style import Style
from rich.text import Text
from textual.containers import Vertical
from textual.widget import Widget

from vislab.tui.actions import key_sign

NAMES = {"esc": "escape", "/": "slash", "?": "question_mark"}
"""What Textual calls keys, where that is not what the table of actions calls them."""
_BOLD, _DIM = Style(bold=True), Style(dim=True)
GAP = 2
"""Cells between two hints."""


def key_words(*hints: tuple[str, str]) -> Text:
    """A line of hints for a `Window`, which presses the keys; none of them is from outside.

    Args:
        hints: keys as the table of actions names them, with a space between two, and what the last of them does.
    """
    line = Text()
    for keys, label in hints:
        line.append(" " * GAP if line else "")
        *others, last = keys.split()
        for key in others:
            line.append(key_sign(key), _BOLD + _pressing(key)).append(" ")
        line.append(key_sign(last), _BOLD + _pressing(last)).append(f" {label}", _DIM + _pressing(last))
    return line


FINDING = (("up down", "choose"), ("enter", "take"), ("esc", "show all again"))
"""Hints while one types what a list is to hold."""


class KeyFrame(Vertical):
    """A window's frame, with hints in its lower edge."""

    def __init__(self, words: Text) -> None:
        """Hints: `key_words`."""
        super().__init__(classes="window")
        self.border_subtitle = words
        self.set_reactive(Widget.auto_links, False)  # they stay as they are when the mouse passes


def doing(action: str) -> Style:
    """The style of words on which a click does an action, such as one of the screen (`screen.…`).

    An action must hold nothing from outside: it is parsed.
    """
    return Style(meta={"@click": action})


def _pressing(key: str) -> Style:
    return doing(f"screen.press({NAMES.get(key, key)!r})")
