"""Every way out of the console leaves the terminal as it was: signals, a terminal that no longer reads, a hang."""

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

GRACE = 2.0
"""Seconds that an orderly end may take. A terminal that reads nothing would hold it up for ever."""

PATIENCE = 5.0
"""Seconds more that a terminal has to read how it is restored."""

RESTORE = (
    "\x18\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Breaks off a sequence; marks of pasted text, reports of size, mouse, focus off; line wrap, cursor on; main screen."""


class Leaving:
    """Around the whole life of the console.

    SIGTERM, SIGHUP, SIGQUIT and SIGUSR1, by which Slurm warns of its limit, ask for an orderly end; when that takes
    longer than GRACE, the terminal is restored from here and the process ends. SIGINT does what Ctrl+C does, and asks
    for an end where nothing answers the first.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        """Exit code that a signal has asked for."""
        self.ask: Callable[[int], None] = lambda code: None
        """Asks for an orderly end with an exit code; may be called in the middle of anything."""
        self.interrupt: Callable[[], object] | None = None
        """Does what Ctrl+C does; may be called in the middle of anything. None while there is nobody to ask."""
        self._unanswered = False
        self._keyboard, self._display = 0, 2
        self._attributes: list[Any] = []
        self._before: dict[signal.Signals, Any] = {}
        self._watchdog: threading.Timer | None = None

    def __enter__(self) -> Self:
        # Kept, because Textual puts something else in the place of sys.stderr.
        self._keyboard, self._display = sys.stdin.fileno(), sys.stderr.fileno()
        self._attributes = termios.tcgetattr(self._keyboard)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
            self._before[number] = signal.signal(number, self._signalled)
        self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._restore()
        if self._watchdog is not None:
            self._watchdog.cancel()
            del self._before[signal.SIGINT]  # the end has begun, and is not disturbed any more
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, code: int) -> None:
        """The end has begun: see to it that it comes. A second Ctrl+C does not disturb it."""
        if self._watchdog is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._watchdog = threading.Timer(GRACE, self._end, [code])
            self._watchdog.daemon = True
            self._watchdog.start()

    def answered(self) -> None:
        """What `interrupt` has asked for is done."""
        self._unanswered = False

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.interrupt is None or self._unanswered:
            self._signalled(number, frame)
        else:
            self._unanswered = True
            self.interrupt()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.code = 128 + number
        self.watch(self.code)
        self.ask(self.code)

    def _end(self, code: int) -> None:
        self._restore(alone=True)
        os._exit(code)

    def _restore(self, *, alone: bool = False) -> None:
        """Restore the terminal from here.

        Args:
            alone: what the console itself still writes or sets, in the middle of its start for example, reaches nobody.
        """
        # In a thread, because writing to a terminal that reads nothing does not return.
        writer = threading.Thread(target=self._write, args=[alone], daemon=True)
        writer.start()
        writer.join(PATIENCE)

    def _write(self, alone: bool) -> None:
        try:
            keyboard, display = os.dup(self._keyboard), os.dup(self._display)
            if alone:
                nowhere = os.open(os.devnull, os.O_RDWR)
                for descriptor in (self._keyboard, self._display):
                    os.dup2(nowhere, descriptor)
            termios.tcflush(display, termios.TCOFLUSH)  # what was not read yet would stand in the way
            termios.tcsetattr(keyboard, termios.TCSANOW, self._attributes)
            os.write(display, RESTORE.encode())
        except (OSError, termios.error):
            return  # the terminal is gone, and nothing is left to restore
