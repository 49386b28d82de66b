"""Lines that stand for a key."""

from typing import ClassVar

from textual.events import Click

from vislab.tui.widgets.lines import Lines


class ActionLines(Lines):
    """A click on their words does what the key does. A subclass names the action of its screen in ACTION."""

    ACTION: ClassVar[str]

    async def on_click(self, event: Click) -> None:
        """Do it, where it is possible now."""
        place = event.get_content_offset(self)
        if place is not None and any(place.x < line.cell_len for line in self.lines[place.y : place.y + 1]):
            await self.screen.run_action(self.ACTION)
