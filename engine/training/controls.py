"""What interrupts training from outside: signals and requests. Looked at between steps, and between batches of
evaluation, decoding and every other long work."""

import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from vislab.engine.runs.control import ControlReader, Request
from vislab.engine.training.endings import STOPPED, TERMINATED, Interrupted


class Controls:
    """Collects what was asked; a context that owns the signal handlers while a worker runs.

    Attributes:
        stop_after_epoch: end when the present epoch is over.
        checkpoint_wanted: save a full checkpoint before the next update, and tell `answer_checkpoint` of it.
        save_while_paused: saves one, with a new learning rate, where the run rests; None where nothing can be saved.
        while_paused: called again and again while the run rests.
        learning_rate: the base rate that was asked for, until somebody takes it; None: none was.

    Args:
        applied: told of every request when it is obeyed; of one for a checkpoint when that is saved.
        refused: told of a request that cannot be obeyed, and why.
        on_pause: called with True again and again while paused, for the heartbeat, and with False at the end.
    """

    def __init__(
        self,
        reader: ControlReader,
        applied: Callable[[Request], None],
        *,
        refused: Callable[[Request, str], None] = lambda request, why: None,
        on_pause: Callable[[bool], None] = lambda paused: None,
    ) -> None:
        self._reader = reader
        self._applied = applied
        self._refused = refused
        self._on_pause = on_pause
        self._signal = 0
        self._previous: dict[int, object] = {}
        self._stop: Request | None = None
        self._paused = False
        self.stop_after_epoch = False
        self.checkpoint_wanted = False
        self._checkpoint_requests: list[Request] = []
        self.save_while_paused: Callable[[], object] | None = None
        self.while_paused: Callable[[], object] = lambda: None
        self.learning_rate: float | None = None
        self.paused_seconds = 0.0

    def __enter__(self) -> Self:
        # Only the main thread may set handlers; a worker called from another thread is not signalled.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def check(self) -> None:
        """Look at signals and requests; waits while the run is paused.

        Raises:
            Interrupted: the run is to end.
        """
        self._look()
        if self._paused:
            self._wait_out_pause()
        if self._signal:
            name = signal.Signals(self._signal).name
            raise Interrupted(f"{name} received", STOPPED if self._signal == signal.SIGINT else TERMINATED)
        if self._stop is not None:
            raise Interrupted("stopped on request", STOPPED)

    def rest(self, seconds: float) -> None:
        """Let time pass that is to be left out of durations, as a pause is, and look at signals and requests.

        Raises:
            Interrupted: the run is to end.
        """
        began, paused = time.monotonic(), self.paused_seconds
        try:
            while time.monotonic() - began < seconds:
                self.check()
                time.sleep(0.05)
        finally:
            self.paused_seconds = paused + time.monotonic() - began

    def take_paused_seconds(self) -> float:
        """Seconds paused since the last call, to be left out of durations."""
        seconds, self.paused_seconds = self.paused_seconds, 0.0
        return seconds

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def _look(self) -> None:
        for request in self._reader.poll():
            match request.action:
                case "stop":
                    self._stop = request
                case "stop_after_epoch":
                    self.stop_after_epoch = True
                case "pause":
                    self._paused = True
                case "unpause":
                    self._paused = False
                case "checkpoint":
                    self.checkpoint_wanted = True
                    self._checkpoint_requests.append(request)
                    continue
                case "set_learning_rate":
                    rate = _number(request.value)
                    if not 0 < rate < math.inf:
                        self._refused(request, f"the learning rate must be a number above 0, not {request.value!r}")
                        continue
                    self.learning_rate = rate
            self._applied(request)

    def answer_checkpoint(self, trouble: str = "") -> None:
        """Tell those who asked for a checkpoint that it is saved, or why it cannot be."""
        while self._checkpoint_requests:
            request = self._checkpoint_requests.pop(0)
            if trouble:
                self._refused(request, trouble)
            else:
                self._applied(request)

    def _wait_out_pause(self) -> None:
        began = time.monotonic()
        while self._paused and not self._signal and self._stop is None:
            if self.save_while_paused is not None and (self.checkpoint_wanted or self.learning_rate is not None):
                self.save_while_paused()
            elif self.save_while_paused is None and self._checkpoint_requests:
                self.checkpoint_wanted = False
                self.answer_checkpoint("it rests where nothing can be saved; ask again when it goes on")
            self._on_pause(True)
            self.while_paused()
            time.sleep(0.1)
            self._look()
        self._on_pause(False)
        self.paused_seconds += time.monotonic() - began


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
