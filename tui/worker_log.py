"""worker.log, safe to display: what the worker and its libraries wrote to stdout and stderr."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vislab.engine.runs.store import Run
from vislab.tui.views.text import ELLIPSIS, plain

EVERY = 0.2
"""Seconds between two looks."""

LIKELY = 2000
"""Bytes that a line is hardly longer than."""

FARTHEST = 2_000_000
"""Bytes before the end of a log within which the beginning of its last line is looked for."""

_COLOURS = re.compile(rb"\x1b\[[0-9;:]*[mK]")  # and erasing to the end of a line, as bars do

LONGEST = 2000
"""Characters of a line that are shown."""


def last_lines(log: Path, count: int = 0) -> list[str]:
    """The last lines of a log; 0: all of them. A log that is not there has none.

    Of a long log no more is read than the lines asked for are likely to take, so that they may be fewer; more only
    where not even one begins there. A last line of more than `FARTHEST` bytes is shown by its end.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            reach = count * LIKELY if count else size
            while not (found := _from(file, max(0, size - reach), count)) and reach < min(size, FARTHEST):
                reach = min(8 * reach, FARTHEST)
            if size and not found:
                file.seek(max(0, size - LONGEST + 1))
                return [plain(ELLIPSIS + file.read().rstrip(b"\r\n").decode(errors="replace"), limit=LONGEST)]
    except FileNotFoundError:
        return []
    return [_shown(line) for line in found]


def _from(file: BinaryIO, begin: int, count: int) -> list[bytes]:
    """The last lines of what stands from `begin` on; one that began before it only where its last state did not."""
    file.seek(begin)
    content = file.read()
    if not content:
        return []
    lines = content.removesuffix(b"\n").rsplit(b"\n", count or -1)
    if begin and len(lines) <= count and b"\r" not in lines[0].rstrip(b"\r"):
        del lines[0]
    return lines[-count:]


def lines_until_end(run: Run) -> Iterator[str]:
    """The lines of a run's log as they come, until its worker has ended."""
    position = 0
    while True:
        alive = run.worker() != 0
        if run.worker_log.exists():
            with run.worker_log.open("rb") as file:
                file.seek(position)
                for line in file:
                    if alive and not line.endswith(b"\n"):
                        break
                    position += len(line)
                    yield _shown(line)
        if not alive:
            return
        time.sleep(EVERY)


def _shown(line: bytes) -> str:
    # A library's progress bar writes one long line with many returns: its last state counts.
    state = _COLOURS.sub(b"", line.rstrip(b"\r\n").rpartition(b"\r")[2])
    return plain(state.decode(errors="replace"), limit=LONGEST)
