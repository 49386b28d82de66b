"""Runs by what tells one from another, where few are spoken of. All text that these functions return is safe."""

from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.history import short_id
from vislab.tui.views.live import AT_REST
from vislab.tui.views.text import plain

NAME_CELLS = 36
"""A longer name, or id, is cut in its middle: runs of one study begin alike, and differ at the end."""


def named(run: Run) -> str:
    """`study-a-deit-transfer (5e1f)`: its name, and what commands take for its id."""
    try:
        name = run.labels().name or run.spec().name
    except InputError:  # it cannot be read
        name = ""
    known = text.shortened(short_id(run.id), NAME_CELLS)
    return f"{text.shortened(plain(name), NAME_CELLS)} ({known})" if name and name != run.id else known


def several(runs: tuple[Run, ...], most: int = 3) -> str:
    """`a (5e1f), b (01c2) and 4 more`: `most` runs by their names, and how many more there are."""
    names = [named(run) for run in runs[:most]]
    if len(runs) > most:
        names.append(f"{text.count(len(runs) - most)} more")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def training(run: Run) -> list[str]:
    """A live run in two lines, its epoch and whether it rests by its heartbeat; of one that cannot be read only its id.

    `study-a-deit-transfer · epoch 12/30 · paused · 5e1f`, and below it, indented, `animals · study-a-deit · transfer`.
    """
    known = text.shortened(short_id(run.id), NAME_CELLS)
    try:
        name, spec, now = run.labels().name, run.spec(), run.heartbeat(run.worker())
    except (InputError, OSError):
        return [known]
    epoch = f"epoch {now.epoch}" + f"/{now.epochs}" * bool(now.epochs) if now is not None and now.epoch else ""
    rests = now.phase if now is not None and now.phase in AT_REST else ""
    head = (text.shortened(plain(name or spec.name or run.id), NAME_CELLS), epoch, rests, known)
    parts = (spec.dataset.name, spec.architecture.name, spec.strategy.name)
    work = " · ".join(text.shortened(plain(part), NAME_CELLS) for part in parts if part)
    return [" · ".join(filter(None, dict.fromkeys(head))), f"  {work}"]
