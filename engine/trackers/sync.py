"""Hand a run's events on to a tracker, from where an earlier process stopped."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from vislab.engine.runs.events import EpochEnded, RunEnded, RunResumed, RunStarted, StepsLogged
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.store import Run
from vislab.engine.trackers.tensorboard import TensorBoard
from vislab.engine.trackers.tracker import Tracker, figures_of, folder
from vislab.engine.trackers.weights_and_biases import WeightsAndBiases
from vislab.presets.errors import InputError

_EVERY = 1.0  # seconds between two looks at a live run
_LOCK_PATIENCE = 30.0  # seconds; the tracker of the worker before this one may still be writing


class Record(msgspec.Struct, frozen=True):
    """How far a tracker is, kept in the run directory.

    Attributes:
        target: the folder or project written to.
        identity: the tracker's own id of the run.
        position: bytes of events.jsonl that were handed on.
    """

    target: str
    identity: str
    position: int = 0


def sync(run: Run, kind: str, target: str, *, live: bool = False) -> int:
    """Hand on what a tracker has not had yet.

    Args:
        kind: `tensorboard` or `wandb`.
        target: folder of TensorBoard files, or project of Weights & Biases.
        live: go on until the run's worker has ended; else stop at the present end of the log.

    Returns:
        How many events were handed on.

    Raises:
        InputError: another process is writing to the same tracker.
        Exception: the tracker failed. The next call begins where this one began: the same points are written again.
    """
    lock = RunLock(folder(run) / f"{kind}.lock")
    try:
        _take(lock, run, kind, patience=_LOCK_PATIENCE if live else 0.0)
        return _hand_on(run, kind, target, live=live)
    finally:
        lock.release()


def _take(lock: RunLock, run: Run, kind: str, patience: float) -> None:
    until = time.monotonic() + patience
    while not lock.acquire():
        if time.monotonic() >= until:
            raise InputError(f"Another process is writing the {kind} record of run {run.id}; wait until it has ended.")
        time.sleep(0.1)


def _hand_on(run: Run, kind: str, target: str, *, live: bool) -> int:
    path = folder(run) / f"{kind}.json"
    record = _recorded(path, target, run) or Record(target, f"{run.id}-{secrets.token_hex(3)}")
    reader = EventReader(run.events)
    reader.position = record.position
    if not live and not _is_longer(run.events, record.position):
        return 0
    write_atomically(path, msgspec.json.encode(record))
    tracker = _open(run, kind, record)
    count = 0
    try:
        while True:
            alive = live and run.worker() != 0
            count += _pass(tracker, reader)
            record = msgspec.structs.replace(record, position=reader.position)
            if not alive:
                break
            time.sleep(_EVERY)
    finally:
        tracker.close()
    write_atomically(path, msgspec.json.encode(record))
    return count


def _pass(tracker: Tracker, reader: EventReader) -> int:
    count = 0
    while events := reader.read():
        for event in events:
            match event:
                case StepsLogged() | EpochEnded() | RunEnded():
                    tracker.write(figures_of(event), step=event.step, time=event.time)
                    count += 1
                case RunResumed():
                    tracker.rewind(event.step)
                case RunStarted():
                    tracker.rewind(0)
    return count


def _open(run: Run, kind: str, record: Record) -> Tracker:
    openers: dict[str, Callable[[], Tracker]] = {
        "tensorboard": lambda: TensorBoard(run, record.target),
        "wandb": lambda: WeightsAndBiases(run, record.target, record.identity),
    }
    return openers[kind]()


def _recorded(path: Path, target: str, run: Run) -> Record | None:
    """What an earlier process wrote down, if it wrote to the same place and that place is still there."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    gone = path.stem == "tensorboard" and not (Path(target) / run.id).is_dir()
    return None if record.target != target or gone else record


def _is_longer(path: Path, position: int) -> bool:
    return path.exists() and path.stat().st_size > position
