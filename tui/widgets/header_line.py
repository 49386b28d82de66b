"""The top line of a screen: where one is at its left end, how it goes at its right end."""

from rich.text import Text

from vislab.tui.views import text
from vislab.tui.widgets.lines import Lines


class HeaderLine(Lines):
    """Two texts on one line; the left one is cut where both have no room."""

    DEFAULT_CSS = """
    HeaderLine { dock: top; height: 1; padding: 0 1; background: $panel; text-style: bold; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._left, self._right = "", Text()

    def tell(self, left: str, right: Text) -> None:
        """Show two safe texts."""
        self._left, self._right = left, right
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The line."""
        room = max(0, width - self._right.cell_len - 2)
        line = Text(text.fit(self._left, room) + "  ")
        return [line.append_text(self._right)]
