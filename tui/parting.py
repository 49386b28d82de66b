"""What the console leaves on the terminal when it has ended."""

from collections.abc import Iterable, Sequence

from vislab.engine.runs.store import Run
from vislab.tui.living import is_paused
from vislab.tui.views import text

NAMED = 3
"""Runs that are named."""


def last_words(
    runs: Iterable[Run], stopped: Iterable[Run] = (), *, started: Iterable[str] = (), ends: str = ""
) -> list[str]:
    """Sentences on the runs that live on, or were asked to stop; empty where there is none. Safe text.

    A message on the screen may have gone, or been covered by another one, before it was read.

    Args:
        runs: those that were started from the console or watched in it.
        stopped: those that were asked to stop when it was left.
        started: ids of those that were started from it.
        ends: what would end these although they are detached; empty: nothing.
    """
    stopping = [*stopped]
    one = text.plain(stopping[0].id, 60) if len(stopping) == 1 else "RUN"
    words = [f"Asked to stop: {_names(stopping)}. To go on: vislab resume {one}"] * bool(stopping)
    going = [run for run in runs if run.worker()]
    if not going:
        return words
    paused = [run for run in going if is_paused(run)]
    doing = (("Still training", [run for run in going if run not in paused]), ("Paused", paused))
    told = ". ".join(f"{what}: {_names(these)}" for what, these in doing if these)
    here = {run.id for run in going} & set(started)
    return [
        *words,
        f"{told}. To watch: vislab attach",
        *[f"notice: {text.plain(ends, 400)}"] * bool(ends and here),
    ]


def _names(runs: Sequence[Run]) -> str:
    return ", ".join(text.plain(run.id, 60) for run in runs[:NAMED]) + " …" * (len(runs) > NAMED)
