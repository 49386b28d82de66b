"""Completion of paths."""

import os
from pathlib import Path


def completions(text: str, limit: int = 200, *, folders: bool = False) -> list[str]:
    """Ways to go on with a path, see `look`."""
    return look(text, limit, folders=folders)[0]


def look(text: str, limit: int = 200, *, folders: bool = False) -> tuple[list[str], int]:
    """Ways to go on with a path: folders (with a slash at the end), tables and Python files, by name.

    Names that cannot be written in a field (control and invisible characters, bytes that are no text) are left out;
    the second result is how many.

    Args:
        text: as it was written, may begin with `~`; hidden entries only where its last part begins with a dot.
        limit: entries of a folder that are looked at beyond this many are left out.
        folders: nothing but folders.
    """
    folder, _, beginning = text.rpartition("/")
    place = Path(folder + "/" if folder or text.startswith("/") else ".").expanduser()
    found: list[str] = []
    unwritable = 0
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if not entry.name.startswith(beginning) or (entry.name.startswith(".") and not beginning):
                    continue
                folder_here = entry.is_dir()
                if not folder_here and (folders or not entry.name.endswith((".csv", ".tsv", ".py"))):
                    continue
                if entry.name.isprintable():
                    found.append(entry.name + "/" * folder_here)
                else:
                    unwritable += 1
                if len(found) == limit:
                    break
    except OSError:
        return [], 0
    start = text[: len(text) - len(beginning)]
    return [start + name for name in sorted(found)], unwritable


def completed(text: str, *, folders: bool = False) -> str:
    """The text with all that its completions have in common."""
    return os.path.commonprefix(completions(text, folders=folders)) or text  # noqa: RUF071  (by character is what completion wants)
