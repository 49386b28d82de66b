"""A little of the disk, kept to be able to say that the disk is full."""

import contextlib
import errno
import os
from pathlib import Path

SIZE = 1 << 20
"""Bytes."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


def has_no_room(error: OSError) -> bool:
    """Whether an error says that the disk is full or read-only, or a quota or a limit of file sizes is reached."""
    return error.errno in _NO_ROOM


def is_full(folder: Path) -> bool:
    """Whether the disk that holds a folder has no room at all for this user; a quota is not seen."""
    space = os.statvfs(folder)
    left = space.f_bavail if os.geteuid() else space.f_bfree  # root may write where others may not any more
    return space.f_blocks > 0 and left == 0  # without blocks it does not tell


class Reserve:
    """The file that is given up when the disk is full."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """Take the room, unless it is taken.

        Raises:
            OSError: there is none; nothing is left behind.
        """
        if self._path.is_file() and self._path.stat().st_size == SIZE:
            return
        try:
            # Of a run directory made by others, no link is written through.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(self._path, flags, 0o666), "wb") as file:
                file.write(os.urandom(SIZE))  # zeros would take no room where the file system compresses
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Leave the room to others."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
