"""A window over a screen, which closes itself and nothing else."""

from typing import Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.events import Resize
from textual.screen import ModalScreen

from vislab.tui.screens.resizing import ignore_stale

T = TypeVar("T")


class Window(ModalScreen[T], Generic[T]):
    """The base of all windows.

    Textual's `dismiss` closes whatever is on top. A key that is pressed twice, or one that was on its way while the
    window closed, would close the screen below as well.
    """

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close this window with a result, unless it is closed already."""
        return super().dismiss(result) if self.is_active else AwaitComplete.nothing()

    def on_resize(self, event: Resize) -> None:
        """Lay out for the present size only."""
        ignore_stale(self, event)
