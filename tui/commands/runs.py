"""`vislab runs`: a table of runs."""

import json as json_
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run

FIRST_TO_GO = ("tags", "batch", "strategy", "time", "architecture", "data")
"""Columns that are left out of a narrow table, first to last."""


def command(
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="The newest N runs; 0: all.")] = 20,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """List runs, newest first."""
    from vislab.engine.runs.store import all_runs
    from vislab.presets.settings import load_settings

    folder = load_settings(runs_dir=runs_dir).runs_dir
    runs = all_runs(folder)
    shown = runs[: limit or None]
    rows = [_row(run) for run in shown]
    if json:
        typer.echo(json_.dumps(rows, indent=2))
        return
    if not runs:
        typer.echo(f"There are no runs in {folder}. Start one with: vislab run --preset digits-lenet5", err=True)
        return
    for line in _table(rows):
        typer.echo(line)
    if len(runs) > len(shown):
        typer.echo(f"{len(runs) - len(shown)} older ones are not shown: --limit 0", err=True)


def _row(run: "Run") -> dict[str, Any]:
    """The run's summary and labels as plain data; of a run that cannot be read its id and the reason."""
    import msgspec

    from vislab.presets.errors import InputError

    try:
        row: dict[str, Any] = msgspec.to_builtins(run.summary())
    except InputError as error:
        return {"id": run.id, "status": "damaged", "reason": str(error)}
    return row | {"tags": list(run.labels().tags)}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    from vislab.tui import tables

    width = tables.width()
    titles = ["run", "status", "epochs", "val acc", "data", "architecture", "strategy", "batch", "time", "tags"]
    cells = [_cells(row) for row in rows]
    for title in FIRST_TO_GO:
        if len(_lines(titles, cells, 10_000)[0]) <= width and all(
            len(line) <= width for line in _lines(titles, cells, 10_000)
        ):
            break
        titles.remove(title)
    return _lines(titles, cells, width)


def _lines(titles: list[str], cells: list[dict[str, str]], width: int) -> list[str]:
    from vislab.tui import tables

    return tables.lines(
        titles,
        [[row[title] for title in titles] for row in cells],
        width,
        right=("epochs", "val acc", "batch", "time"),
        whole=("run", "status", "epochs", "val acc"),
    )


def _cells(row: dict[str, Any]) -> dict[str, str]:
    from vislab.tui.views import text

    if row["status"] == "damaged":
        empty = dict.fromkeys(("epochs", "val acc", "data", "architecture", "strategy", "batch", "time", "tags"), "-")
        return {"run": text.plain(row["id"]), "status": "damaged"} | empty
    best = row["best"] or row["last"]
    return {
        "run": text.plain(row["id"]),
        "status": row["status"],
        "epochs": f"{row['epochs_done']}/{row['epochs_planned']}",
        "val acc": text.accuracy(best["val_accuracy"]) if best else text.MISSING,
        "data": text.plain(row["dataset"]),
        "architecture": text.plain(row["architecture"]),
        "strategy": text.plain(row["strategy"]),
        "batch": text.count(row["batch_size"]),
        "time": text.duration(row["elapsed"]) if row["elapsed"] else text.MISSING,
        "tags": text.plain(", ".join(row["tags"])),
    }
