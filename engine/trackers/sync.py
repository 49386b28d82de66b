"""Hand a run's events on to a tracker, from where an earlier process stopped."""

import secrets
import time
from collections import deque
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
_SETTLED = 10.0  # seconds after which a tracker has kept what it was handed; tensorboardX writes every five
_LOCK_PATIENCE = 30.0  # seconds; the tracker of the worker before this one may still be writing


class Record(msgspec.Struct, frozen=True):
    """How far a tracker is with one target, kept in the run directory beside those of its other targets.

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
        Exception: the tracker failed. Where the run is live, the next call hands on again what it was handed in
            its last seconds, as after a process that was killed; else what this call handed on.
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
    _keep(path, record)
    tracker = _open(run, kind, record)
    count = 0
    handed: deque[tuple[float, int]] = deque()  # when a pass ended, and how far it came
    try:
        while True:
            alive = live and run.worker() != 0
            count += _pass(tracker, reader)
            if not alive:
                break
            handed.append((time.monotonic(), reader.position))
            time.sleep(_EVERY)
            record = _settled(path, record, handed)
    finally:
        tracker.close()
    _keep(path, msgspec.structs.replace(record, position=reader.position))
    return count


def _settled(path: Path, record: Record, handed: deque[tuple[float, int]]) -> Record:
    """Write down how far the passes came whose points the tracker has had time to keep, and forget those passes."""
    position = record.position
    while handed and handed[0][0] <= time.monotonic() - _SETTLED:
        position = handed.popleft()[1]
    if position == record.position:
        return record
    record = msgspec.structs.replace(record, position=position)
    _keep(path, record)
    return record


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
    """What an earlier process wrote down of the same place, if that place is still there."""
    gone = path.stem == "tensorboard" and not (Path(target) / run.id).is_dir()
    return None if gone else _records(path).get(target)


def _records(path: Path) -> dict[str, Record]:
    """All records of a tracker, by target; none where there is no file, or no whole one."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Record | list[Record])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    rows = [found] if isinstance(found, Record) else found  # of the last target only, as it was written before
    return {record.target: record for record in rows}


def _keep(path: Path, record: Record) -> None:
    """Write a record down beside those of other targets."""
    kept = _records(path) | {record.target: record}
    write_atomically(path, msgspec.json.encode(list(kept.values())))


def _is_longer(path: Path, position: int) -> bool:
    return path.exists() and path.stat().st_size > position
