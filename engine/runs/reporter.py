"""How a worker speaks: events into the log, its position into progress.json; and how it waits for a full disk."""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Final, Literal, TypeVar

import msgspec

from vislab.engine.runs.events import AnyEvent, DecisionMade, Notice, Phase, RunResumed, RunStarted
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.progress import Progress, write
from vislab.engine.runs.reserve import Reserve, has_no_room
from vislab.engine.runs.store import Run

_HEARTBEAT = 0.5
_NO_ROOM: Final = "full disk"

T = TypeVar("T")


class Reporter:
    """The one voice of a worker.

    Attributes:
        step: updates done, put into notices.
        rest: called between two attempts to write on a full disk; may raise to end the wait.
    """

    def __init__(self, run: Run, writer: EventWriter) -> None:
        self._run = run
        self._path = run.progress_file
        self._writer = writer
        host = socket.gethostname()
        self._position = Progress(time=0.0, pid=os.getpid(), host=host, phase="starting", began=time.time())
        self._written = 0.0
        self._paused = False
        self._reserve = Reserve(run.path / "reserve")
        self._unsaid: list[AnyEvent] = []
        self._waiting = False
        self.step = 0
        self.rest: Callable[[], None] = lambda: time.sleep(1.0)
        self._patient = True
        with contextlib.suppress(OSError):  # then the first write that matters says so
            self._reserve.make()

    def say(self, event: AnyEvent) -> None:
        """Append an event, stamped with the present time.

        On a full disk it waits as `persist` does.
        """
        if isinstance(event, RunStarted | RunResumed):
            self._position = msgspec.structs.replace(self._position, epochs=event.epochs)
        self._unsaid.append(msgspec.structs.replace(event, time=time.time()))
        if self._waiting:
            self._say_if_there_is_room()
        else:
            self.persist(self._say_unsaid)

    def persist(self, write: Callable[[], T]) -> T:
        """Call `write`; while the disk is full, over quota or read-only, say so and try again until there is room.

        The notice is written into the room of the reserve, which is taken again before the run goes on.

        Raises:
            OSError: of another kind.
            Exception: what `rest` raises, to end the wait.
        """
        try:
            return write()
        except OSError as error:
            if not has_no_room(error) or not self._patient:
                raise
            said = f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror)
        self._waiting = True
        began = time.monotonic()
        self._reserve.give_up()
        self._write(self._position, force=True)
        self.notice(
            "error",
            _NO_ROOM,
            f"Nothing can be written: {said}. The run waits until there is room, and then goes on by itself; what it "
            f"has saved so far is whole.",
        )
        try:
            result = self._try_again(write)
        finally:
            self._waiting = False
            self._write(self._position, force=True)
        self.notice("info", _NO_ROOM, f"There is room again after {time.monotonic() - began:.0f} s; the run goes on.")
        return result

    def _try_again(self, write: Callable[[], T]) -> T:
        while True:
            self._write(self._position, force=True)
            self.rest()
            try:
                self._reserve.make()
                self._say_unsaid()
                return write()
            except OSError as error:
                if not has_no_room(error):
                    raise
                self._reserve.give_up()
                self._say_if_there_is_room()

    def _say_unsaid(self) -> None:
        while self._unsaid:
            self._writer.append(self._unsaid[0])
            del self._unsaid[0]

    def _say_if_there_is_room(self) -> None:
        with contextlib.suppress(OSError):
            self._say_unsaid()

    def close(self) -> None:
        """Give the reserve's room back, for the last words; from now on a full disk is not waited for."""
        self._patient = False
        self._reserve.give_up()

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
        epoch: int | None = None,
        done: int = 0,
        total: int = 0,
        images_per_second: float = 0.0,
        elapsed: float = 0.0,
        force: bool = False,
    ) -> None:
        """Say where the worker is; written at most twice a second unless forced.

        Args:
            epoch: the present one, counted from 1; the last that was said where it is left out.

        Raises:
            InputError: the run's directory is gone.
        """
        self._position = msgspec.structs.replace(
            self._position,
            phase=phase,
            epoch=self._position.epoch if epoch is None else epoch,
            step=self.step,
            done=done,
            total=total,
            images_per_second=images_per_second,
            elapsed=elapsed,
            began=self._position.began if phase == self._position.phase else time.time(),
        )
        self._write(self._position, force=force)

    def pause(self, paused: bool) -> None:
        """Say that the worker rests where it is, or goes on. Called again and again, it keeps the heartbeat going."""
        changed, self._paused = paused != self._paused, paused
        self._write(self._position, force=changed)

    def _write(self, position: Progress, *, force: bool) -> None:
        now = time.monotonic()
        if force or now - self._written >= _HEARTBEAT:
            self._written = now
            if self._paused or self._waiting:
                position = msgspec.structs.replace(position, phase="paused" if self._paused else _NO_ROOM)
            try:
                write(self._path, msgspec.structs.replace(position, time=time.time()))
            except OSError:  # it is not history, and no reason to stop
                if self._patient:
                    self._run.check_is_there()
