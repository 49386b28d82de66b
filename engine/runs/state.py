"""The fold: events -> RunState.

`Fold` takes events one by one; `Fold.state()` is an immutable picture of what was folded so far. Histories are
append-only and shared between pictures, and a picture holds a length over them: folding n events and taking a picture
after each one is linear in n.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from msgspec import structs

from vislab.engine.runs.columns import Column, Rows, Table
from vislab.engine.runs.events import (
    AnyEvent,
    CheckpointSaved,
    ControlApplied,
    DecisionMade,
    EpochEnded,
    Figure,
    Notice,
    RunEnded,
    RunResumed,
    RunStarted,
    StepsLogged,
    figure,
)

T = TypeVar("T")

Status = Literal["starting", "training", "paused", "done", "stopped", "failed"]
Stopping = Literal["", "stop", "stop_after_epoch"]


@dataclass(frozen=True)
class RunState:
    """What is known of a run from its events alone."""

    status: Status
    started: RunStarted | None
    ended: RunEnded | None
    epochs_planned: int
    steps: Rows[StepsLogged]
    epochs: Rows[EpochEnded]
    checkpoints: Column[CheckpointSaved]
    decisions: Column[DecisionMade]
    controls: Column[ControlApplied]
    notices: Column[Notice]
    resumes: Column[RunResumed]
    best: EpochEnded | None
    bests: Rows[EpochEnded]
    """The epochs that were the best so far when they ended, the last of which is `best`. See `Fold`."""
    first_time: float
    """Wall clock of the first event; 0.0 before it."""
    last_time: float
    unknown: int
    """Lines that this version does not understand."""
    stopping: Stopping
    """How its present worker was asked to end: at once, or when the present epoch is over; empty: it was not."""
    epochs_apart: int = 1
    """`epochs` holds those whose number is a multiple of this, and a few more; 1: all. See `Fold`."""

    @property
    def stopping_once_begun(self) -> Stopping:
        """`stopping` as it is once the worker that now starts has begun: without what one that was killed was asked."""
        return _once_begun(self.stopping, self.started, self.ended)

    @property
    def step(self) -> int:
        """Updates done, as far as the log says."""
        return max(
            self.steps[-1].step if self.steps else 0,
            self.epochs[-1].step if self.epochs else 0,
            self.ended.step if self.ended else 0,
        )

    @property
    def epochs_done(self) -> int:
        """The last epoch that has ended, as far as the log says; 0: none."""
        return self.epochs[-1].epoch if self.epochs else 0

    @property
    def learning_rates(self) -> tuple[tuple[int, float], ...]:
        """The base learning rates that a person gave the live run, each with the updates that were made before."""
        return tuple((made.step, float(made.value)) for made in self.controls if made.action == "set_learning_rate")

    @property
    def copies(self) -> int:
        """Augmented copies that balance_to has put among the training images; 0 as well in logs that do not tell."""
        return next((int(made.details.get("copies", 0)) for made in self.decisions if made.what == "copies"), 0)

    @property
    def elapsed(self) -> float:
        """Seconds of work since the run began, as far as the log says; pauses and stops left out."""
        return max(
            self.steps[-1].elapsed if self.steps else 0.0,
            self.epochs[-1].elapsed if self.epochs else 0.0,
            self.ended.elapsed if self.ended else 0.0,
        )


MOST_STEPS = 8_000
"""Log intervals that are enough of a run: four times what it logs inside its epochs."""

MOST_EPOCHS = 8_000
"""Epochs that are enough of a run for a screen: many times what the longest axis has columns."""

NEWEST = 100
"""The last epochs, and the last bests, which are kept whatever is left out."""


@dataclass
class Fold:
    """Takes events in the order of the log. Folding any prefix of any log is valid.

    Attributes:
        most_steps: entries of `RunState.steps` that are kept, at least 2. Of a longer log an entry stands for several
            intervals, as many as every other, with means over those that are finite; the newest stand for themselves.
            A resume leaves out an entry whose end it takes back.
        most_epochs: entries of `RunState.epochs` that are kept besides the NEWEST, at least 2; None: all of them. Of a
            longer log those are kept whose number is a multiple of `epochs_apart`, the best one, and the first with a
            loss that is not finite. Their `energy` is theirs and that of those left out before them, but for a few
            where a resume goes back further than the NEWEST. Of more than so many bests one of several is kept as well.
    """

    most_steps: int = MOST_STEPS
    most_epochs: int | None = None
    started: RunStarted | None = None
    ended: RunEnded | None = None
    epochs_planned: int = 0
    paused: bool = False
    stopping: Stopping = ""
    unknown: int = 0
    first_time: float = 0.0
    last_time: float = 0.0
    _best: EpochEnded | None = None
    _steps: Table[StepsLogged] = field(default_factory=lambda: Table(StepsLogged))
    _joined: int = 1
    """Intervals that an entry of `_steps` stands for, but some that stood alone when the run was resumed."""
    _newest: list[StepsLogged] = field(default_factory=list)
    """Those that wait for being joined."""
    _epochs: Table[EpochEnded] = field(default_factory=lambda: Table(EpochEnded))
    _apart: int = 1
    _newest_epochs: list[EpochEnded] = field(default_factory=list)
    """The last ones, once not all of them are kept."""
    _left_out: list[float | None] = field(default_factory=list)
    """Energy of those that were left out since the last of `_epochs`."""
    _bests: Table[EpochEnded] = field(default_factory=lambda: Table(EpochEnded))
    _first_bad: EpochEnded | None = None
    _checkpoints: list[CheckpointSaved] = field(default_factory=list)
    _decisions: list[DecisionMade] = field(default_factory=list)
    _controls: list[ControlApplied] = field(default_factory=list)
    _notices: list[Notice] = field(default_factory=list)
    _resumes: list[RunResumed] = field(default_factory=list)

    def apply(self, event: AnyEvent | None) -> None:
        """Take one event; None stands for a line that was not understood."""
        if event is None:
            self.unknown += 1
            return
        self.first_time = self.first_time or event.time
        self.last_time = event.time
        match event:
            case RunStarted():
                self._start(event)
            case RunResumed():
                self._resume(event)
            case StepsLogged():
                if self._last_step() >= event.step:
                    self._keep_steps_until(event.step - 1)
                self._newest.append(event)
                if len(self._newest) == self._joined:
                    self._join()
            case EpochEnded():
                # A checkpoint taken at an epoch's last step, before its validation, makes the epoch end once more.
                if self._last_epoch() >= event.epoch:
                    self._keep_epochs_until("epoch", event.epoch - 1)
                if event.best:
                    self._best = event
                    self._append_best(event)
                if self._first_bad is None and _is_bad(event):
                    self._first_bad = event
                self._append_epoch(event)
            case CheckpointSaved():
                self._checkpoints.append(event)
            case DecisionMade():
                # A run that starts again from the beginning decides again: the newest holds.
                self._decisions = [earlier for earlier in self._decisions if earlier.what != event.what] + [event]
            case ControlApplied():
                self._controls.append(event)
                if event.action in ("pause", "unpause"):
                    self.paused = event.action == "pause"
                if event.action == "stop":
                    self.stopping = "stop"
                elif event.action == "stop_after_epoch" and not self.stopping:
                    self.stopping = "stop_after_epoch"
            case Notice():
                self._notices.append(event)
            case RunEnded():
                self.ended = event
                self.stopping = ""

    def apply_all(self, events: Iterable[AnyEvent | None]) -> None:
        """Take several events."""
        for event in events:
            self.apply(event)

    def state(self) -> RunState:
        """An immutable picture of what was folded so far; constant time."""
        return RunState(
            status=self._status(),
            started=self.started,
            ended=self.ended,
            epochs_planned=self.epochs_planned,
            steps=Rows(self._steps, len(self._steps), self._newest),
            epochs=Rows(self._epochs, len(self._epochs), self._with_left_out(self._newest_epochs)),
            checkpoints=Column(self._checkpoints, len(self._checkpoints)),
            decisions=Column(self._decisions, len(self._decisions)),
            controls=Column(self._controls, len(self._controls)),
            notices=Column(self._notices, len(self._notices)),
            resumes=Column(self._resumes, len(self._resumes)),
            best=self._best,
            bests=Rows(self._bests, len(self._bests)),
            first_time=self.first_time,
            last_time=self.last_time,
            unknown=self.unknown,
            stopping=self.stopping,
            epochs_apart=self._apart,
        )

    def _status(self) -> Status:
        if self.ended is not None:
            return self.ended.status
        if self.paused:
            return "paused"
        return "training" if self.started is not None else "starting"

    def _start(self, event: RunStarted) -> None:
        # A run that died before its first checkpoint starts again from the beginning: nothing of before counts.
        self._go_on()
        self.started = event
        self.epochs_planned = event.epochs
        self._keep_until(0)

    def _resume(self, event: RunResumed) -> None:
        self._go_on()
        self.epochs_planned = event.epochs
        self._resumes.append(event)
        self._keep_until(event.step)

    def _go_on(self) -> None:
        self.stopping = _once_begun(self.stopping, self.started, self.ended)
        self.ended = None
        self.paused = False

    def _keep_until(self, step: int) -> None:
        # New lists and tables, not cut ones: pictures taken earlier still look at the old.
        self._keep_steps_until(step)
        self._keep_epochs_until("step", step)
        self._checkpoints = _until(self._checkpoints, step, lambda row: row.step)
        self._controls = _until(self._controls, step, lambda row: row.step)
        self._notices = _until(self._notices, step, lambda row: row.step)

    def _last_step(self) -> float:
        return self._newest[-1].step if self._newest else self._steps.last("step")

    def _keep_steps_until(self, step: int) -> None:
        for row in self._newest:
            self._steps.append(row)
        self._newest = []
        self._steps = self._steps.until("step", step)

    def _join(self) -> None:
        self._steps.append(_as_one(self._newest) if self._joined > 1 else self._newest[0])
        self._newest = []
        if len(self._steps) >= self.most_steps:
            rows, self._steps = Rows(self._steps, len(self._steps)), Table(StepsLogged)
            for first in range(0, len(rows), 2):
                self._steps.append(_as_one(rows[first : first + 2]))
            self._joined *= 2

    def _last_epoch(self) -> float:
        return self._newest_epochs[-1].epoch if self._newest_epochs else self._epochs.last("epoch")

    def _keep_epochs_until(self, name: Literal["epoch", "step"], last: int) -> None:
        self._epochs, self._bests = self._epochs.until(name, last), self._bests.until(name, last)
        self._newest_epochs = [row for row in self._newest_epochs if getattr(row, name) <= last]
        if self._first_bad is not None and getattr(self._first_bad, name) > last:
            self._first_bad = None
        self._best = self._bests.row(len(self._bests) - 1) if len(self._bests) else None
        if not self._newest_epochs:
            self._left_out = []
        if last <= 0:
            self._apart = 1
        if self._apart > 1 and self._best is not None:
            self._put_in(self._best)

    def _put_in(self, best: EpochEnded) -> None:
        """Have the best epoch among the others: it may have been left out when a later one was better."""
        if best.epoch in (
            *self._epochs.numbers("epoch", len(self._epochs)),
            *(row.epoch for row in self._newest_epochs),
        ):
            return
        rows, self._epochs = Rows(self._epochs, len(self._epochs)), Table(EpochEnded)
        for row in sorted([*rows, best], key=lambda row: row.epoch):
            self._epochs.append(row)

    def _append_best(self, event: EpochEnded) -> None:
        self._bests.append(event)
        if self.most_epochs is not None and len(self._bests) >= self.most_epochs + NEWEST:
            rows, self._bests = Rows(self._bests, len(self._bests)), Table(EpochEnded)
            older = len(rows) - NEWEST
            for place in (*range(0, older, 2), *range(older, len(rows))):
                self._bests.append(rows[place])

    def _append_epoch(self, event: EpochEnded) -> None:
        if self._apart == 1:
            self._epochs.append(event)
        else:
            self._newest_epochs.append(event)
            if len(self._newest_epochs) > NEWEST:
                self._keep_or_leave_out(self._newest_epochs[0])
                self._newest_epochs = self._newest_epochs[1:]
        if self.most_epochs is not None and len(self._epochs) >= self.most_epochs + NEWEST * (self._apart == 1):
            rows = Rows(self._epochs, len(self._epochs), self._newest_epochs)
            older = len(rows) - NEWEST if self._apart == 1 else len(self._epochs)
            self._epochs, self._newest_epochs, left_out = Table(EpochEnded), rows[older:], self._left_out
            self._apart, self._left_out = 2 * self._apart, []
            for place in range(older):
                self._keep_or_leave_out(rows[place])
            self._left_out += left_out

    def _keep_or_leave_out(self, row: EpochEnded) -> None:
        marked = [one.epoch for one in (self._best, self._first_bad) if one is not None]
        if row.epoch % self._apart and row.epoch not in marked:
            self._left_out.append(row.energy)
            return
        self._epochs.append(self._with_left_out([row])[0])
        self._left_out = []

    def _with_left_out(self, rows: list[EpochEnded]) -> list[EpochEnded]:
        """Rows, the first one with the energy of those that were left out before it as well."""
        if not (rows and self._left_out):
            return rows
        told = [energy for energy in (*self._left_out, rows[0].energy) if energy is not None]
        energy = sum(told) if len(told) > len(self._left_out) else None
        return [structs.replace(rows[0], energy=energy), *rows[1:]]


def _once_begun(stopping: Stopping, started: RunStarted | None, ended: RunEnded | None) -> Stopping:
    """How a worker that begins or goes on was asked to end."""
    # What is left was asked of a worker that was killed: one that stops at once begins nothing.
    return "" if stopping == "stop" or (started is not None and ended is None) else stopping


def _as_one(rows: Sequence[StepsLogged]) -> StepsLogged:
    """One row for several that stand for equally many intervals: it ends where the last does."""

    def mean(values: Sequence[Figure]) -> Figure:
        finite = [value for value in values if not isinstance(value, str)]
        return figure(sum(finite) / len(finite)) if finite else values[0]

    return structs.replace(
        rows[-1],
        loss=mean([row.loss for row in rows]),
        accuracy=mean([row.accuracy for row in rows]),
        waiting=sum([row.waiting for row in rows]) / len(rows),
        images_per_second=sum([row.images_per_second for row in rows]) / len(rows),
    )


def _is_bad(row: EpochEnded) -> bool:
    """Whether a loss is there and not finite."""
    return isinstance(row.train_loss, str) or isinstance(row.val_loss, str)


def _until(rows: list[T], last: int, count_of: Callable[[T], int]) -> list[T]:
    return [row for row in rows if count_of(row) <= last]


def fold(events: Iterable[AnyEvent | None], *, most_epochs: int | None = None) -> RunState:
    """Fold a whole log at once; `most_epochs` as `Fold` has it."""
    folding = Fold(most_epochs=most_epochs)
    folding.apply_all(events)
    return folding.state()
