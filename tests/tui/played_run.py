"""A run that is played, not trained: its lock, its log, and the events that a training would append.

For the scripts beside it, `fake_worker.py` and `live_worker.py`, which decide what happens when.
"""

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from vislab.engine.runs import control, progress
from vislab.engine.runs.events import (
    AnyEvent,
    CheckpointSaved,
    ControlApplied,
    DecisionMade,
    EndStatus,
    EpochEnded,
    Phase,
    RunEnded,
    RunStarted,
    StepsLogged,
    TestFigures,
)
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run


class PlayedRun:
    """The run of the directory that the command line names, with its lock taken.

    Args:
        steps: of an epoch.
        from_now: requests that were there before are not obeyed.
    """

    def __init__(self, steps: int, *, from_now: bool = False) -> None:
        self.run = Run(Path(sys.argv[1]))
        self._lock = RunLock(self.run.lock)
        assert self._lock.acquire()
        self._log = EventWriter(self.run.events)
        asked = self.run.control
        self.requests = control.ControlReader(asked, asked.stat().st_size if from_now and asked.exists() else 0)
        self.steps = steps
        self.step = self.epoch = 0

    @property
    def elapsed(self) -> float:
        """Seconds that so many steps are said to have taken."""
        return self.step / 10

    def say(self, event: AnyEvent) -> None:
        """Append an event of now."""
        self._log.append(msgspec.structs.replace(event, time=time.time()))

    def begin(self, epochs: int, **device: str) -> None:
        """Say what was decided and what is trained."""
        self.say(DecisionMade(what="device", choice="cpu", why="there is no GPU", details=dict(device)))
        started = RunStarted(
            environment={"torch": "0"},
            classes=("cat", "[red]dog\x1b[31m"),
            counts={"train": (40, 40), "validation": (10, 10)},
            split="80/20",
            selected_on_test=False,
            parameters=1000,
            trained_parameters=1000,
            head=("head",),
            batch_size=20,
            steps_per_epoch=self.steps,
            epochs=epochs,
            log_every=1,
            evaluated_weights="raw",
        )
        self.say(started)

    def log_step(self, loss: float, accuracy: float, *, waiting: float = 0.0) -> None:
        """Say what an update gave; `step` counts it already."""
        logged = StepsLogged(
            step=self.step,
            epoch=self.epoch,
            loss=loss,
            accuracy=accuracy,
            learning_rate=1e-3,
            gradient_norm=1.0,
            images_per_second=1234.0,
            waiting=waiting,
            elapsed=self.elapsed,
        )
        self.say(logged)

    def beat(self, phase: Phase, done: int) -> None:
        """Replace progress.json."""
        position = progress.Progress(
            time=time.time(),
            pid=os.getpid(),
            host="here",
            phase=phase,
            epoch=self.epoch,
            step=self.step,
            done=done,
            total=self.steps,
            images_per_second=1234.0,
            elapsed=self.elapsed,
        )
        progress.write(self.run.progress_file, position)

    def obeyed(self, request: control.Request) -> None:
        """Say that a request was obeyed."""
        self.say(ControlApplied(request=request.id, action=request.action, value=request.value, step=self.step))

    def saved(self) -> None:
        """Say that a checkpoint was published."""
        path = f"checkpoints/{self.step}"
        self.say(CheckpointSaved(kind="full", path=path, step=self.step, epoch=self.epoch, bytes=1, seconds=0.1))

    def end_epoch(self, *, train: tuple[float, float], val: tuple[float, float], macro_f1: float, best: bool) -> None:
        """Say what an epoch gave: losses and accuracies."""
        ended = EpochEnded(
            epoch=self.epoch,
            step=self.step,
            train_loss=train[0],
            train_accuracy=train[1],
            train_top5=1.0,
            val_loss=val[0],
            val_accuracy=val[1],
            val_top5=1.0,
            val_macro_f1=macro_f1,
            learning_rate=1e-3,
            best=best,
            seconds=0.5,
            val_seconds=0.1,
            train_images_per_second=1234.0,
            elapsed=self.elapsed,
        )
        self.say(ended)

    def end(self, status: EndStatus, reason: str, code: int, test: TestFigures | None = None) -> NoReturn:
        """Say how it ended, and end."""
        self.say(
            RunEnded(
                status=status,
                reason=reason,
                step=self.step,
                epoch=self.epoch,
                elapsed=self.elapsed,
                exit_code=code,
                test=test,
            )
        )
        sys.exit(code)
