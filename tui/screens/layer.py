"""What a screen and the windows over it have in common."""

from textual import on
from textual.events import Resize
from textual.geometry import Region
from textual.screen import Screen, ScreenResultType


class Layer(Screen[ScreenResultType]):
    """A screen that may lie under another one, or over it."""

    @on(Resize)
    def ignore_stale_size(self, event: Resize) -> None:
        """Do not lay out for a size that the terminal has no longer.

        Textual's screen sends itself the size that it was laid out for. Two sizes on their way at once would keep each
        other going for ever.
        """
        if event.size != self.app.size:
            event.prevent_default()

    def changed_below(self, regions: set[Region]) -> None:
        """Parts of the screen below are to be painted anew."""
        self.refresh(*regions)

    def _compositor_refresh(self) -> None:
        # From the first change on, Textual would paint all of a screen below a window at each message that it gets.
        above = self.app.screen
        if above is self or not isinstance(above, Layer):
            super()._compositor_refresh()
        elif self.is_current and (changed := self._compositor._dirty_regions):
            above.changed_below(changed)
            changed.clear()
            self._dirty_widgets.clear()
