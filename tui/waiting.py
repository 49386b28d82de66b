"""Wait for runs to end, without showing them."""

import sys
import time
from collections.abc import Iterable, Sequence

from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui import death
from vislab.tui.headless import FAILED
from vislab.tui.living import is_alive
from vislab.tui.views.run import end_line

EVERY = 0.2
"""Seconds between two looks."""

SEVERITY = (0, 130, 143, 2, 1)
"""Exit codes, the worst last."""


def wait(runs: Sequence[Run]) -> list[int]:
    """Wait for runs, each told on stdout when it has ended; a worker that died with the end of its log on stderr.

    Returns:
        The exit code of each, in the order of their ends.

    Raises:
        InputError: one was never started.
    """
    for run in runs:
        if run.status() == "new":
            raise InputError(f"Run {run.id} was never started. Start it with: vislab resume {run.id}")
    waiting, codes = list(runs), []
    while waiting:
        for run in [run for run in waiting if not is_alive(run)]:
            waiting.remove(run)
            codes.append(_told(run))
        if waiting:
            time.sleep(EVERY)
    return codes


def worst(codes: Iterable[int]) -> int:
    """The exit code that stands for several."""
    return max(codes, key=lambda code: SEVERITY.index(code) if code in SEVERITY else len(SEVERITY))


def _told(run: Run) -> int:
    state = run.state()
    status = run.status(state)
    print(f"{run.id}: {end_line(state, status)}", flush=True)
    if status == "died":
        print("\n".join(death.lines(run, state)), file=sys.stderr, flush=True)
    return FAILED if state.ended is None else state.ended.exit_code
