"""Resizing in quick succession."""

from typing import Any

from textual.events import Resize
from textual.screen import Screen


def ignore_stale(screen: Screen[Any], event: Resize) -> None:
    """Keep a screen from laying itself out for a size that the terminal has no longer; call it in `on_resize`.

    Textual's screen sends itself the size that it was laid out for. Two sizes on their way at once would keep each
    other going for ever.
    """
    if event.size != screen.app.size:
        event.prevent_default()
