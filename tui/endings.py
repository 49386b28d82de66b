"""How runs ended that were started here and left alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vislab.engine.runs.queue import TAKEN_OUT
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui import death
from vislab.tui.living import is_alive
from vislab.tui.views import text
from vislab.tui.views.named import named


@dataclass(frozen=True)
class Ending:
    """The end of a run.

    Attributes:
        words: how far it came, and why it ended; safe text.
        failed: it ended by an error, or without a word.
    """

    run: Run
    words: str
    failed: bool


class Awaited:
    """Runs that train or wait in the queue, until each has been told of."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def add(self, runs: Iterable[Run]) -> None:
        """Tell of these, which live, when they have ended."""
        self._runs.update((run.id, run) for run in runs)

    def ended(self) -> Sequence[Ending]:
        """Those that have ended since the last look, but for any that was deleted, or taken out of the queue."""
        told = []
        for run in list(self._runs.values()):
            try:
                if is_alive(run):
                    continue
                ending = _ending(run)
                if is_alive(run):  # it came out of the queue, or was resumed, meanwhile
                    continue
            except InputError:  # deleted
                ending = None
            except OSError:  # a disk that does not answer now
                continue
            if self._runs.pop(run.id, None) is not None and ending is not None:  # else another thread has told of it
                told.append(ending)
        return told


def _ending(run: Run) -> Ending | None:
    run.check_is_there()
    summary = run.summary()
    if fallen := death.of_waiter(run, summary.status):
        return Ending(run, "\n".join([f"{named(run)}:", *fallen]), True)
    if summary.status == "new" or summary.reason == TAKEN_OUT:
        return None
    far = f"{summary.epochs_done} of {text.counted(summary.epochs_planned, 'epoch')}, {text.duration(summary.elapsed)}"
    reason = text.plain(" ".join(summary.reason.removeprefix(f"{summary.status} ").split()), 200)
    lines = [f"{named(run)} {summary.status} after {far} of work{f': {reason}' * bool(reason)}"]
    if summary.status == "died":
        lines.append(f"It ended without a word. What is known of it: vislab show {text.plain(run.id)}")
    elif summary.best is not None:
        role = "test" if summary.selected_on_test else "validation"
        lines.append(f"best epoch {summary.best.epoch}, {role} accuracy {text.accuracy(summary.best.val_accuracy)}")
    return Ending(run, "\n".join(lines), summary.status in ("failed", "died"))
