"""Runs that wait for a device, in order, with no daemon: each waits in a process that then becomes its worker.

`python -m vislab.engine.runs.queue RUN_DIR` waits in its own session, so that it outlives the console. It holds the
lock `waiting` of the run directory while it waits, and through the exec that makes it the worker, until that has the
run's own lock: at no moment does nobody have the run. The order is that of the ticket files in RUNS_DIR/.queue.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from vislab.engine.runs import detaching
from vislab.engine.runs.devices import VISIBLE, Device, list_devices
from vislab.engine.runs.ending import INTERRUPTED, leave_queue, send_signal
from vislab.engine.runs.liveness import RunLock, holder, this_holder
from vislab.engine.runs.start import surroundings
from vislab.engine.runs.store import Run, all_runs
from vislab.engine.runs.used import Used, UsedDevices, on_card
from vislab.presets.errors import InputError
from vislab.presets.settings import Settings

FOLDER = ".queue"
TAKEN_OUT = "taken out of the queue"
"""Why a run ended that somebody took out."""
_LOOK_EVERY = 1.0  # seconds between two looks at what is free
_PATIENCE = 20.0  # seconds that a waiter may take to start on a busy machine


def enqueue(run: Run, settings: Settings) -> int:
    """Let a run wait for its turn behind those that wait already; returns when its waiter is there.

    Returns:
        The waiter's process id, which will be the worker's.

    Raises:
        InputError: the run has a worker or a waiter, the waiter could not start, or the queue belongs to another user.
    """
    if alive := run.worker():
        raise InputError(f"Run {run.id} has a worker already (process {alive}).")
    if alive := run.waiter():
        raise InputError(f"Run {run.id} waits already (process {alive}).")
    try:
        return _start_waiter(run, settings)
    except OSError as error:
        raise InputError(
            f"{run.id} could not be put into the queue: {error}. Start it with: vislab resume {run.id}"
        ) from error


def _start_waiter(run: Run, settings: Settings) -> int:
    folder = run.path.parent / FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    with _order(folder), run.worker_log.open("ab") as log:
        tickets = _tickets(folder)
        for _, identity in tickets:
            if not Run(folder.parent / identity).waiter():
                _remove_ticket(folder, identity)
        ticket = folder / f"{tickets[-1][0] + 1 if tickets else 1:08d}-{run.id}"
        ticket.touch(mode=0o600)
        process = subprocess.Popen(
            [*detaching.here().prefix, sys.executable, "-P", "-m", "vislab.engine.runs.queue", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=surroundings(settings),
        )
        until = time.monotonic() + _PATIENCE
        while not run.waiter() and not run.worker():
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                process.wait()
                ticket.unlink()
                tail = run.worker_log.read_text(errors="replace").strip().splitlines()[-1:]
                raise InputError(
                    f"{run.id} could not be put into the queue: {' '.join(tail) or 'no reason given'}. "
                    f"See {run.worker_log}"
                )
            time.sleep(0.01)
    return process.pid


def queued(runs_dir: Path) -> list[Run]:
    """The runs that wait, next one first."""
    runs = [Run(runs_dir / identity) for _, identity in _tickets(runs_dir / FOLDER)]
    return [run for run in runs if run.waiter()]


def cancel(run: Run) -> None:
    """Take a run out of the queue. Of one that was never started its waiter records that it is stopped.

    Raises:
        InputError: it does not wait, not on this machine, or its waiter belongs to another user.
    """
    pid = run.waiter()
    if not pid:
        raise InputError(f"Run {run.id} does not wait in the queue{': it has begun' * bool(run.worker())}.")
    if pid < 0:
        raise InputError(f"Run {run.id} waits in another container or on another machine: cancel it there.")
    send_signal(run, pid, signal.SIGTERM)
    while holder(run.waiting_lock) == pid:  # to its end: while it says that it leaves, it counts as the worker
        time.sleep(0.01)
    _remove_ticket(run.path.parent / FOLDER, run.id)


def main(run_dir: Path) -> None:
    """Wait for the run's turn, then become its worker. Returns only when somebody else has taken the run.

    SIGTERM and SIGINT take the run out of the queue.
    """
    run = Run(run_dir.absolute())
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        lock = RunLock(run.waiting_lock)
        if not lock.acquire():
            sys.exit(f"Run {run.id} waits already.")
        lock.explain(this_holder())
        waiting_lock = lock.keep_through_exec()
        if (environment := _wait_for_turn(run)) is None:
            return
        os.environ.update(environment)
        # The ticket stays: until the worker has its lock, it alone tells those behind that this run is before them.
        requests = run.control.stat().st_size if run.control.exists() else 0
        worker = ["-P", "-m", "vislab.engine.worker", str(run.path), "--control-from", str(requests)]
        os.execv(sys.executable, [sys.executable, *worker, "--waiting-lock", str(waiting_lock)])
    except _Left:
        leave_queue(run, TAKEN_OUT)
        sys.exit(INTERRUPTED)


class _Left(Exception):  # noqa: N818 - somebody asked
    pass


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise _Left


def _wait_for_turn(run: Run) -> dict[str, str] | None:
    """Variables that give the run its device, once it is free; None when somebody else has taken the run."""
    occupied = Occupied(run)
    while (environment := occupied.turn()) is None:
        time.sleep(_LOOK_EVERY)
        if run.worker() or not run.path.is_dir():
            return None
    return environment


class Wait(NamedTuple):
    """What a run waits for.

    Attributes:
        device: cpu, mps, cuda or cuda:N; what `auto` means here.
        taken_by: live runs that have such a device.
        choosing: live runs that are about to choose a device, perhaps this one.
        behind: the runs that wait for it as well and come first, next one first.
    """

    device: str
    taken_by: tuple[Run, ...]
    choosing: tuple[Run, ...]
    behind: tuple[Run, ...]


class Occupied:
    """What stands between a waiting run and its device."""

    def __init__(self, run: Run) -> None:
        """Of a run.

        Raises:
            InputError: its spec.toml is missing or damaged.
        """
        self._run = run
        self._wanted = run.spec().device
        self._asked: dict[str, str] = {}
        self._used = UsedDevices()

    def wait(self, live: Sequence[Run]) -> Wait:
        """What the run waits for, for people; the devices of this machine are listed once.

        Args:
            live: the runs that have a worker.
        """
        cards = [device for device in self._devices if device.kind == "cuda"]
        device = self._wanted
        if device == "auto":
            device = self._devices[0].kind  # those that `auto` prefers come first
        asked_for = self._asked_for(cards)
        used = {run: self._used.of(run) for run in live if run.id != self._run.id}
        taken_by = tuple(run for run, one in used.items() if _has(one, asked_for, cards))
        choosing = tuple(run for run, one in used.items() if not one.device)
        behind = tuple(run for run in self._before() if self._competes(run, cards))
        return Wait(device, taken_by, choosing, behind)

    @cached_property
    def _devices(self) -> list[Device]:
        return list_devices()

    def turn(self) -> dict[str, str] | None:
        """Variables that make torch take the device that is free now; None while the run must wait."""
        cards = [device for device in list_devices() if device.kind == "cuda"]
        if any(self._competes(run, cards) for run in self._before()):
            return None
        live = [run for run in all_runs(self._run.path.parent) if run.id != self._run.id and run.worker()]
        used = [self._used.of(run) for run in live]
        if any(not one.device for one in used):  # one is about to choose a device
            return None
        asked_for = self._asked_for(cards)
        if asked_for is None or not cards:  # where there is no card at all, the worker says so
            return None if any(_has(one, asked_for, cards) for one in used) else {}
        if not asked_for:  # not that one: the worker says so
            return {}
        # A card shows no user before the model is on it, and some drivers show none at all.
        free = [card for card in asked_for if card.users == 0 and not any(one.is_among([card]) for one in used)]
        if not free:
            return None
        return {} if self._wanted.startswith("cuda:") else _only(max(free, key=lambda card: card.memory_free))

    def _asked_for(self, cards: list[Device]) -> list[Device] | None:
        """The cards that would do, all of them or the numbered one; None: the run asks for no card."""
        if not on_card(self._wanted, bool(cards)):
            return None
        _, numbered, number = self._wanted.partition(":")
        if not numbered:
            return cards
        return cards[int(number) :][:1] if number.isdecimal() else []

    def _before(self) -> Iterator[Run]:
        for run in queued(self._run.path.parent):
            if run.id == self._run.id:
                return
            yield run

    def _competes(self, run: Run, cards: Sequence[Device]) -> bool:
        """Whether another run that waits asks for the same device."""
        if run.id not in self._asked:
            self._asked[run.id] = run.spec().device
        return _compete(self._wanted, self._asked[run.id], bool(cards))


def _has(one: Used, asked_for: Sequence[Device] | None, cards: Sequence[Device]) -> bool:
    """Whether a live run has a device that was asked for. A driver that is silent lists no card while one computes."""
    return one.device.startswith("cuda") if asked_for is not None and not cards else one.is_among(asked_for)


def _compete(one: str, other: str, cards: bool) -> bool:
    """Whether two runs wait for the same device; two numbered cards are two devices."""
    if on_card(one, cards) != on_card(other, cards):
        return False
    return one == other or ":" not in one or ":" not in other


def _only(card: Device) -> dict[str, str]:
    return {VISIBLE: card.uuid}


@contextlib.contextmanager
def _order(folder: Path) -> Iterator[None]:
    """Only one process at a time gives out tickets."""
    with (folder / "order").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _tickets(folder: Path) -> list[tuple[int, str]]:
    try:
        names = sorted(entry.name.partition("-") for entry in folder.iterdir() if entry.name[:8].isdecimal())
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # nobody has queued yet, or another user's queue
        return []
    return [(int(number), identity) for number, _, identity in names]


def _remove_ticket(folder: Path, identity: str) -> None:
    for number, other in _tickets(folder):
        if other == identity:
            (folder / f"{number:08d}-{identity}").unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
