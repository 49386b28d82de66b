"""Temporary files and folders: where there is no room for them, the user is told so."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from vislab.presets.errors import InputError

_folders: set[str] = set()
_TRIES = 3  # another thread may be writing into a folder that is removed


def temporary_file() -> IO[bytes]:
    """A file without a name, which is gone when it is closed.

    Raises:
        InputError: it cannot be made anywhere.
    """
    with _making():
        return tempfile.TemporaryFile()


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder that is removed at the end.

    Raises:
        InputError: it cannot be made anywhere.
    """
    with _making():
        made = tempfile.TemporaryDirectory(prefix=prefix)
    with made as folder:
        _folders.add(folder)
        try:
            yield Path(folder)
        finally:
            _folders.discard(folder)


def remove_folders() -> None:
    """Remove the folders that are in use: for a process that is about to end at once."""
    for folder in tuple(_folders):
        for _ in range(_TRIES):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _making() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"There is no place for temporary files ({error.strerror}): make room in /tmp, or set TMPDIR to a folder "
            "that can be written."
        ) from error
