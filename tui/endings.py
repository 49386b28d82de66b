"""How runs ended that were started here and left alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.living import is_alive
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
        """Those that have ended since the last look, but for any that was deleted or never trained."""
        gone = [run for run in list(self._runs.values()) if not is_alive(run)]
        mine = [run for run in gone if self._runs.pop(run.id, None) is not None]  # of another thread's look else
        return [told for run in mine if (told := _ending(run)) is not None]


def _ending(run: Run) -> Ending | None:
    from vislab.tui.following import Looker  # takes memory that a console without runs does not need
    from vislab.tui.views.run import end_line

    try:
        look = Looker(run).whole()
    except (InputError, OSError):  # it was deleted
        return None
    if look.alive or look.status in ("new", "queued"):
        return None
    words = [f"{named(run)} {end_line(look.state, look.status)}", *look.result[-1:] * (look.status == "died")]
    return Ending(run, "\n".join(words), look.status in ("failed", "died"))
