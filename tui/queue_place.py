"""What a run waits for, again and again at little cost: names are read only when other runs stand before it."""

from collections.abc import Sequence

from vislab.engine.runs.queue import Occupied
from vislab.engine.runs.store import Run
from vislab.tui.views.queued import sentences


class QueuePlace:
    """The place of a run in the queue. Not for several threads at once."""

    def __init__(self, run: Run) -> None:
        """Of a run that waits.

        Raises:
            InputError: its spec.toml is missing or damaged.
        """
        self._occupied = Occupied(run)
        self._before: object = None
        self._words: tuple[str, ...] = ()

    def words(self, live: Sequence[Run]) -> tuple[str, ...]:
        """What it waits for now, in safe sentences.

        Args:
            live: the runs that have a worker.
        """
        wait = self._occupied.wait(live)
        before = [[run.id for run in runs] for runs in (wait.taken_by, wait.choosing, wait.behind)]
        if before != self._before:
            self._before, self._words = before, sentences(wait)
        return self._words
