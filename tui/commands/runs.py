"""`vislab runs`: a table of runs."""

import json as json_
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run, Summary

COLUMNS = (
    "run",
    "status",
    "epochs",
    "val acc",
    "test acc",
    "data",
    "architecture",
    "strategy",
    "batch",
    "time",
    "tags",
)
FIRST_TO_GO = ("tags", "batch", "strategy", "time", "architecture", "data", "test acc")
"""Columns that are left out of a narrow table, first to last."""

DEATHS = 5
"""Dead workers of which more is said than the word."""

UNCUT = 10_000
"""Cells in which every row has room."""


def command(
    filter: Annotated[
        str,
        typer.Option(
            "--filter",
            "-f",
            metavar="TEXT",
            help="Only runs that fit, such as 'status:done arch:deit val>0.9 age<7d tag:x'.",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="The newest N runs; 0: all.")] = 20,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """List runs, newest first."""
    from vislab.engine.runs.store import all_runs
    from vislab.presets.settings import load_settings
    from vislab.tui.views import run_filter
    from vislab.tui.views.listed import Listed, read

    folder = load_settings(runs_dir=runs_dir).runs_dir
    runs = all_runs(folder)
    looked = [(run, read(run)) for run in (runs if filter else runs[: limit or None])]
    fitting = looked
    if filter:
        listed = [Listed.of(run, found) for run, found in looked]
        wanted = run_filter.parse(filter, listed)
        if "size" in wanted.fields:
            listed = [row.sized(row.run.size()) for row in listed]
        fitting = [pair for pair, row in zip(looked, listed, strict=True) if wanted(row)]
    shown = fitting[: limit or None]
    left_out = (len(fitting) if filter else len(runs)) - len(shown)
    rows = [_row(run, found) for run, found in shown]
    if json:
        typer.echo(json_.dumps(rows, indent=2))
        return
    if not runs:
        typer.echo(f"There are no runs in {folder}. Start one with: vislab run --preset digits-lenet5", err=True)
        return
    if not fitting:
        typer.echo(f"None of {len(runs)} runs fits {filter!r}. A filter holds {run_filter.HINT}.", err=True)
        return
    for line in _table(rows):
        typer.echo(line)
    for line in _deaths(shown):
        typer.echo(line, err=True)
    if left_out:
        typer.echo(f"{left_out} older ones are not shown: --limit 0", err=True)


def _deaths(shown: "Sequence[tuple[Run, Summary | str]]") -> list[str]:
    """Of each run whose worker died, when, and the last thing that it printed; and which fell out of the queue."""
    from vislab.tui import death
    from vislab.tui.worker_log import last_lines

    read = [(run, found.status) for run, found in shown if not isinstance(found, str)]
    lines = [f"{run.id}: {words}" for run, status in read for words in death.of_waiter(run, status)]
    for run in [run for run, status in read if status == "died"][:DEATHS]:
        words = next((line for line in reversed(last_lines(run.worker_log, death.LAST_LINES)) if line.strip()), "")
        lines.append(f"{run.id} {death.when(run, run.state())}" + (f": {words}" if words else ""))
    return lines


def _row(run: "Run", found: "Summary | str") -> dict[str, Any]:
    """The run's summary as plain data; of a run that cannot be read its id and the reason."""
    import msgspec

    if isinstance(found, str):
        return {"id": run.id, "status": "damaged", "reason": found}
    row: dict[str, Any] = msgspec.to_builtins(found)
    return row


def _table(rows: list[dict[str, Any]]) -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views.text import MISSING, ON_TEST

    width = tables.width()
    titles = {title: title for title in COLUMNS}
    cells = [_cells(row) for row in rows]
    if all(row["test acc"] == MISSING for row in cells):
        del titles["test acc"]
    on_test = any(row.get("selected_on_test") for row in rows)
    if on_test:
        titles["val acc"] = "acc"
        for row in cells:  # digits stand in line
            row |= {title: row[title] + " " for title in ("val acc", "test acc") if ON_TEST not in row[title]}
    for title in FIRST_TO_GO:
        if max(map(len, _lines(titles, cells, UNCUT))) <= width:
            break
        titles.pop(title, None)
    legend = f"{ON_TEST} of test images that chose the best epoch: too high"
    return [*_lines(titles, cells, width), *[legend] * on_test]


def _lines(titles: dict[str, str], cells: list[dict[str, str]], width: int) -> list[str]:
    """A line of titles, by what they are called here, and a line a run."""
    from vislab.tui import tables

    return tables.lines(
        list(titles.values()),
        [[row[title] for title in titles] for row in cells],
        width,
        right=("epochs", "val acc", "acc", "test acc", "batch", "time"),
        whole=("run", "status", "epochs", "val acc", "acc", "test acc"),
    )


def _cells(row: dict[str, Any]) -> dict[str, str]:
    from vislab.tui.views import text

    if row["status"] == "damaged":
        return dict.fromkeys(COLUMNS, text.MISSING) | {"run": text.plain(row["id"]), "status": "damaged"}
    best = row["best"] or row["last"]
    test = row["test"] if row["test"] is not None and row["test"]["role"] == "test" else None
    on_test = row["selected_on_test"]
    return {
        "run": text.plain(row["id"]),
        "status": row["status"],
        "epochs": f"{row['epochs_done']}/{row['epochs_planned']}",
        "val acc": text.judged(text.accuracy(best["val_accuracy"] if best else None), on_test=on_test),
        "test acc": text.judged(text.accuracy(test["accuracy"] if test else None), on_test=on_test),
        "data": text.plain(row["dataset"]),
        "architecture": text.plain(row["architecture"]),
        "strategy": text.plain(row["strategy"]),
        "batch": text.MISSING if row["batch_size"] is None else text.count(row["batch_size"]),
        "time": text.duration(row["elapsed"]) if row["elapsed"] else text.MISSING,
        "tags": text.plain(", ".join(row["tags"])),
    }
