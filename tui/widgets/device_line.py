"""One line on the device that will train: its memory, and who uses it."""

from typing import TYPE_CHECKING

from rich.text import Text

from vislab.tui.views.selection import device_line
from vislab.tui.widgets.action_lines import ActionLines

if TYPE_CHECKING:
    from vislab.tui.screens.launching import Looked


class DeviceLine(ActionLines):
    """Says more where it has room. A click takes the next device.

    Attributes:
        whole: all of it, whatever room there is.
    """

    ACTION = "device"
    DEFAULT_CSS = """
    DeviceLine { height: 1; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="device")
        self._looked: Looked | None = None
        self.whole = ""

    def tell(self, looked: "Looked") -> bool:
        """Show what was seen. Returns whether it is new."""
        self._looked, before, self.whole = looked, self.whole, self._line(looked, 0)
        self.repaint()
        return self.whole != before

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The line."""
        return [Text(self._line(self._looked, width))] if self._looked is not None else []

    def _line(self, looked: "Looked", width: int) -> str:
        return device_line(looked.device, looked.devices, looked.chosen, looked.trouble, looked.users, width)
