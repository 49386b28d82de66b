"""An end that a worker cannot tell of itself: killed at once on request, or never reached out of the queue."""

import contextlib
import os
import signal
import time

from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import RunEnded
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.reserve import Reserve
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError

INTERRUPTED = 130
"""Exit code of a run that was stopped on request."""


def kill(run: Run) -> bool:
    """Kill the worker of a run, wait for its end, and record that it was asked for; False when it had ended by itself.

    A run directory is whole at every moment: what is lost is the work since the last checkpoint.

    Raises:
        InputError: it runs on another host or in another container, or it belongs to another user.
    """
    worker = run.worker()
    if worker < 0:
        raise InputError(f"The worker of {run.id} runs on another host or in another container; end it there.")
    if not worker:
        return False
    try:
        lock = RunLock(run.lock)  # before the kill: nobody is to find the run without an owner and call it dead
    except PermissionError as error:
        raise _of_another_user(run, worker) from error
    try:
        if not send_signal(run, worker, signal.SIGKILL):
            return False
        while not lock.acquire():
            if run.worker() not in (0, worker):
                return True  # somebody has resumed it already
        newest = next((folder.name for folder in checkpoints.full(run.checkpoints)), "")
        _record(run, f"at once on request; it goes on from {f'checkpoint {newest}' if newest else 'the beginning'}")
    finally:
        lock.release()
    return True


def send_signal(run: Run, process: int, number: int) -> bool:
    """Send a signal to the process that trains a run or waits with it; False when it has just ended.

    Raises:
        InputError: it belongs to another user.
    """
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise _of_another_user(run, process) from error
    return True


def leave_queue(run: Run, reason: str) -> None:
    """Record the end of a run that was never started, by the one who waits with it."""
    lock = RunLock(run.lock)
    try:
        if lock.acquire() and not run.events.exists():
            _record(run, reason)
    finally:
        lock.release()


def _of_another_user(run: Run, process: int) -> InputError:
    return InputError(f"The process of run {run.id} ({process}) belongs to another user, who alone can end it.")


def _record(run: Run, reason: str) -> None:
    """Say how the run ended, unless its worker has said so itself. The caller holds the run's lock."""
    state, progress = run.state(), run.progress()
    if state.ended is not None and state.ended.time == state.last_time:
        return
    here = progress is not None and progress.time >= state.last_time
    ended = RunEnded(
        time=time.time(),
        status="stopped",
        reason=reason,
        step=max(state.step, progress.step) if progress is not None and here else state.step,
        epoch=state.epochs_done,
        elapsed=state.elapsed,
        exit_code=INTERRUPTED,
    )
    Reserve(run.path / "reserve").give_up()
    with contextlib.suppress(OSError):  # a full disk: the run counts as one that has died
        writer = EventWriter(run.events)
        try:
            writer.append(ended)
            writer.sync()
        finally:
            writer.close()
