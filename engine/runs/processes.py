"""What processes use. Linux tells it in /proc; psutil, which takes 1.5 MB of memory, is asked on other systems."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = os.path.exists("/proc/thread-self/children")  # noqa: PTH110 (asked once, at the start of the console)


class Usage(NamedTuple):
    """What a process has used. `seconds` are of a core, `memory` is in bytes, resident."""

    started: float
    """Tells it from an earlier process of the same number."""
    seconds: float
    memory: int


def usage(pid: int) -> Usage | None:
    """What a process has used so far; None: there is none, or it cannot be looked at."""
    if not PROC:
        return _asked(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (pathlib keeps the names of files)
            fields = file.read().rpartition(b")")[2].split()  # behind the name, which may hold anything
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Usage(float(fields[19]), ticks, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def family(pid: int) -> list[int]:
    """A process, its children and theirs."""
    found = [pid]
    if PROC:
        for one in found:
            with suppress(OSError):  # it has just ended
                for thread in os.listdir(f"/proc/{one}/task"):  # noqa: PTH208
                    with suppress(OSError):  # so has the thread; children of others are there still
                        found += map(int, Path(f"/proc/{one}/task/{thread}/children").read_text().split())
    else:
        import psutil

        with suppress(psutil.Error):
            found += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return found


def _asked(pid: int) -> Usage | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return Usage(process.create_time(), times.user + times.system, process.memory_info().rss)
    except psutil.Error:
        return None
