"""Locks of the cache's entries: shared by those who use one, exclusive to who builds or removes it.

A POSIX record lock is dropped when the process closes any descriptor of its file, and never conflicts with another of
the same process: so a process has one descriptor a lock, and counts its users itself.
"""

import fcntl
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from vislab.engine.runs.liveness import holder

LOCK = ".lock"


@dataclass
class _Held:
    descriptor: int
    exclusive: bool
    users: int
    pid: int  # a fork has this table but not the locks


_held: dict[Path, _Held] = {}
_table = threading.Lock()


def lock_path(folder: Path, key: str) -> Path:
    """The lock file of an entry of a kind's folder."""
    return folder.resolve() / f"{key}{LOCK}"


def take(path: Path, *, exclusive: bool) -> bool:
    """Take a lock without waiting; False when it is held otherwise.

    Raises:
        OSError: no lock can be had here.
    """
    with _table:
        held = _held.get(path)
        if held is not None and held.pid == os.getpid():
            if exclusive or held.exclusive:
                return False
            held.users += 1
            return True
        while True:
            descriptor = _open(path, exclusive)
            try:
                fcntl.lockf(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                same = path.stat().st_ino == os.fstat(descriptor).st_ino
            except (BlockingIOError, PermissionError):
                os.close(descriptor)
                return False
            except FileNotFoundError:
                same = False
            except OSError:
                os.close(descriptor)
                raise
            if same:
                _held[path] = _Held(descriptor, exclusive, 1, os.getpid())
                return True
            os.close(descriptor)  # removed with its entry between opening and locking


def _open(path: Path, exclusive: bool) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        if exclusive:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)


def share(path: Path) -> None:
    """Turn an exclusive lock into a shared one, with no moment between."""
    with _table:
        fcntl.lockf(_held[path].descriptor, fcntl.LOCK_SH)
        _held[path].exclusive = False


def release(path: Path) -> None:
    """One user less; the last one lets go of the lock."""
    with _table:
        held = _held[path]
        held.users -= 1
        if held.users == 0:
            del _held[path]
            os.close(held.descriptor)


def user(folder: Path, key: str) -> int:
    """A process that holds the lock of an entry; 0: none does."""
    path = lock_path(folder, key)
    with _table:
        held = _held.get(path)
        if held is not None and held.pid == os.getpid():
            return os.getpid()
        return holder(path)
