"""What a screen and the windows over it have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from textual import on
from textual._compositor import ChopsUpdate, Compositor
from textual.events import Click, Event, Resize
from textual.geometry import Region
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget

from vislab.tui.screens.painted import forget_painted
from vislab.tui.widgets.strips import keep_lines_small

if TYPE_CHECKING:
    from vislab.tui.app import Console


class Layer(Screen[ScreenResultType]):
    """A screen that may lie under another one, or over it."""

    def __init__(self, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name, id, classes)
        keep_lines_small()
        self._compositor = ChangedOnly()
        self._clicked = False  # since it lies on top

    def on_unmount(self) -> None:
        """Let go what was painted."""
        self.forget_painted()

    def on_mount(self) -> None:
        """Opening leaves something, too."""
        cast("Console", self.app).leavings.collect_soon()

    def on_screen_suspend(self) -> None:
        """Clicks are another screen's now."""
        self._clicked = False

    def _forward_event(self, event: Event) -> None:
        # Who clicks twice on what opens or closes a window has not meant what lies there then: a list of runs, say.
        if isinstance(event, Click):
            self._clicked = self._clicked or event.chain == 1
            if not self._clicked:
                return
        super()._forward_event(event)

    def forget_painted(self) -> None:
        """Let go what was painted and is painted no more."""
        forget_painted()
        cast("Console", self.app).leavings.collect_soon()

    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """As Textual's, but nothing is called once the screen is left: its widgets are gone by then."""
        return super().call_after_refresh(lambda: None if self._pruning else callback(*args, **kwargs))

    def lets_go(self, widget: Widget | None) -> bool:
        """Whether what has the focus lets it go to a widget, or to none; takes first what is written there."""
        return True

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        """Move the focus, however that was asked for, unless what has it does not let it go."""
        if self.lets_go(widget):
            super().set_focus(widget, scroll_visible, from_app_focus)

    @on(Resize)
    def ignore_stale_size(self, event: Resize) -> None:
        """Do not lay out for a size that the terminal has no longer.

        Textual's screen sends itself the size that it was laid out for. Two sizes on their way at once would keep each
        other going for ever.
        """
        if event.size != self.app.size:
            event.prevent_default()
        else:
            self.forget_painted()

    def changed_below(self, regions: set[Region]) -> None:
        """Parts of the screen below have changed: of no matter where nothing of it is seen."""

    def _compositor_refresh(self) -> None:
        # From the first change on, Textual would paint all of a screen below a window at each message that it gets.
        above = self.app.screen
        if above is self or not isinstance(above, Layer):
            super()._compositor_refresh()
        elif self.is_current and (changed := self._compositor._dirty_regions):
            above.changed_below(changed)
            changed.clear()
            self._dirty_widgets.clear()


class ChangedOnly(Compositor):
    """Renders widgets that have changed. Textual renders all between the first line that has changed and the last."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: tuple[Region, ...] = ()

    @property
    def visible_widgets(self) -> dict[Widget, tuple[Region, Region]]:
        """Regions of widgets and what of them is not cut off: while a part is painted, of those that it meets."""
        found = super().visible_widgets
        if not self._changed:
            return found
        return {
            widget: (region, clip)
            for widget, (region, clip) in found.items()
            if any(region.intersection(clip).overlaps(changed) for changed in self._changed)
        }

    def render_partial_update(self) -> ChopsUpdate | None:
        """The frame that brings the terminal up to date."""
        _ = self.cuts  # where lines are cut follows from all widgets
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()
