"""Looks at one run for those who draw it: everything that a live view shows, in one immutable picture a look."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vislab.engine.analysis.findings import Finding, findings
from vislab.engine.runs import died
from vislab.engine.runs.liveness import holder
from vislab.engine.runs.meters import Meter, Reading
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Follower, Run, RunStatus, all_runs
from vislab.engine.runs.summary import LIVE, live_status
from vislab.presets.schema.spec import Spec
from vislab.tui import death
from vislab.tui.views.live import UNENDED
from vislab.tui.views.run import result_lines
from vislab.tui.views.text import plain
from vislab.tui.worker_log import last_lines

if TYPE_CHECKING:
    from vislab.tui.queue_place import QueuePlace

DEVICE_EVERY = 3.0
"""Seconds between two looks at the device, which cost more than the rest."""

JUDGING = 0.003
"""Share of a core that judging the history may take: that of many thousand epochs is judged less often."""

LOG_LINES = 200
"""Lines of worker.log that are kept in a picture."""


SIGNALLING: tuple[RunStatus, ...] = ("starting", "training", "paused")
"""A worker that has the run, and can write that it lives."""


@dataclass(frozen=True)
class Look:
    """A run at one moment, its log read to the end: half of a log would tell of a state that is long past.

    Attributes:
        progress: the last heartbeat, never of an earlier worker than the present one; None before the first.
        log: the last lines of worker.log; safe text.
        result: what came out, in sentences, or that nobody waits with it any more; empty while it lives. Safe text.
        waits: what a run in the queue waits for, in sentences; empty for any other. Safe text.
        silence: seconds since the last sign of life of a worker that should give some; 0.0 where nobody can tell.
    """

    state: RunState
    progress: Progress | None
    status: RunStatus
    reading: Reading | None
    findings: tuple[Finding, ...]
    log: tuple[str, ...]
    result: tuple[str, ...]
    waits: tuple[str, ...] = ()
    silence: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether a worker has the run, which takes requests."""
        return self.status in LIVE

    @property
    def last_words(self) -> str:
        """The last line that the worker wrote."""
        return next((line for line in reversed(self.log) if line.strip()), "")


def since_sign(progress: Progress, state: RunState) -> float | None:
    """Seconds since the last sign of life of a worker; None where it is on another machine, which has its own clock."""
    if progress.host != socket.gethostname():
        return None
    return max(0.0, time.time() - max(progress.time, state.last_time))


class Looker:
    """Looks at a run again and again, each time in a bounded bite. Not for several threads at once.

    Attributes:
        read: share of the log that was read, in [0, 1].
    """

    def __init__(self, run: Run, *, most_epochs: int | None = None) -> None:
        """A looker; `most_epochs` as `Fold` has it.

        Raises:
            InputError: the run's spec.toml is missing or damaged.
        """
        self.run = run
        self.spec: Spec = run.spec()
        self.read = 0.0
        self._follower = Follower(run, most_epochs=most_epochs)
        self._meter = Meter()
        self._reading: Reading | None = None
        self._read_at = -DEVICE_EVERY
        self._log_size = -1
        self._death: list[str] | None = None
        self._log: tuple[str, ...] = ()
        self._judged: object = None
        self._judge_next = 0.0
        self._findings: tuple[Finding, ...] = ()
        self._place: QueuePlace | None = None
        self._sign = 0.0, 0.0
        self._sign_seen = 0.0

    def look(self, live: Sequence[Run] | None = None) -> Look | None:
        """Look now; None where the log was not read to its end yet, and there is more to read at once.

        Args:
            live: the runs that have a worker, as far as they are known; None: they are looked up if they matter.

        Raises:
            InputError: the run's folder is gone.
        """
        self.run.check_is_there()
        worker = self.run.worker()  # asked first: what a worker said before its end is read after it
        queued = not worker and holder(self.run.waiting_lock) != 0
        size = self.run.events.stat().st_size if self.run.events.exists() else 0
        before = self._follower.position
        state = self._follower.look()
        self.read = min(1.0, self._follower.position / size) if size else 1.0
        if before < self._follower.position < size:  # a cut line is never read
            return None
        progress = self.run.heartbeat(worker)
        status: RunStatus = "queued" if queued else self._status(state, progress, worker)
        return Look(
            state=state,
            progress=progress,
            status=status,
            reading=self._read_device(state, worker),
            findings=self._judge(state),
            log=self._read_log(),
            result=tuple(death.of_waiter(self.run, status))
            if status in UNENDED
            else (*result_lines(state, self.spec, status), *self._of_death(state, status)),
            waits=self._waits(live) if status == "queued" else (),
            silence=self._silence(progress, state) if progress is not None and status in SIGNALLING else 0.0,
        )

    def whole(self) -> Look:
        """Look until the log is read to its end.

        Raises:
            InputError: the run's folder is gone.
        """
        while (look := self.look()) is None:
            pass
        return look

    def _silence(self, progress: Progress, state: RunState) -> float:
        """Seconds since the worker's last sign of life; by another clock than its own, since that was seen."""
        sign = progress.time, state.last_time
        if sign != self._sign:
            self._sign, self._sign_seen = sign, time.monotonic()
        seconds = since_sign(progress, state)
        return time.monotonic() - self._sign_seen if seconds is None else seconds

    def _waits(self, live: Sequence[Run] | None) -> tuple[str, ...]:
        """What the run, which is queued, waits for."""
        if self._place is None:
            from vislab.tui.queue_place import QueuePlace  # few runs that are watched wait

            self._place = QueuePlace(self.run)
        if live is None:
            live = [run for run in all_runs(self.run.path.parent) if run.worker()]
        return self._place.words(live)

    def _of_death(self, state: RunState, status: RunStatus) -> list[str]:
        """What is known of the end of a worker that died, and what to do."""
        if status != "died":
            self._death = None
            return []
        if self._death is None:  # once
            known = died.look(self.run, state)
            when, what = death.when(self.run, state), died.advice(self.run.id, known) if known is not None else ""
            self._death = [plain(f"It ended without a word: it {when}. {what}".rstrip(), 1000)]
        return self._death

    def _status(self, state: RunState, progress: Progress | None, worker: int) -> RunStatus:
        if worker:
            return live_status(state, progress, worker, self.run.path)
        if state.ended is not None:
            return state.ended.status
        if self.run.elsewhere():
            return live_status(state, progress, -1, self.run.path)
        return "died" if self.run.events.exists() or self.run.lock.exists() else "new"

    def _read_device(self, state: RunState, worker: int) -> Reading | None:
        decided = next((made for made in reversed(state.decisions) if made.what == "device"), None)
        if worker <= 0 or decided is None:
            return None
        if time.monotonic() - self._read_at >= DEVICE_EVERY:
            self._read_at = time.monotonic()
            self._reading = self._meter.read(worker, decided.choice, str(decided.details.get("name", "")))
        return self._reading

    def _judge(self, state: RunState) -> tuple[Finding, ...]:
        judged = (state.started, state.epochs_done, len(state.steps), state.best)
        if judged != self._judged and (time.monotonic() >= self._judge_next or state.ended is not None):
            self._judged = judged
            begun = time.thread_time()
            self._findings = tuple(findings(state, self.spec))
            self._judge_next = time.monotonic() + (time.thread_time() - begun) / JUDGING
        return self._findings

    def _read_log(self) -> tuple[str, ...]:
        try:
            size = self.run.worker_log.stat().st_size
        except FileNotFoundError:
            return ()
        if size != self._log_size:
            self._log_size = size
            self._log = tuple(last_lines(self.run.worker_log, LOG_LINES))
        return self._log
