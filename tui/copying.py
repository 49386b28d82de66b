"""Copying for pasting elsewhere: by OSC 52 into the clipboard of the person's own terminal, and into a file.

OSC 52 reaches the terminal that shows the console, through SSH and GNU screen too. No terminal answers whether it
obeyed (some do not know it, some ask first, tmux wants `set-clipboard on`), so the text is always in the file as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vislab.presets.settings import Settings
from vislab.tui.views.text import plain, size

FILE = "copied.txt"
MOST = 70_000
"""Bytes that are sent to the terminal at most: several take no more than 100,000 characters of base64."""


@dataclass(frozen=True)
class Copy:
    """Something that can be copied.

    Attributes:
        key: a letter that chooses it.
        label: what it is; safe text.
        text: made when it is copied.
    """

    key: str
    label: str
    text: Callable[[], str]


def copy(what: Copy, settings: Settings, send: Callable[[str], None]) -> str:
    """Copy; returns what has happened in one safe sentence.

    Args:
        send: writes OSC 52 to the terminal.
    """
    text = what.text()
    raw = text.encode(errors="replace")
    file = settings.cache_dir / FILE
    try:
        kept = _write(file, raw)
    except OSError as error:
        kept = f"; {plain(str(file), 200)} cannot be written: {plain(str(error.strerror), 100)}"
    if len(raw) > MOST:
        return f"too long for a clipboard ({size(len(raw))}){kept}"
    send(text)
    return f"copied: {what.label}{kept}"


def _write(file: Path, raw: bytes) -> str:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_bytes(raw)
    file.chmod(0o600)
    return f"; also in {plain(str(file), 200)}"


def tab_separated(titles: list[str], rows: list[list[str]]) -> str:
    """A table as spreadsheets take it from a clipboard; safe text."""
    lines = ["\t".join(plain(cell, 1000) for cell in row) for row in [titles, *rows]]
    return "\n".join(lines) + "\n"
