"""A figure that is drawn beside the event loop: at most every 3 seconds, and not while it is hidden."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence

from rich.text import Text
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from vislab.tui.widgets.lines import Lines

EVERY = 3.0
"""Seconds between two drawings, unless a person asks for one: bars and table tell of what happens in between."""

SHARE = 0.0025
"""Of a core that drawing may take, at most: curves of many thousand points are drawn less often."""

Draw = Callable[[int, int], Sequence[str]]
"""Width and height in cells to lines with ANSI colours; called in a thread."""

_one_at_a_time = threading.Lock()  # plotext has one global figure


class CurvePlot(Lines):
    """Shows what a function draws for its size."""

    DEFAULT_CSS = """
    CurvePlot { height: 1fr; scrollbar-size: 0 0; overflow: hidden; }
    """

    class Drawn(Message):
        """A drawing is ready."""

        def __init__(self, what: object, lines: list[Text], size: Size, seconds: float) -> None:
            super().__init__()
            self.what = what
            self.lines = lines
            self.size = size
            self.seconds = seconds  # that a core was busy with it

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._key: Hashable = None
        self._draw: Draw | None = None
        self._drawn: object = None
        self._drawing = False
        self._awaited = False  # a drawing was asked for at once while another was made
        self._next = 0.0  # when it may be drawn again unasked
        self._timer: Timer | None = None

    def draw(self, key: Hashable, draw: Draw, *, at_once: bool = False) -> None:
        """Show another figure.

        Args:
            key: what the figure depends on; nothing is drawn while it stays equal.
            at_once: a person waits for it, or it is the last one.
        """
        self._key, self._draw = key, draw
        self._consider(at_once)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._consider(True)

    def on_show(self) -> None:
        """Draw what has changed while this was hidden."""
        self._consider(True)

    def _consider(self, at_once: bool = False) -> None:
        what = (self._key, self.size)
        self._awaited |= at_once and self._drawing
        if self._draw is None or self._drawing or not self._seen() or what == self._drawn:
            return
        left = self._next - time.monotonic()
        if left > 0 and not at_once:
            if self._timer is None:
                self._timer = self.set_timer(left, self._at_its_time)
            return
        self._drawing = True
        self._next = time.monotonic() + EVERY
        self.run_worker(self._work(what, self._draw, self.size), thread=True, exit_on_error=False, group="draw")

    def _at_its_time(self) -> None:
        self._timer = None
        self._consider()

    def _seen(self) -> bool:
        return bool(self.size.width and self.size.height) and self.display and self.screen.is_current

    def _work(self, what: object, draw: Draw, size: Size) -> Callable[[], None]:
        def work() -> None:
            begun = time.thread_time()
            with _one_at_a_time:
                lines = draw(size.width, size.height)
            shown = [Text.from_ansi(line, no_wrap=True, end="") for line in lines]
            self.post_message(self.Drawn(what, shown, size, time.thread_time() - begun))

        return work

    def on_curve_plot_drawn(self, message: Drawn) -> None:
        """Show it, and look whether something newer is wanted."""
        message.stop()
        if self._drawn is not None:  # the first one has imported what draws, which no other does
            self._next = max(self._next, time.monotonic() + message.seconds / SHARE)
        awaited, self._awaited = self._awaited, False
        self._drawing, self._drawn = False, message.what
        self.show(message.lines)
        self._consider(at_once=awaited or message.size != self.size)

    def on_worker_state_changed(self, message: Worker.StateChanged) -> None:
        """A figure that cannot be drawn leaves a sentence; it does not end the console."""
        if message.state == WorkerState.ERROR:
            self._drawing, self._drawn = False, (self._key, self.size)
            self.show([Text(f"cannot be drawn: {type(message.worker.error).__name__}", "dim")])
