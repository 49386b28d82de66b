"""Follow a run without the console: start its worker, report what it says, pass on signals, end with an exit code."""

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from vislab.engine.analysis.findings import findings
from vislab.engine.runs import control
from vislab.engine.runs.events import AnyEvent, RunEnded
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.start import start
from vislab.engine.runs.state import Fold, RunState
from vislab.engine.runs.store import Run, RunStatus, report
from vislab.presets.errors import InputError
from vislab.presets.settings import Settings
from vislab.tui import html_file
from vislab.tui.views.run import result_lines
from vislab.tui.views.text import moment, plain
from vislab.tui.worker_log import last_lines

EVERY = 0.2
"""Seconds between two looks at the run."""

LAST_LINES = 8
"""Lines of worker.log that are shown when the worker has died."""

FAILED, BAD_INPUT, INTERRUPTED, TERMINATED, HUNG_UP = 1, 2, 130, 143, 129


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a run is reported.

    Attributes:
        quiet: the result only.
        plain: a line an epoch, also on a terminal.
        json: the final report as JSON on stdout, in place of sentences.
        html: where an HTML log goes at the end.
    """

    quiet: bool = False
    plain: bool = False
    json: bool = False
    html: Path | None = None


class Watcher(Protocol):
    """Shows a run as it goes, on stderr."""

    def event(self, event: AnyEvent, state: RunState) -> None:
        """Something was said; `state` holds it already."""

    def position(self, progress: Progress | None, state: RunState) -> None:
        """Where the worker is now."""

    def say(self, text: str) -> None:
        """A line from the follower itself."""

    def close(self) -> None:
        """Nothing follows."""


class Signals:
    """Signals that came while a run was followed. Those that this process was told to ignore stay ignored."""

    def __init__(self) -> None:
        self.interrupts = 0
        self.terminated = False
        self.hung_up = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.interrupts += number == signal.SIGINT
        self.terminated |= number == signal.SIGTERM
        self.hung_up |= number == signal.SIGHUP


class Following:
    """The fold of a run, and its end; what the log said before counts as history and is not told again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._reader = EventReader(run.events)
        self._fold = Fold()
        self._fold.apply_all(self._reader.read_all())
        self.ended: RunEnded | None = None
        """How it ended, once it has, since this began."""

    def look(self, tell: Callable[[AnyEvent, RunState], None]) -> bool:
        """Tell what is new; False when the worker lives no more and all was told."""
        alive = self.run.worker() != 0  # asked first: what a worker said before its end is read after it
        for event in self._reader.read_all():
            self._fold.apply(event)
            if event is not None:
                self.ended = event if isinstance(event, RunEnded) else None
                tell(event, self.state)
        return alive

    @property
    def state(self) -> RunState:
        """The present picture."""
        return self._fold.state()


def train(run: Run, settings: Settings, output: Output) -> int:
    """Start the worker of a run, new or to be resumed, follow it to its end and report.

    Returns:
        The exit code: the worker's own, 1 when it died, 130 or 143 when it was stopped from here, 129 when the
        terminal went away and the run was left alone.

    Raises:
        InputError: the worker did not start.
    """
    following = Following(run)
    with Signals() as signals:
        start(run, settings)
        watcher = _watcher(run, output)
        try:
            try:
                code = _follow(following, watcher, signals)
            finally:
                watcher.close()
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            return HUNG_UP  # nobody reads stderr any more
    if code != HUNG_UP:
        _report(following, output, code)
    return code


def kill(run: Run) -> bool:
    """Kill the worker of a run and wait for its end; False when it had ended by itself.

    A run directory is whole at every moment: what is lost is the work since the last checkpoint.

    Raises:
        InputError: it runs on another host or in another container.
    """
    worker = run.worker()
    if worker < 0:
        raise InputError(f"The worker of {run.id} runs on another host or in another container; end it there.")
    if worker:
        os.kill(worker, signal.SIGKILL)
        while run.worker() == worker:
            time.sleep(0.01)
    return worker > 0


def _follow(following: Following, watcher: Watcher, signals: Signals) -> int:
    run = following.run
    interrupts_seen, terminated_seen = 0, False
    while following.look(watcher.event):
        watcher.position(run.progress(), following.state)
        if signals.hung_up:
            return HUNG_UP
        if signals.terminated and not terminated_seen:
            terminated_seen = True
            ask_to_stop(run)
        if signals.interrupts > interrupts_seen:
            interrupts_seen = signals.interrupts
            if interrupts_seen == 1:
                ask_to_stop(run)
                watcher.say("Stopping after this step, with a checkpoint. Ctrl+C again stops at once, without one.")
            else:
                kill(run)
                watcher.say("Stopped at once.")
        time.sleep(EVERY)
    ended = following.ended
    if (signals.terminated or signals.interrupts) and (ended is None or ended.status == "stopped"):
        return TERMINATED if signals.terminated else INTERRUPTED
    return FAILED if ended is None else ended.exit_code


def ask_to_stop(run: Run) -> None:
    """Ask a live run to stop after its present step, with a checkpoint."""
    try:
        control.send(run.control, "stop")
    except OSError:  # a full disk takes no request; a signal needs no room
        worker = run.worker()
        if worker > 0:
            os.kill(worker, signal.SIGTERM)


def _watcher(run: Run, output: Output) -> Watcher:
    from vislab.tui.watchers import LiveWatcher, PlainWatcher, SilentWatcher

    if output.quiet:
        return SilentWatcher()
    if output.plain or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return PlainWatcher(run)
    return LiveWatcher(run)


def _report(following: Following, output: Output, code: int) -> None:
    """Print what came out: the result on stdout, what went wrong on stderr.

    Raises:
        InputError: the HTML log cannot be written.
    """
    run, state, ended = following.run, following.state, following.ended
    status: RunStatus = "died" if ended is None else ended.status
    spec = run.spec()
    result = result_lines(state, spec, status)
    mistake = ended.reason.splitlines() if ended is not None and ended.exit_code == BAD_INPUT else []
    if output.json:
        print(json.dumps(report(run), indent=2))
    elif mistake:
        pass  # there is no result; what the worker says of the user's input comes below
    elif output.quiet:
        print(" · ".join([run.id, *result]))
    else:
        found = [
            plain(f"{finding.severity}: {finding.text} {finding.remedy}", 1000) for finding in findings(state, spec)
        ]
        print("\n".join([*found, *result, f"vislab show {run.id}"]))
    if status == "died" and code == FAILED:
        _say_died(run, state)
    elif mistake:
        print("error:", "\n".join(plain(line, 1000) for line in mistake), file=sys.stderr)
    elif status == "failed" and output.json:
        print(result[-1], file=sys.stderr)
    if status in ("died", "stopped"):
        print(f"Go on with: vislab resume {run.id}", file=sys.stderr)
    if output.html is not None:
        html_file.write(run, output.html)


def _say_died(run: Run, state: RunState) -> None:
    position = run.progress()
    seen = moment(max(position.time if position is not None else 0.0, state.last_time))
    where = f" in epoch {position.epoch}, after step {max(position.step, state.step)}" if position is not None else ""
    print(f"The worker died{where}; last seen {seen}. The end of {run.worker_log}:", file=sys.stderr)
    for line in last_lines(run.worker_log, LAST_LINES) or ["(empty)"]:
        print(f"  {line}", file=sys.stderr)
