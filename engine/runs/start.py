"""Start a worker that outlives the terminal."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from vislab.engine.runs import detaching
from vislab.engine.runs.extension import extend
from vislab.engine.runs.files import file_size
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.settings import Settings


def start(
    run: Run,
    settings: Settings,
    *,
    foreground: bool = False,
    epochs: int = 0,
    schedule: str = "hold",
    accumulate: int = 0,
    force: bool = False,
) -> int:
    """Start the worker of a run, new or to be resumed, in a session of its own; wait until it holds the lock.

    The worker's stdin is empty and its stdout and stderr go to worker.log, so that it neither dies with the terminal
    nor writes over it.

    Args:
        foreground: leave the worker in this session and process group, for those who count or end processes by them
            (containers, batch jobs); it is deaf to a hangup all the same.
        epochs, schedule: make the run so many epochs long in all, and how its learning rate goes on (hold, stretch or
            restart): see `vislab.engine.runs.extension`. 0: as long as planned.
        accumulate: cut each batch into so many micro-batches from now on, to save memory. 0: as the run did so far.
        force: go on though images have changed since the run began, or though a worker on another machine, whose
            lock cannot be seen from here, has lately given a sign of life.

    Returns:
        The worker's process id.

    Raises:
        InputError: the run has a worker already or waits in the queue, it cannot be made so long, or the worker could
            not be started or ended before it took the lock.
    """
    if alive := run.worker():
        raise InputError(f"Run {run.id} has a worker already (process {alive}).")
    if run.waiter():
        raise InputError(
            f"Run {run.id} waits in the queue, and begins when its turn comes; to start it at once, take it out first: "
            f"vislab stop {run.id} (x in the history)"
        )
    if (host := run.elsewhere()) and not force:
        raise InputError(elsewhere(run.id, host))
    if epochs:
        extend(run.spec(), run.state(), epochs, schedule)  # said here, not by a worker that has gone
    said_before = file_size(run.events)
    # Requests made to an earlier worker of this run are not for this one.
    arguments = ["--control-from", str(file_size(run.control))]
    if epochs:
        arguments += ["--epochs", str(epochs), "--schedule", schedule]
    if force:
        arguments.append("--force")
    if accumulate:
        arguments += ["--accumulate", str(accumulate)]
    prefix = () if foreground else detaching.here().prefix
    try:
        with run.worker_log.open("ab") as log, _hangup_ignored() if foreground else contextlib.nullcontext():
            process = subprocess.Popen(
                # -P keeps the current folder out of the worker's import path.
                [*prefix, sys.executable, "-P", "-m", "vislab.engine.worker", str(run.path), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=not foreground,
                env=surroundings(settings),
            )
    except OSError as error:  # a full disk, or no more processes
        raise InputError(
            f"The worker of {run.id} could not be started: {error}. Start it later with: vislab resume {run.id}"
        ) from error
    while run.worker() == 0:
        if process.poll() is not None:
            if file_size(run.events) > said_before:  # it was quicker than this look
                break
            tail = run.worker_log.read_text(errors="replace").strip().splitlines()[-1:]
            raise InputError(
                f"The worker of {run.id} did not start: {' '.join(tail) or 'no reason given'}. See {run.worker_log}"
            )
        time.sleep(0.01)
    return process.pid


@contextlib.contextmanager
def _hangup_ignored() -> Iterator[None]:
    """What is started meanwhile ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def elsewhere(identity: str, host: str) -> str:
    """The refusal of a run that is trained on another machine."""
    return (
        f"Run {identity} seems to be trained on {host}: its heartbeat is less than a minute old. Stop it there, or "
        f"wait a minute if that machine has died. To take it over all the same: --force"
    )


def surroundings(settings: Settings) -> dict[str, str]:
    """The environment of a worker: this process's, with folders and budgets as the settings say."""
    folders = {
        "VISLAB_RUNS_DIR": str(settings.runs_dir),
        "VISLAB_DATA_DIR": str(settings.data_dir),
        "VISLAB_CACHE_DIR": str(settings.cache_dir),
    }
    amounts = {"VISLAB_CACHE_BUDGET": settings.cache_budget, "VISLAB_MEMORY_BUDGET": settings.memory_budget}
    given = {name: str(amount) for name, amount in amounts.items() if amount is not None}
    return dict(os.environ) | folders | given
