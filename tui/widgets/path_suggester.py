"""Completion of paths."""

import os
from pathlib import Path

from textual.suggester import Suggester


def completions(text: str, limit: int = 200) -> list[str]:
    """Ways to go on with a path: folders (with a slash at the end), tables and Python files, by name.

    Names that cannot be written in a field (control characters, bytes that are no text) are left out.

    Args:
        text: as it was written, may begin with `~`; hidden entries only where its last part begins with a dot.
        limit: entries of a folder that are looked at beyond this many are left out.
    """
    folder, _, beginning = text.rpartition("/")
    place = Path(folder + "/" if folder or text.startswith("/") else ".").expanduser()
    found: list[str] = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if not entry.name.startswith(beginning) or (entry.name.startswith(".") and not beginning):
                    continue
                if not entry.name.isprintable():
                    continue
                if entry.is_dir():
                    found.append(entry.name + "/")
                elif entry.name.endswith((".csv", ".tsv", ".py")):
                    found.append(entry.name)
                if len(found) == limit:
                    break
    except OSError:
        return []
    start = text[: len(text) - len(beginning)]
    return [start + name for name in sorted(found)]


def completed(text: str) -> str:
    """The text with all that its completions have in common."""
    return os.path.commonprefix(completions(text)) or text  # noqa: RUF071  (by character is what completion wants)


class PathSuggester(Suggester):
    """Suggests the first way to go on."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The first completion, or None."""
        return next(iter(completions(value)), None) if value else None
