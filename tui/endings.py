"""How runs ended that were started here and left alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vislab.engine.runs.queue import TAKEN_OUT
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui import death
from vislab.tui.living import is_alive
from vislab.tui.views import text
from vislab.tui.views.named import named, several


@dataclass(frozen=True)
class Ending:
    """The end of a run.

    Attributes:
        line: how far it came; safe text.
        more: why it ended, or how well it did; safe text.
        failed: it ended by an error, or without a word.
    """

    run: Run
    line: str
    more: str
    failed: bool


def told_together(endings: Sequence[Ending]) -> str:
    """Ends of runs in a few lines, those that failed first: of one all, of two a line each, of more their names."""
    if len(endings) == 1:
        return "\n".join(filter(None, (endings[0].line, endings[0].more)))
    failed = [ending for ending in endings if ending.failed]
    others = [ending for ending in endings if not ending.failed]
    if len(endings) == 2:
        return "\n".join(ending.line for ending in (*failed, *others))
    kinds = ((failed, "failed"), (others, "ended"))
    lines = [
        f"{text.counted(len(some), 'run')} {how}: {several(tuple(ending.run for ending in some))}"
        for some, how in kinds
        if some
    ]
    return "\n".join([*lines, "H lists them, N hides notices"])


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
        return Ending(run, f"{named(run)} fell out of the queue", "\n".join(fallen), True)
    if summary.status == "new" or summary.reason == TAKEN_OUT:
        return None
    far = f"{text.part(summary.epochs_done, summary.epochs_planned, 'epoch')}, {text.duration(summary.elapsed)}"
    more = [text.plain(" ".join(summary.reason.removeprefix(f"{summary.status} ").split()), 120)]
    if summary.status == "died":
        more.append(f"It ended without a word. What is known of it: vislab show {text.plain(run.id)}")
    elif summary.best is not None:
        role = "test" if summary.selected_on_test else "validation"
        more.append(f"best epoch {summary.best.epoch}, {role} accuracy {text.accuracy(summary.best.val_accuracy)}")
    line = f"{named(run)} {summary.status} after {far} of work"
    return Ending(run, line, "\n".join(filter(None, more)), summary.status in ("failed", "died"))
