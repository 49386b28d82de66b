"""How a worker speaks: events into the log, its position into progress.json."""

import os
import socket
import time
from typing import Literal

import msgspec

from vislab.engine.runs.events import AnyEvent, DecisionMade, Notice, Phase
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.progress import Progress, write
from vislab.engine.runs.store import Run

_HEARTBEAT = 0.5


class Reporter:
    """The one voice of a worker.

    Attributes:
        step: updates done, put into notices.
    """

    def __init__(self, run: Run, writer: EventWriter) -> None:
        self._path = run.progress_file
        self._writer = writer
        self._position = Progress(time=0.0, pid=os.getpid(), host=socket.gethostname(), phase="starting")
        self._written = 0.0
        self._paused = False
        self.step = 0

    def say(self, event: AnyEvent) -> None:
        """Append an event, stamped with the present time."""
        self._writer.append(msgspec.structs.replace(event, time=time.time()))

    def decide(self, what: str, choice: str, why: str, **details: str | int | float | bool) -> None:
        """Record something chosen at run time."""
        self.say(DecisionMade(what=what, choice=choice, why=why, details=details))

    def notice(self, level: Literal["info", "warning", "error"], topic: str, text: str) -> None:
        """Record something that a person should know."""
        self.say(Notice(level=level, topic=topic, text=text, step=self.step))

    def sync(self) -> None:
        """Wait until everything said is on the disk."""
        self._writer.sync()

    def progress(
        self,
        phase: Phase,
        *,
        epoch: int = 0,
        done: int = 0,
        total: int = 0,
        images_per_second: float = 0.0,
        elapsed: float = 0.0,
        force: bool = False,
    ) -> None:
        """Say where the worker is; written at most twice a second unless forced."""
        self._position = msgspec.structs.replace(
            self._position,
            phase=phase,
            epoch=epoch,
            step=self.step,
            done=done,
            total=total,
            images_per_second=images_per_second,
            elapsed=elapsed,
        )
        self._write(self._position, force=force)

    def pause(self, paused: bool) -> None:
        """Say that the worker rests where it is, or goes on. Called again and again, it keeps the heartbeat going."""
        resting = msgspec.structs.replace(self._position, phase="paused")
        self._write(resting if paused else self._position, force=paused != self._paused)
        self._paused = paused

    def _write(self, position: Progress, *, force: bool) -> None:
        now = time.monotonic()
        if force or now - self._written >= _HEARTBEAT:
            self._written = now
            write(self._path, msgspec.structs.replace(position, time=time.time()))
