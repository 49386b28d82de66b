"""A figure that is drawn beside the event loop: seldom while it changes fast, and not while it is hidden."""

import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence

from rich.text import Text
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from vislab.tui.allocator import give_back
from vislab.tui.widgets.lines import Lines

EVERY = 3.0
"""Seconds between two drawings of what changes fast, unless a person asks for one: title and table tell the newest."""

SHARE = 0.0025
"""Of a core that drawing may take, twice as much of what changes slowly: curves of many points are drawn less often."""

Title = Callable[[int], str]
"""Width in cells to a line with ANSI colours; cheap."""

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
        self._title: Title | None = None
        self._picture: list[Text] = []
        self._drawn: object = None
        self._tried: object = None  # what is drawn now, or was last, with success or without
        self._drawing = False
        self._awaited = False  # a drawing was asked for at once while another was made
        self._soon = False
        self._begun = -math.inf  # when it was last drawn
        self._cost = 0.0  # seconds that a core was busy with it
        self._timer: Timer | None = None

    def draw(
        self, key: Hashable, draw: Draw, *, title: Title | None = None, at_once: bool = False, soon: bool = False
    ) -> None:
        """Show another figure. One that is asked for twice stands still: it waits for nothing any more.

        Args:
            key: what the figure depends on; nothing is drawn while it stays equal.
            draw: called with the room below the title.
            title: a line above the drawing that is shown at once, whenever the drawing follows.
            at_once: a person waits for it, or it is the last one.
            soon: it changes slowly, so that the drawing need not wait for more.
        """
        still = key == self._key
        self._key, self._draw, self._title, self._soon = key, draw, title, soon
        if not still and self._seen():
            self._show()
        self._consider(at_once or still)

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
        pace = self._cost / SHARE
        left = self._begun + (pace / 2 if self._soon else max(EVERY, pace)) - time.monotonic()
        if self._timer is not None:
            self._timer.stop()
        if left > 0 and not at_once:
            self._timer = self.set_timer(left, self._consider)
            return
        self._drawing, self._tried = True, what
        self._begun = time.monotonic()
        self.run_worker(self._work(what, self._draw, self.size), thread=True, exit_on_error=False, group="draw")

    def _show(self) -> None:
        """The title, as soon as there is something below it."""
        title = [_line(self._title(self.size.width))] if self._title is not None and self._picture else []
        self.show([*title, *self._picture])

    def _seen(self) -> bool:
        return bool(self.size.width and self.size.height) and self.display and self.screen.is_current

    def _work(self, what: object, draw: Draw, size: Size) -> Callable[[], None]:
        height = size.height - (self._title is not None)

        def work() -> None:
            begun = time.thread_time()
            with _one_at_a_time:
                lines = draw(size.width, height)
            give_back()  # copies of the points: of long runs a megabyte and more
            self.post_message(self.Drawn(what, [_line(line) for line in lines], size, time.thread_time() - begun))

        return work

    def on_curve_plot_drawn(self, message: Drawn) -> None:
        """Show it, and look whether something newer is wanted."""
        message.stop()
        if self._drawn is not None:  # the first one has imported what draws, which no other does
            self._cost = message.seconds
        awaited, self._awaited = self._awaited, False
        self._drawing, self._drawn, self._picture = False, message.what, message.lines
        self._show()
        self._consider(at_once=awaited or message.size != self.size)

    def on_worker_state_changed(self, message: Worker.StateChanged) -> None:
        """A figure that cannot be drawn leaves a sentence; it does not end the console."""
        if message.state == WorkerState.ERROR:
            awaited, self._awaited = self._awaited, False
            self._drawing, self._drawn = False, self._tried
            self._picture = [Text(f"cannot be drawn: {type(message.worker.error).__name__}", "dim")]
            self._show()
            self._consider(at_once=awaited)


def _line(ansi: str) -> Text:
    return Text.from_ansi(ansi, no_wrap=True, end="")
