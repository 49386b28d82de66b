"""Follow a run without the console: start its worker, report what it says, pass on signals, end with an exit code."""

import errno
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol, TypedDict, Unpack

from vislab.engine.analysis.findings import findings
from vislab.engine.runs import control, detaching
from vislab.engine.runs.ending import kill, send_signal
from vislab.engine.runs.events import AnyEvent, RunEnded
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.start import start
from vislab.engine.runs.state import Fold, RunState
from vislab.engine.runs.store import Run, RunStatus
from vislab.presets.errors import InputError
from vislab.presets.settings import Settings
from vislab.tui import death, escapes, html_file, tables
from vislab.tui.living import is_alive
from vislab.tui.requests import NoRoom, require_room
from vislab.tui.views.evaluation import answers, speed
from vislab.tui.views.evaluations import MALFORMED, damage, judged
from vislab.tui.views.results import class_lines, heat_map
from vislab.tui.views.run import result_lines
from vislab.tui.views.text import plain

EVERY = 0.2
"""Seconds between two looks at the run."""

FEW_CLASSES = 12
"""Up to which the end of a run tells of each; `vislab show` always does."""

FAILED, BAD_INPUT, INTERRUPTED, TERMINATED, HUNG_UP = 1, 2, 130, 143, 129


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a run is reported.

    Attributes:
        quiet: the result only.
        plain: a line an epoch, also on a terminal.
        json: the final report as JSON on stdout, in place of sentences.
        html: where an HTML log goes at the end.
        report: what came out is told at the end; else only what went wrong.
    """

    quiet: bool = False
    plain: bool = False
    json: bool = False
    html: Path | None = None
    report: bool = True


class Watcher(Protocol):
    """Shows a run as it goes, on stderr."""

    def history(self, state: RunState) -> None:
        """What had happened before this began to follow."""

    def event(self, event: AnyEvent, state: RunState) -> None:
        """Something was said; `state` holds it already."""

    def position(self, progress: Progress | None, state: RunState) -> None:
        """Where the worker is now."""

    def say(self, text: str) -> None:
        """A line from the follower itself."""

    def close(self) -> None:
        """Nothing follows."""


_Stopping = Literal["", "asked", "refused"]
"""Whether a run was asked to stop, or was not, as its disk is full."""


class Signals:
    """Signals that came while a run was followed. Those that this process was told to ignore stay ignored.

    Attributes:
        interrupts: how often Ctrl+C was pressed.
        termination: the first of SIGTERM and SIGUSR1 that came; 0 before.
        hung_up: whether the terminal has gone.
    """

    def __init__(self) -> None:
        self.interrupts = 0
        self.termination = 0
        self.hung_up = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        match number:
            case signal.SIGINT:
                self.interrupts += 1
            case signal.SIGHUP:
                self.hung_up = True
            case _:
                self.termination = self.termination or number


class Following:
    """The fold of a run, and its end; what the log said before counts as history and is not told again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._reader = EventReader(run.events)
        self._fold = Fold()
        self._fold.apply_all(self._reader.events())
        self.ended: RunEnded | None = None
        """How it ended, once it has, since this began."""
        self.over = False
        """Whether its end was seen."""

    def look(self, tell: Callable[[AnyEvent, RunState], None]) -> bool:
        """Tell what is new; False when the worker lives no more and all was told."""
        alive = is_alive(self.run)  # asked first: what a worker said before its end is read after it
        for event in self._reader.events():
            self._fold.apply(event)
            if event is not None:
                self.ended = event if isinstance(event, RunEnded) else None
                tell(event, self.state)
        self.over = not alive
        return alive

    @property
    def state(self) -> RunState:
        """The present picture."""
        return self._fold.state()


class Starting(TypedDict, total=False):
    """How a worker is started, see `vislab.engine.runs.start.start`."""

    foreground: bool
    epochs: int
    schedule: str
    accumulate: int
    force: bool


def train(run: Run, settings: Settings, output: Output, **starting: Unpack[Starting]) -> int:
    """Start the worker of a run, new or to be resumed, follow it to its end and report.

    Returns:
        The exit code: the worker's own, 1 when it died, 130 or 143 when it was stopped from here, 129 when the
        terminal went away and the run was left alone.

    Raises:
        InputError: the worker did not start.
    """
    following = Following(run)
    with Signals() as signals:
        start(run, settings, **starting)
        if not starting.get("foreground") and not output.quiet:
            warn_of_ends()
        return _watch(following, output, signals)


def begin(run: Run, settings: Settings, output: Output, **starting: Unpack[Starting]) -> int:
    """Start the worker of a run and leave it alone; its id goes to stdout.

    Raises:
        InputError: the worker did not start.
    """
    worker = start(run, settings, **starting)
    if not output.quiet:
        warn_of_ends()
    print(json.dumps({"id": run.id, "run_dir": str(run.path), "worker": worker}, indent=2) if output.json else run.id)
    return 0


def report_end(run: Run, output: Output) -> int:
    """Report a run that has ended as one that was followed to its end; returns its exit code."""
    following = Following(run)
    following.ended = following.state.ended
    code = FAILED if following.ended is None else following.ended.exit_code
    _report(following, output, code)
    return code


def attach(run: Run, output: Output) -> int:
    """Follow a run that has a worker, or waits for one, to its end, and report. Ctrl+C only ends the following.

    Returns:
        As `train`; 0 when it was left alone.

    Raises:
        InputError: it is not running.
    """
    if not is_alive(run):
        raise InputError(f"Run {run.id} is not running: {run.status()}. See: vislab show {run.id}")
    if sys.stdout.isatty() and not sys.stderr.isatty():  # or the screen would stay blank until the end
        print(f"What {run.id} does is told on stderr, which is redirected; its result comes here. Ctrl+C leaves it.")
    following = Following(run)
    with Signals() as signals:
        return _watch(following, output, signals, attached=True)


def warn_of_ends() -> None:
    """Say what would end a detached run here all the same, if anything does."""
    if warning := detaching.here().warning:
        print(f"notice: {plain(warning, 1000)}", file=sys.stderr, flush=True)


def _watch(following: Following, output: Output, signals: Signals, *, attached: bool = False) -> int:
    watcher = _watcher(following.run, output)
    try:
        try:
            if attached:
                watcher.history(following.state)
            code = _follow(following, watcher, signals, attached=attached)
        finally:
            watcher.close()
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
        return HUNG_UP  # nobody reads stderr any more
    if following.over:
        _report(following, output, code)
    return code


def _follow(following: Following, watcher: Watcher, signals: Signals, *, attached: bool) -> int:
    run = following.run
    interrupts_seen, forwarded = 0, False
    stopping: _Stopping = ""
    while following.look(watcher.event):
        watcher.position(run.heartbeat(run.worker()), following.state)
        if signals.hung_up:
            return HUNG_UP
        if signals.termination and not forwarded:
            forwarded = True
            if not run.worker():  # it waits in the queue, and goes on waiting
                return TERMINATED
            forward(run, signals.termination)
        if (presses := signals.interrupts - interrupts_seen) > 0:
            interrupts_seen = signals.interrupts
            if attached:
                watcher.say(f"Left {run.id} alone: it goes on. Again: vislab attach {run.id}")
                return 0
            stopping = _interrupt(run, watcher, stopping, presses)
        time.sleep(EVERY)
    ended = following.ended
    if (signals.termination or signals.interrupts) and (ended is None or ended.status == "stopped"):
        return TERMINATED if signals.termination else INTERRUPTED
    return FAILED if ended is None else ended.exit_code


def _interrupt(run: Run, watcher: Watcher, stopping: _Stopping, presses: int) -> _Stopping:
    """Stop a run as Ctrl+C says: with a checkpoint; pressed again, at once.

    Args:
        stopping: what became of it when it was pressed before.
        presses: how often it was pressed since then.
    """
    if stopping != "asked" and presses == 1:
        try:
            ask_to_stop(run)
        except NoRoom as error:
            if not stopping:
                watcher.say(f"{error} Ctrl+C again does so.")
                return "refused"
        except InputError as error:
            watcher.say(str(error))
            return stopping
        else:
            watcher.say("Stopping after this step, with a checkpoint. Ctrl+C again stops at once, without one.")
            return "asked"
    kill(run)
    watcher.say("Stopped at once.")
    return "asked"


def forward(run: Run, number: int) -> None:
    """Pass a signal on to a live worker, which then saves and ends; where it has no number here, ask it to stop.

    Raises:
        InputError: it belongs to another user, or see `ask_to_stop`.
    """
    worker, position = run.worker(), run.progress()
    # Its first heartbeat says that it listens to signals: before, one would kill it unsaved.
    if worker > 0 and position is not None and position.pid == worker:
        send_signal(run, worker, number)
    else:
        ask_to_stop(run, unsaved=True)


def ask_to_stop(run: Run, *, unsaved: bool = False) -> None:
    """Ask a live run to stop after its present step, with a checkpoint.

    Args:
        unsaved: also where the disk is full, so that what it trained since its last checkpoint is lost.

    Raises:
        NoRoom: the disk is full.
        InputError: neither a request nor a signal reaches it.
    """
    if not unsaved:
        require_room(run)
    try:
        control.send(run.control, "stop")
    except OSError as error:  # a full disk takes no request; a signal needs no room
        worker = run.worker()
        if worker < 0:
            raise InputError(
                f"The request to stop cannot be written to {run.control}: {error.strerror}; and the worker of {run.id} "
                "runs on another host or in another container, where no signal reaches it. Stop it there."
            ) from error
        if worker:
            send_signal(run, worker, signal.SIGTERM)


def _watcher(run: Run, output: Output) -> Watcher:
    from vislab.tui.watchers import LiveWatcher, PlainWatcher, SilentWatcher

    if output.quiet:
        return SilentWatcher()
    if output.plain or not escapes.understood(sys.stderr):
        return PlainWatcher(run)
    return LiveWatcher(run)


def _evaluation(run: Run, state: RunState) -> list[str]:
    """What the last evaluation tells beside its figures: speed; of few classes each one, and who is taken for whom."""
    one = judged(run, state.ended.test if state.ended is not None else None)
    if one is None:
        return []
    try:
        lines = []
        if len(one.found["classes"]) <= FEW_CLASSES:
            counted, wide = answers(one.found), tables.width()
            matrix = ["".join(cell.words for cell in row).rstrip() for row in heat_map(counted, wide)]
            lines += [*class_lines(counted, wide), "", *matrix, *([""] if matrix else [])]
        return [*lines, f"judged: {speed(one.found)}"]
    except MALFORMED:
        return [damage(one)]


def _report(following: Following, output: Output, code: int) -> None:
    """Tell what came out, and write the HTML log: also where stdout takes nothing.

    Raises:
        InputError: the HTML log cannot be written.
    """
    try:
        _tell(following, output, code)
    finally:
        if output.html is not None:
            html_file.write(following.run, output.html)


def _tell(following: Following, output: Output, code: int) -> None:
    """Print the result on stdout, what went wrong on stderr."""
    run, state, ended = following.run, following.state, following.ended
    status: RunStatus = "died" if ended is None else ended.status
    spec = run.spec()
    result = result_lines(state, spec, status)
    mistake = ended.reason.splitlines() if ended is not None and ended.exit_code == BAD_INPUT else []
    if not output.report:
        pass
    elif output.json:
        print(json.dumps(death.full_report(run), indent=2))
    elif mistake:
        pass  # there is no result; what the worker says of the user's input comes below
    elif output.quiet:
        print(" · ".join([run.id, *result]))
    else:
        found = [
            plain(f"{finding.severity}: {finding.text} {finding.remedy}", 1000) for finding in findings(state, spec)
        ]
        print("\n".join([*found, *_evaluation(run, state), *result, f"vislab show {run.id}"]))
    if status == "died" and code == FAILED:
        print("\n".join(death.lines(run, state)), file=sys.stderr)
    elif mistake:
        print("error:", "\n".join(plain(line, 1000) for line in mistake), file=sys.stderr)
    elif status == "failed" and (output.json or not output.report):
        print(result[-1], file=sys.stderr)
    if output.report and (status == "stopped" or (status == "died" and code != FAILED)):
        print(f"Go on with: vislab resume {run.id}", file=sys.stderr)
