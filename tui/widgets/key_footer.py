"""The bottom line of a screen: keys that do something now. Each can be clicked."""

from collections.abc import Iterable

from rich.text import Text
from textual.events import Click

from vislab.tui.actions import Action, key_sign
from vislab.tui.views import text
from vislab.tui.widgets.lines import Lines

GAP = 2
"""Cells between two keys."""

KEPT = ("back", "palette", "help")
"""These have their place when there is no room for all; so has `leave` where there is no way back."""


class KeyFooter(Lines):
    """Keys and labels of actions, as many as have room."""

    DEFAULT_CSS = """
    KeyFooter { dock: bottom; height: 1; padding: 0 1; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._actions: tuple[Action, ...] = ()
        self._places: list[tuple[range, Action]] = []

    def offer(self, actions: Iterable[Action]) -> None:
        """Show these, those that matter most first."""
        self._actions = tuple(actions)
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The line; remembers which cells belong to which action."""
        kept = KEPT if any(action.id == "back" for action in self._actions) else ("leave", *KEPT)
        room = width + GAP - sum(_width(action) for action in self._actions if action.id in kept)
        shown = []
        for action in self._actions:
            if action.id in kept:
                shown.append(action)
            elif _width(action) <= room:
                room -= _width(action)
                shown.append(action)
        line, self._places = Text(), []
        for action in shown:
            start = line.cell_len
            line.append(key_sign(action.keys[0]), "bold").append(f" {action.label}")
            self._places.append((range(start, line.cell_len), action))
            line.append(" " * GAP)
        line.right_crop(GAP)
        return [line]

    async def on_click(self, event: Click) -> None:
        """Do the action under the mouse."""
        place = event.get_content_offset(self)
        if place is not None:
            for cells, action in self._places:
                if place.x in cells:
                    await self.screen.run_action(action.id)


def _width(action: Action) -> int:
    return text.cells(key_sign(action.keys[0])) + 1 + text.cells(action.label) + GAP
