"""Requests to a live worker, and its answer, for commands that wait for it."""

import time
from collections.abc import Iterator

from vislab.engine.runs import checkpoints, control
from vislab.engine.runs.control import Action
from vislab.engine.runs.events import AnyEvent, CheckpointSaved, ControlApplied, Notice
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.reserve import is_full
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.views.text import plain

PATIENCE = 60.0
"""Seconds that an answer is waited for: a step, or the decoding of a large picture, may take long."""

EVERY = 0.05


class NoRoom(InputError):  # noqa: N818 - what is the case, not what went wrong
    """The disk of a run is full."""


class Unanswered(Exception):  # noqa: N818 - the request stands
    """The worker lives and has not answered in time."""


def require_worker(run: Run) -> None:
    """Refuse a run that nobody trains.

    Raises:
        InputError: it has no worker.
    """
    if not run.worker():
        raise InputError(f"Run {run.id} is not running: {run.status()}.")


def require_room(run: Run) -> None:
    """Refuse to stop a run that waits for room on a full disk: all since its last checkpoint would be lost.

    Raises:
        NoRoom: it does.
    """
    now = run.heartbeat(run.worker())
    if (run.path.is_dir() and is_full(run.path)) or (now is not None and now.phase == "full disk"):
        raise NoRoom(
            f"{run.id} cannot be stopped with a checkpoint: the disk of {run.path.parent} is full. Make room, and it "
            "goes on, or stops when asked to. To end it and lose what it trained since its last checkpoint: "
            f"vislab stop {run.id} --now"
        )


def obeyed(run: Run, action: Action, value: str = "") -> ControlApplied:
    """Make a request and wait until the worker has obeyed it.

    Raises:
        InputError: the run has no worker, the worker ended before it looked, or it refused.
        Unanswered: it took longer than `PATIENCE`.
        OSError: the request cannot be written.
    """
    return _asked(run, action, value)[0]


def saved(run: Run) -> tuple[ControlApplied, str]:
    """Ask for a full checkpoint and wait until it is there.

    Returns:
        The answer, and the checkpoint's folder below the run's; empty where there is nothing to save before the first
        update.

    Raises:
        InputError, Unanswered, OSError: see `obeyed`.
    """
    applied, events = _asked(run, "checkpoint", "")
    if applied.step == 0:
        return applied, ""
    for event in events:
        if isinstance(event, CheckpointSaved) and event.kind == "full" and event.step >= applied.step:
            return applied, event.path
        for folder in checkpoints.full(run.checkpoints)[:1]:  # saved just before the request: nothing is written anew
            if checkpoints.step(folder) >= applied.step and checkpoints.manifest(folder) is not None:
                return applied, f"{run.checkpoints.name}/{folder.name}"
    raise AssertionError("events end by an exception only")


def send(run: Run, action: Action, value: str = "") -> control.Request:
    """Write a request down for the worker.

    Raises:
        InputError: the disk takes no request, or the run belongs to another user.
    """
    try:
        return control.send(run.control, action, value)
    except PermissionError as error:
        raise InputError(f"Cannot write the request to {run.control}: the run belongs to another user.") from error
    except OSError as error:
        raise InputError(
            f"Cannot write the request to {run.control}: {error.strerror}. Make room there; "
            f"`vislab stop {run.id}` needs none."
        ) from error


def _asked(run: Run, action: Action, value: str) -> tuple[ControlApplied, "Iterator[AnyEvent | None]"]:
    """The answer, and the events after it."""
    require_worker(run)
    reader = EventReader(run.events)
    reader.position = run.events.stat().st_size if run.events.exists() else 0
    request = send(run, action, value)
    events = _events(run, reader)
    for event in events:
        if isinstance(event, ControlApplied) and event.request == request.id:
            return event, events
        if isinstance(event, Notice) and event.topic == "control" and request.id in event.text:
            raise InputError(plain(event.text, 1000))
    raise AssertionError("events end by an exception only")


def _events(run: Run, reader: EventReader) -> "Iterator[AnyEvent | None]":
    """What the worker says, and None whenever it says nothing, as long as it lives and patience lasts."""
    until = time.monotonic() + PATIENCE
    while True:
        alive = run.worker() != 0  # asked first: what a worker said before its end is read after it
        yield from reader.events()
        yield None
        if not alive:
            raise InputError(f"Run {run.id} ended before it looked at the request: {run.status()}.")
        if time.monotonic() > until:
            position = run.progress()
            doing = f" It is at: {position.phase}." if position is not None else ""
            raise Unanswered(
                f"Run {run.id} has not answered within {PATIENCE:.0f} s.{doing} The request stands, and is obeyed at "
                "its next step."
            )
        time.sleep(EVERY)
