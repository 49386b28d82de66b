"""Runs by what tells one from another, where few are spoken of. All text that these functions return is safe."""

from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.history import short_id
from vislab.tui.views.listed import look
from vislab.tui.views.text import plain

NAME_CELLS = 36
"""A longer name, or id, is cut in its middle: runs of one study begin alike, and differ at the end."""


def named(run: Run) -> str:
    """`study-a-deit-transfer (5e1f)`: its name, and what commands take for its id."""
    try:
        name = run.labels().name or run.spec().name
    except InputError:  # it cannot be read
        name = ""
    known = text.shortened(short_id(run), NAME_CELLS)
    return f"{text.shortened(plain(name), NAME_CELLS)} ({known})" if name and name != run.id else known


def several(runs: tuple[Run, ...], most: int = 3) -> str:
    """`a (5e1f), b (01c2) and 4 more`: `most` runs by their names, and how many more there are."""
    names = [named(run) for run in runs[:most]]
    if len(runs) > most:
        names.append(f"{text.count(len(runs) - most)} more")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def training(run: Run) -> list[str]:
    """A run that trains, in two lines; of one that cannot be read only the id is known.

    `study-a-deit-transfer · epoch 12/30 · 5e1f`, and below it, indented, `animals · study-a-deit · transfer`.
    """
    row, now = look(run).summary, run.progress()
    known = text.shortened(short_id(run), NAME_CELLS)
    if row is None:
        return [known]
    epoch = max(row.epochs_done, now.epoch if now is not None else 0)
    head = (text.shortened(plain(row.name), NAME_CELLS), f"epoch {epoch}/{max(row.epochs_planned, epoch)}", known)
    parts = (row.dataset, row.architecture, row.strategy)
    work = " · ".join(text.shortened(plain(part), NAME_CELLS) for part in parts if part)
    return [" · ".join(filter(None, dict.fromkeys(head))), f"  {work}"]
