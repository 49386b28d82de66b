"""Start a worker that outlives the terminal."""

import os
import subprocess
import sys
import time
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.settings import Settings


def start(run: Run, settings: Settings) -> int:
    """Start the worker of a run, new or to be resumed, in a session of its own; wait until it holds the lock.

    The worker's stdin is empty and its stdout and stderr go to worker.log, so that it neither dies with the terminal
    nor writes over it.

    Returns:
        The worker's process id.

    Raises:
        InputError: the run has a worker already, or the worker ended before it took the lock.
    """
    if alive := run.worker():
        raise InputError(f"Run {run.id} has a worker already (process {alive}).")
    said_before = _size(run.events)
    # Requests made to an earlier worker of this run are not for this one.
    old_requests = ["--control-from", str(_size(run.control))]
    with run.worker_log.open("ab") as log:
        process = subprocess.Popen(
            # -P keeps the current folder out of the worker's import path.
            [sys.executable, "-P", "-m", "vislab.engine.worker", str(run.path), *old_requests],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=surroundings(settings),
        )
    while run.worker() == 0:
        if process.poll() is not None:
            if _size(run.events) > said_before:  # it was quicker than this look
                break
            tail = run.worker_log.read_text(errors="replace").strip().splitlines()[-1:]
            raise InputError(
                f"The worker of {run.id} did not start: {' '.join(tail) or 'no reason given'}. See {run.worker_log}"
            )
        time.sleep(0.01)
    return process.pid


def surroundings(settings: Settings) -> dict[str, str]:
    """The environment of a worker: this process's, with the folders as the settings say."""
    folders = {
        "VISLAB_RUNS_DIR": str(settings.runs_dir),
        "VISLAB_DATA_DIR": str(settings.data_dir),
        "VISLAB_CACHE_DIR": str(settings.cache_dir),
    }
    return dict(os.environ) | folders


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
