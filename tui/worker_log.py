"""worker.log, safe to display: what the worker and its libraries wrote to stdout and stderr."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.tui.views.text import plain

EVERY = 0.2
"""Seconds between two looks."""

LIKELY = 2000
"""Bytes that a line is hardly longer than."""


def last_lines(log: Path, count: int = 0) -> list[str]:
    """The last lines of a log; 0: all of them. A log that is not there has none.

    Of a long log no more is read than the lines asked for are likely to take.
    """
    try:
        with log.open("rb") as file:
            if count and file.seek(0, os.SEEK_END) > count * LIKELY:
                file.seek(-count * LIKELY, os.SEEK_END)
                file.readline()  # the rest of a line that began before
            else:
                file.seek(0)
            content = file.read()
    except FileNotFoundError:
        return []
    found = content.removesuffix(b"\n").split(b"\n") if content else []
    return [_shown(line) for line in found[-count:]]


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
    return plain(line.rstrip(b"\r\n").rpartition(b"\r")[2].decode(errors="replace"), limit=2000)
