"""Alive = the lock is held. A POSIX record lock: forks do not inherit it, and the kernel drops it with the process."""

import fcntl
import os
import struct
import sys
from pathlib import Path

_FLOCK = "hhqqi0q" if sys.platform == "linux" else "qqihh0q"


class RunLock:
    """The worker's hold on a run directory.

    The process must not open and close the lock file by any other way while it holds the lock: closing any descriptor
    of the file drops it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def acquire(self) -> bool:
        """Take the lock without waiting; False when another process holds it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def explain(self, text: str) -> None:
        """Write who holds the lock into the file, for people; it decides nothing."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode(), 0)

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._file)


def holder(path: Path) -> int:
    """The process id that holds the lock of `path`; 0 when nobody does.

    Asks the kernel without taking the lock. A process does not see its own lock.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        if sys.platform == "linux":
            question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
        else:
            question = struct.pack(_FLOCK, 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
            _, _, pid, kind, _ = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    finally:
        os.close(file)
    return 0 if kind == fcntl.F_UNLCK else int(pid)
