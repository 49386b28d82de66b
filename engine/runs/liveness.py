"""Alive = the lock is held. A POSIX record lock: forks do not inherit it, and the kernel drops it with the process."""

import contextlib
import fcntl
import os
import platform
import re
import struct
import sys
import time
from pathlib import Path

_FLOCK = "hhqqi0q" if sys.platform == "linux" else "qqihh0q"

_held: dict[Path, int] = {}
"""Locks of this process, with its process id: a fork has this table but not the locks."""


class RunLock:
    """The worker's hold on a run directory.

    The process must not open and close the lock file by any other way while it holds the lock: closing any descriptor
    of the file drops it. (`holder` knows this and is safe.)
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)

    def acquire(self) -> bool:
        """Take the lock without waiting; False when another process holds it.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        _held[self._path] = os.getpid()
        return True

    def explain(self, text: str) -> None:
        """Write who holds the lock into the file, for people; it decides nothing."""
        with contextlib.suppress(OSError):  # a full disk
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, text.encode(), 0)

    def keep_through_exec(self) -> int:
        """Keep the lock when this process becomes another program: until that closes the descriptor, or ends.

        Returns:
            The descriptor.
        """
        os.set_inheritable(self._file, True)
        return self._file

    def release(self) -> None:
        """Let go of the lock."""
        _held.pop(self._path, None)
        os.close(self._file)


def holder(path: Path) -> int:
    """The process id that holds the lock of `path`; 0 when nobody does, -1 when its holder has no number here.

    Asks the kernel without taking the lock. A holder in another container or on another host has no number here. Of a
    lock that this user may not read nothing is known: nobody is said to hold it.
    """
    if _held and _held.get(path.resolve()) == os.getpid():
        return os.getpid()
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
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
    if kind == fcntl.F_UNLCK:
        return 0
    return int(pid) if pid > 0 else -1


def this_holder() -> str:
    """Who this process is, for `RunLock.explain`: a line each of pid, host, boot, started and oom_kills."""
    return (
        f"pid {os.getpid()}\nhost {platform.node()}\nboot {_boot()}\n"
        f"started {time.strftime('%Y-%m-%d %H:%M:%S')}\noom_kills {oom_kills()}\n"
    )


def last_holder(path: Path) -> dict[str, str]:
    """What the last holder of a lock said of itself; empty where it said nothing, or where it is this process."""
    if _held.get(path.resolve()) == os.getpid():
        return {}  # to open and close the file would drop the lock
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^(\w+) (.*)$", text, re.MULTILINE))


def other_machine(path: Path) -> str:
    """The host of a lock's last holder, if it is another machine than this, whose locks may not be seen; else empty."""
    said = last_holder(path)
    here = said.get("host") == platform.node() or (said.get("boot") == _boot() != "")
    return "" if here else said.get("host", "")


def was_here_since_boot(path: Path) -> bool:
    """Whether a lock's last holder was on this machine, and the machine has not been started again since."""
    return last_holder(path).get("boot") == _boot() != ""


def oom_kills() -> int:
    """Processes that the kernel has killed for want of memory since it was started; 0 where it does not say."""
    try:
        found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
