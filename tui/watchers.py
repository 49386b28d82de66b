"""How a followed run is shown on stderr: not at all, as plain lines, or with live bars on a terminal."""

import sys
from typing import TYPE_CHECKING

from vislab.engine.runs.events import (
    AnyEvent,
    ControlApplied,
    DecisionMade,
    EpochEnded,
    Notice,
    RunResumed,
    RunStarted,
)
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run
from vislab.tui.following import since_sign
from vislab.tui.views import epochs, run, text
from vislab.tui.views import progress as views
from vislab.tui.views.live import AT_REST

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

HISTORY = 20
"""Epochs of before that are shown to one who attaches."""

STYLES = {"info": "yellow", "warning": "bold yellow", "error": "bold red"}
"""Colour of a notice, by its level; its word says the same without colour."""


class SilentWatcher:
    """Says only what the person asked for by a key."""

    def history(self, state: RunState) -> None:
        """Nothing is shown."""

    def event(self, event: AnyEvent, state: RunState) -> None:
        """Nothing is shown."""

    def position(self, progress: Progress | None, state: RunState) -> None:
        """Nothing is shown."""

    def say(self, text: str) -> None:
        """Print a line from the follower itself."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to clean up."""


class PlainWatcher:
    """One line an epoch, and one for each thing worth a line; for pipes, files and dumb terminals."""

    def __init__(self, followed: Run) -> None:
        self.say(f"run {followed.id}")

    def history(self, state: RunState) -> None:
        """Print what the run is, and its last epochs."""
        for line in [*before(state), *(epochs.plain_line(state, row) for row in state.epochs[-HISTORY:])]:
            self.say(line)

    def event(self, event: AnyEvent, state: RunState) -> None:
        """Print what the event is worth."""
        if isinstance(event, EpochEnded):
            self.say(epochs.plain_line(state, event))
        else:
            for line in sentences(event, state):
                self.say(line)

    def position(self, progress: Progress | None, state: RunState) -> None:
        """Nothing is shown between lines."""

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to clean up."""


class LiveWatcher:
    """Bars for the run and for what it does now; above them a table of epochs that grows as ordinary lines."""

    def __init__(self, followed: Run) -> None:
        from rich.console import Console

        self._max_steps = followed.spec().strategy.max_steps
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bars = _bars(self._console)
        self._whole = self._bars.add_task("run", total=1, figures="")
        self._part = self._bars.add_task("starting", total=1, figures="")
        self._columns: tuple[epochs.EpochColumn, ...] = ()
        self._shown: tuple[object, ...] = ()
        self._console.print(f"run {followed.id}")
        self._bars.start()

    def history(self, state: RunState) -> None:
        """Print what the run is, and its last epochs, above the bars."""
        from rich.text import Text

        for line in before(state):
            self._console.print(Text(line, style="dim"))
        for row in state.epochs[-HISTORY:]:
            self._row(row, state)

    def event(self, event: AnyEvent, state: RunState) -> None:
        """Print what the event is worth above the bars."""
        from rich.text import Text

        if isinstance(event, EpochEnded):
            self._row(event, state)
        else:
            style = STYLES[event.level] if isinstance(event, Notice) else "dim"
            for line in sentences(event, state):
                self._console.print(Text(line, style=style))

    def _row(self, event: EpochEnded, state: RunState) -> None:
        from rich.text import Text

        columns = epochs.columns(state, self._console.width)
        if columns != self._columns:  # the first row, or the terminal's width has changed
            self._columns = columns
            self._console.print(Text(epochs.header(columns), style="bold"), overflow="crop", no_wrap=True)
        row = Text(epochs.line(columns, event, best=event.best), style="bold" if event.best else "")
        self._console.print(row, overflow="crop", no_wrap=True)

    def position(self, progress: Progress | None, state: RunState) -> None:
        """Move the bars, where something has changed."""
        if progress is None:
            return
        steps = views.planned_steps(state, self._max_steps)
        whole = (progress.step, steps, overall(progress, state, self._max_steps))
        part = (activity(progress, state), progress.done, progress.total, momentary(progress, state))
        if (whole, part, self._console.width) == self._shown:
            return
        self._shown = (whole, part, self._console.width)
        self._bars.update(self._whole, completed=whole[0], total=whole[1] or 1, figures=whole[2])
        self._bars.update(self._part, description=part[0], completed=part[1], total=part[2] or 1, figures=part[3])
        self._bars.refresh()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        from rich.text import Text

        self._console.print(Text(text, style="bold"))

    def close(self) -> None:
        """Take the bars away and give the cursor back."""
        self._bars.stop()


def before(state: RunState) -> list[str]:
    """What one who attaches is told of a run, above its last epochs; safe to display."""
    lines = [*run.data_lines(state), *run.model_lines(state)]
    lines += [text.plain(f"{level}: {said}", limit=2000) for level, said in run.notice_rows(state)[-HISTORY:]]
    if (left_out := len(state.epochs) - HISTORY) > 0:
        lines.append(f"{text.counted(left_out, 'earlier epoch')} not shown here: vislab show")
    return lines


def sentences(event: AnyEvent, state: RunState) -> list[str]:
    """What an event is worth in lines, safe to display; nothing for those that bars and tables show."""
    match event:
        case RunStarted():
            return [*run.data_lines(state), *run.model_lines(state)]
        case RunResumed():
            return [text.plain(f"resumed after step {event.step} from {event.checkpoint}")]
        case DecisionMade():
            why = f" ({text.plain(event.why)})" if event.why else ""
            return [f"{text.plain(event.what)}: {text.plain(event.choice, limit=40)}{why}"]  # a checksum is long
        case Notice():
            word = "notice" if event.level == "info" else event.level
            return [text.message(f"{word}: {event.text}", limit=2000)]
        case ControlApplied():
            return [text.plain(f"{event.action.replace('_', ' ')} {event.value}".strip() + f" at step {event.step}")]
    return []


def silence(progress: Progress, state: RunState) -> str:
    """That the worker gives no sign of life; empty where it does, cannot for want of room, or nobody can tell."""
    seconds = None if progress.phase == "full disk" else since_sign(progress, state)
    return views.silence(progress, seconds) if seconds is not None else ""


def overall(progress: Progress, state: RunState, max_steps: int) -> str:
    """Share of the run that is done and, unless it rests or is silent, the time that is left."""
    left = views.time_left(state, progress, max_steps)
    if left is None:
        return ""
    share = text.percent(views.run_share(state, progress, max_steps))
    resting = progress.phase in AT_REST or silence(progress, state)
    return share if resting else f"{share}  {text.clock(left)} left"


def activity(progress: Progress, state: RunState) -> str:
    """What the worker does now, in a few words."""
    if progress.phase == "training":
        return f"epoch {progress.epoch}/{max(state.epochs_planned, progress.epoch)}"
    return progress.phase


def momentary(progress: Progress, state: RunState) -> str:
    """Count, speed unless it rests, how long it prepares, in training the last logged loss; or that it is silent."""
    parts = [f"{text.count(progress.done)}/{text.count(progress.total)}"] if progress.total else []
    if silent := silence(progress, state):
        return "  ".join([*parts, silent])
    if progress.images_per_second > 0 and progress.phase not in AT_REST:
        parts.append(f"{text.rate(progress.images_per_second)} img/s")
    elif preparing := views.preparing(state, progress, since_sign(progress, state) or 0.0):
        parts.append(preparing)
    if progress.phase == "training" and state.steps:
        parts.append(f"loss {text.loss(state.steps[-1].loss)}")
    return "  ".join(parts)


def _bars(console: "Console") -> "Bars":
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description:<12}", markup=False),  # the longest phase: bars keep their place
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}", markup=False),
        console=console,
        auto_refresh=False,  # drawn only when something has changed
        transient=True,
        expand=True,
    )
