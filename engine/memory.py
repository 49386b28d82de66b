"""Memory that this process may still take, its container's limit included."""

from pathlib import Path

import psutil

_UNLIMITED = 1 << 60  # what cgroup v1 says where there is no limit is a little below 2 ** 63


def available(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes: what the machine has available, or less where a control group (a container, a batch job) allows less.

    Args:
        groups, own: where Linux tells of control groups.
    """
    return min([psutil.virtual_memory().available, *_headrooms(groups, own)])


def forget_peak(own: Path = Path("/proc/self/clear_refs")) -> bool:
    """Let `peak` count from now on; False where the system has no such thing (it is Linux's)."""
    try:
        own.write_text("5")  # proc(5): resets the peak resident set size to what it is now
    except OSError:
        return False
    return True


def peak(own: Path = Path("/proc/self/status")) -> int:
    """Bytes: the most that this process has had in memory since `forget_peak`."""
    line = next(line for line in own.read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def _headrooms(groups: Path, own: Path) -> list[int]:
    """Limit minus use of each memory group that this process is in; cached files count as free."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            place, limit, used, cached = groups / name.lstrip("/"), "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            place, limit, used = groups / "memory" / name.lstrip("/"), "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = "total_inactive_file"
        else:
            continue
        # Limits hold for all below them. Inside a container the path may be one that only the host has.
        for folder in (place, *place.parents):
            if not folder.is_relative_to(groups):
                break
            most, now = _number(folder / limit), _number(folder / used)
            if most is not None and now is not None and most < _UNLIMITED:
                found.append(max(0, most - now + _entry(folder / "memory.stat", cached)))
    return found


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _entry(path: Path, name: str) -> int:
    try:
        pairs = (line.split() for line in path.read_text().splitlines())
        return next((int(value) for key, value in pairs if key == name), 0)
    except OSError:
        return 0
