"""Which runs live: train, are paused, or wait in the queue."""

import os
from pathlib import Path

from vislab.engine.runs.liveness import holder
from vislab.engine.runs.store import Run, all_runs
from vislab.presets.errors import InputError
from vislab.presets.settings import load_settings


def is_alive(run: Run) -> bool:
    """Whether a run has a worker, or waits in the queue for one."""
    # A worker that came out of the queue holds both locks, so that nobody sees it dead in between.
    return run.worker() != 0 or holder(run.waiting_lock) != 0


def is_paused(run: Run) -> bool:
    """Whether the worker of a run waits until somebody lets it go on, by its last heartbeat if that can be read."""
    try:
        worker = run.worker()
        heartbeat = run.heartbeat(worker) if worker else None
    except OSError:  # another user's own, or on a disk that does not answer
        return False
    return heartbeat is not None and heartbeat.phase == "paused"


def is_own(run: Run) -> bool:
    """Whether a run has a worker on this machine, of this user: a runs folder may be shared."""
    return run.worker() > 0 and run.path.stat().st_uid == os.getuid()


def newest_live(runs_dir: Path | None) -> Run:
    """The newest run that has a worker, else the newest that waits for one.

    Args:
        runs_dir: as given on the command line.

    Raises:
        InputError: there is none. What is wrong with the settings files is said only then: it may be the reason.
    """
    settings = load_settings(runs_dir=runs_dir, strict=False)
    live = [run for run in all_runs(settings.runs_dir) if is_alive(run)]
    if not live:
        raise InputError("\n".join([*settings.problems, f"No run is running in {settings.runs_dir}. See: vislab runs"]))
    return next((run for run in live if run.worker()), live[0])
