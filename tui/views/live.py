"""A live run in lines: bars, device, findings, and one frame of everything. Pure, and safe to display."""

from collections.abc import Sequence

from vislab.engine.analysis.findings import Finding, Severity
from vislab.engine.runs.events import ControlApplied, Phase
from vislab.engine.runs.meters import Reading
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import RunStatus
from vislab.engine.runs.summary import LIVE
from vislab.tui.views import progress as progress_views
from vislab.tui.views import text
from vislab.tui.views.run import end_line

UNENDED: tuple[RunStatus, ...] = ("new", "queued", *LIVE)

PHASES: dict[Phase, tuple[str, str, str]] = {
    "starting": ("Start", "", "the worker starts and loads PyTorch"),
    "downloading": ("Fetch", "byte", "downloads the data set"),
    "reading data": ("Data", "image", "reads the images"),
    "building": ("Model", "", "builds the model"),
    "features": ("Embed", "image", "computes features of the images"),
    "measuring": ("Probe", "", "measures which way to compute is fastest"),
    "training": ("Epoch", "step", "trains"),
    "validation": ("Check", "batch", "evaluates on validation images"),
    "testing": ("Test", "batch", "evaluates on test images"),
    "saving": ("Save", "", "writes a checkpoint"),
    "paused": ("Paused", "step", "the worker waits until it is to go on"),
    "full disk": ("Full", "step", "the worker waits for room on the disk"),
    "ended": ("End", "", "the worker ends"),
}
"""What the second bar is called in a phase, what it counts, and what is done, for where nothing is counted."""

NO_WORKER: dict[RunStatus, tuple[str, str]] = {
    "new": ("New", "no worker has started yet"),
    "queued": ("Queued", "waits until a device is free"),
}
"""The same of runs that have no worker yet."""

AT_REST: tuple[RunStatus, ...] = ("paused", "full disk")
"""A worker has the run and does nothing: what speed it had tells nothing of now."""

SIGNS: dict[Severity, str] = {"error": "✖", "warning": "!", "info": "·"}
"""Stands before a finding; colour says the same."""

_LABEL = 7
_HEAD = 22
"""Cells of label and counts before a bar; more where the counts are long and the line has room."""
_FIGURES = 26
"""Cells of the figures behind a bar, at most; and of a bar before them, at least."""
_SHORTEST = 10
_NAME = 24
"""Characters of a device's name that are shown before anything else of its line."""


def bar(share: float, width: int) -> tuple[str, str]:
    """The filled and the empty part of a bar, to half a cell; told apart without colour."""
    halves = round(2 * width * min(1.0, max(0.0, share)))
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return filled, "─" * (width - len(filled))


def bars(
    state: RunState,
    progress: Progress | None,
    status: RunStatus,
    width: int,
    max_steps: int = 0,
    epochs: int = 0,
    silence: float = 0.0,
) -> list[tuple[str, str, str, str]]:
    """The bar of the run and that of what it does now: label, filled part, empty part, figures; `width` cells in all.

    Words stand in place of a bar where nothing is counted. Neither speed nor time left is told of a run that rests, or
    whose worker gives no sign of life. Before the first update it is told how long what it does now has taken.

    Args:
        max_steps: the strategy's limit; 0: none.
        epochs: that the strategy asks for; they count until the worker has said how many it plans.
        silence: seconds since the worker's last sign of life.
    """
    # A worker that starts is in no epoch yet: what was done before it counts.
    epoch = (progress.epoch if progress is not None and status in LIVE else 0) or state.epochs_done
    planned = max(state.epochs_planned or epochs, epoch)
    share = progress_views.run_share(state, progress, max_steps)
    if status not in UNENDED:
        figures = f"{text.percent(share)}  {_time(state.elapsed)}"
        return [_bar("Run", f"epoch {state.epochs_done:>3}/{planned}", share, figures, width)]
    elapsed = max(state.elapsed, progress.elapsed if progress is not None else 0.0)
    silent = progress_views.silence(progress, silence)
    resting = status in AT_REST or bool(silent)
    left = "" if resting else f", {_time(progress_views.time_left(state, progress, max_steps))} left"
    worked = f"  {_time(elapsed)}{left}" if elapsed else ""
    whole = _bar("Run", f"epoch {epoch:>3}/{planned}", share, f"{text.percent(share)}{worked}", width)
    if status in NO_WORKER:
        return [whole, _words(*NO_WORKER[status], width)]
    phase: Phase = progress.phase if progress is not None else "full disk" if status == "full disk" else "starting"
    label, unit, words = PHASES[phase]
    detail = f"{unit} {progress.done:>3}/{progress.total}".strip() if progress is not None and progress.total else ""
    if silent:
        return [whole, _words(label, f"{detail or words}: {silent}", width)]
    preparing = progress_views.preparing(state, progress, silence)
    if progress is None or not detail:
        return [whole, _words(label, f"{words}, {preparing}" if preparing else words, width)]
    part = progress_views.part_share(progress)
    speed = f"{text.rate(progress.images_per_second)} img/s" if progress.images_per_second > 0 and not resting else ""
    return [whole, _bar(label, detail, part, f"{text.percent(part)}  {speed or preparing}".rstrip(), width)]


def reading_bar(share: float, width: int) -> tuple[str, str, str, str]:
    """The bar of a log that is read, as those of `bars`."""
    return _bar("Read", "the run's log", share, text.percent(share), width)


def _words(label: str, words: str, width: int) -> tuple[str, str, str, str]:
    return text.fit(f"{label:<{_LABEL}}{words}", width), "", "", ""


def _bar(label: str, detail: str, share: float, figures: str, width: int) -> tuple[str, str, str, str]:
    wide = min(_FIGURES, max(20, width - _HEAD - _SHORTEST))
    counts = f"{label:<{_LABEL}}{detail}"
    head = text.fit(counts, min(max(_HEAD, text.cells(counts)), max(0, width - wide - 6))) + " "
    tail = text.fit(figures, wide, right=True)
    filled, empty = bar(share, max(0, width - text.cells(head) - wide))
    return head, filled, empty, tail


def _time(seconds: float | None) -> str:
    """A running time: a clock in the first hour, whole minutes later."""
    return text.clock(seconds) if seconds is None or not seconds >= 3600 else text.duration(seconds)


def waiting(state: RunState) -> str:
    """Share of the last minute or so that training waited for data; empty before it is known."""
    last = state.steps[-1] if state.steps else None
    if last is None:
        return ""
    begun = 0.0
    total = time = 0.0
    for row in reversed(state.steps[-60:]):
        begun = row.elapsed
        total += row.waiting
        time += 1
        if last.elapsed - begun > 60:
            break
    return f"waiting for data {text.percent(total / time)}"


def device_line(state: RunState, reading: Reading | None, status: RunStatus, width: int = 0) -> str:
    """Device, how busy it is, its memory, the share of time waiting for data, temperature and power.

    Args:
        status: of a run that rests, what it waited for is not told.
        width: cells; parts that have no room are left out, the last ones first. 0: there is room for all. A long name
            of the device has what the others leave, but some cells in any case.
    """
    decided = next((made for made in reversed(state.decisions) if made.what == "device"), None)
    if decided is None:
        return ""
    name = str(decided.details.get("name", "")).removeprefix("NVIDIA ")
    parts: list[str] = []
    if reading is not None:
        parts += _work_parts(reading)
    if status not in AT_REST and (words := waiting(state)):
        parts.append(words)
    if reading is not None:
        parts += _heat_parts(reading)

    def line(longest: int) -> str:
        return " · ".join([f"{text.plain(decided.choice, 40)} {text.plain(name, longest)}".strip(), *parts])

    while width and parts and text.cells(line(_NAME)) > width:
        parts.pop()
    return line(_NAME + max(0, width - text.cells(line(_NAME))) if width else 200)


def _work_parts(reading: Reading) -> list[str]:
    parts = []
    if reading.busy is not None:
        cores = f"{reading.busy:.1f} of {text.counted(reading.cores, 'core')}"
        parts.append(text.percent(reading.busy) if reading.card else cores)
    if reading.memory_used is not None and reading.memory_total:
        used, total = text.size(reading.memory_used), text.size(reading.memory_total)
        if reading.card and used.split()[1] == total.split()[1]:
            used = used.split()[0]
        parts.append(f"{used} of {total}" if reading.card else used)
    return parts


def _heat_parts(reading: Reading) -> list[str]:
    parts = []
    if reading.temperature is not None:
        parts.append(f"{reading.temperature:.0f} °C")
    if reading.power is not None:
        parts.append(f"{reading.power:.0f} W")
    return parts


def finding_line(found: Sequence[Finding]) -> str:
    """The most severe finding on one line, and how many there are."""
    if not found:
        return ""
    first = found[0]
    which = f" (1 of {len(found)})" if len(found) > 1 else ""
    return text.plain(f"{SIGNS[first.severity]}{which} {first.text}", 400)


def obeyed(applied: ControlApplied) -> str:
    """What a worker did that was asked to, as a sentence; empty where the status tells it."""
    step = text.count(applied.step)
    match applied.action:
        case "checkpoint":
            return f"Checkpoint saved after step {step}."
        case "set_learning_rate":
            return text.plain(f"Learning rate {applied.value} after step {step}.", 400)
    return ""


def ending(state: RunState, status: RunStatus, last_words: str = "", *, why: bool = True) -> str:
    """How a run that lives no more ended, in one sentence; empty for one that has not ended.

    Args:
        last_words: the last line of the log of a worker that died.
        why: tell the reason that was given.
    """
    if status in UNENDED:
        return ""
    line = end_line(state, status, why=why)
    return f"{line}: {text.plain(last_words, 400)}" if status == "died" and last_words else line
