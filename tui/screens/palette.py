"""The command palette: every action that is possible now, found by its name."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.events import Click, Resize
from textual.screen import Screen
from textual.widgets import Input

from vislab.tui.actions import Action, key_sign
from vislab.tui.screens.resizing import ignore_stale
from vislab.tui.screens.screen import ConsoleScreen


def open_palette(screen: ConsoleScreen) -> None:
    """Open the palette over a screen."""
    # What is possible is asked now: the palette itself becomes the active screen.
    actions = screen.actions_now()

    class Actions(Provider):
        """The actions of the screen below."""

        async def discover(self) -> Hits:
            """All of them, before anything is written."""
            for action in actions:
                yield DiscoveryHit(_title(action), _doing(screen, action), help=action.help)

        async def search(self, query: str) -> Hits:
            """Those whose words fit."""
            matcher = self.matcher(query)
            for action in actions:
                in_help = 0.1 if query.lower() in action.help.lower() else 0.0  # exactly, or any sentence would fit
                if (score := matcher.match(_title(action)) or in_help) > 0:
                    yield Hit(score, matcher.highlight(_title(action)), _doing(screen, action), help=action.help)

    screen.app.push_screen(Palette(providers=[Actions], placeholder="What to do?"))


class Palette(CommandPalette):
    """Textual's palette with a cursor that stands still: a blinking one is sent through the wire again and again."""

    def on_mount(self) -> None:
        """Keep the cursor still."""
        self.query_one(Input).cursor_blink = False

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close it once: see `vislab.tui.screens.window`."""
        return super().dismiss(result) if self.is_active else AwaitComplete.nothing()

    def on_resize(self, event: Resize) -> None:
        """Lay out for the present size only."""
        ignore_stale(self, event)

    def on_click(self, event: Click) -> None:
        """A click that was made before the terminal shrank may lie outside, which Textual does not expect."""
        if not self.region.contains(int(event.screen_x), int(event.screen_y)):
            event.prevent_default()


def _title(action: Action) -> str:
    return f"{action.label} ({key_sign(action.keys[0])})"


def _doing(screen: Screen[None], action: Action) -> Callable[[], Coroutine[Any, Any, None]]:
    async def do() -> None:
        await screen.run_action(action.id)

    return do
