"""One line of help on what has the focus, or what is wrong with what is written there."""

from rich.text import Text

from vislab.tui.views import text
from vislab.tui.widgets.lines import Lines


class HintLine(Lines):
    """Cut with an ellipsis where it has no room."""

    DEFAULT_CSS = """
    HintLine { height: 1; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._words, self._wrong = "", False

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Show a safe text."""
        self._words, self._wrong = words, wrong
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The line."""
        style = f"bold {self.app.theme_variables['text-error']}" if self._wrong else "dim"
        return [Text(text.fit(self._words, width), style)]
