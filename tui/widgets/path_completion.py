"""Completion of paths."""

import os
import re
from dataclasses import dataclass

MOST = 10_000
"""Ways to go on that are sorted and counted, at most: a key that is typed waits for them."""


@dataclass(frozen=True)
class Found:
    """Ways to go on with a path.

    Attributes:
        paths: whole paths, folders with a slash at the end; by name, numbers in names by their value.
        unwritable: how many were left out because their names cannot be written in a field.
        more: whether there are more than these, which are then none in particular.
    """

    paths: list[str]
    unwritable: int = 0
    more: bool = False


def completions(text: str, *, folders: bool = False) -> Found:
    """Ways to go on with a path: folders, tables and Python files.

    Names that cannot be written in a field (control and invisible characters, bytes that are no text) are left out, and
    what is beyond `MOST`.

    Args:
        text: as it was written, may begin with `~`; hidden entries only where its last part begins with a dot.
        folders: nothing but folders.
    """
    folder, _, beginning = text.rpartition("/")
    place = os.path.expanduser(folder + "/" if folder or text.startswith("/") else ".")  # noqa: PTH111  (~nobody stays)
    found: list[str] = []
    unwritable, more = 0, False
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if not entry.name.startswith(beginning) or (entry.name.startswith(".") and not beginning):
                    continue
                tables_and_code = not folders and entry.name.endswith((".csv", ".tsv", ".py"))
                folder_here = _is_folder(entry)
                if not folder_here and not tables_and_code:
                    continue
                if not entry.name.isprintable():
                    unwritable += 1
                elif len(found) == MOST:
                    more = True
                    break
                else:
                    found.append(entry.name + "/" * folder_here)
    except (OSError, ValueError):  # the latter: of a character that no path holds
        return Found([])
    start = text[: len(text) - len(beginning)]
    return Found([start + name for name in sorted(found, key=_in_order)], unwritable, more)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def completed(text: str, *, folders: bool = False) -> str:
    """The text with all that its completions have in common; as it is where there are too many to know."""
    found = completions(text, folders=folders)
    return (not found.more and os.path.commonprefix(found.paths)) or text  # noqa: RUF071  (by character is what completion wants)


_DIGITS = re.compile(r"([0-9]+)")


def _in_order(name: str) -> tuple[list[str | int], str]:
    """A key that puts d2 before d10."""
    parts = _DIGITS.split(name)  # words and numbers by turns
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name
