"""`vislab prune`: remove runs that are no longer wanted, by age and by result."""

import json as json_
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir

if TYPE_CHECKING:
    from vislab.engine.runs.prune import Candidate


def command(
    older: Annotated[
        str, typer.Option(metavar="AGE", help="Only runs in which nothing was said for so long: 90min, 12h, 30d, 8w.")
    ] = "",
    not_best: Annotated[
        bool,
        typer.Option("--not-best", help="Only runs that are not the best of their data set, on validation images."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would go, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Delete runs by age and result, with their checkpoints and logs.

    It lists them with their sizes and asks first. Runs that are training or waiting stay.
    """
    from vislab.engine.runs import prune
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui.views import text

    folder = load_settings(runs_dir=runs_dir).runs_dir
    candidates = prune.plan(folder, older=prune.seconds(older) if older else None, not_best=not_best)
    total = text.size(sum(candidate.size for candidate in candidates))
    if not dry_run and not yes and candidates and (json or not sys.stdin.isatty()):
        raise InputError("Nobody can be asked here whether to delete: say so with --yes, or look with --dry-run.")
    if not json:
        for line in _table(candidates):
            typer.echo(line, err=not dry_run)
    if not dry_run:
        counted = text.counted(len(candidates), "run")
        if candidates and not yes and not typer.confirm(f"Delete {counted}, {total}, for good?", err=True):
            raise typer.Exit(1)
        candidates, faults = prune.apply(candidates)
        for fault in faults:
            typer.echo(f"warning: {text.plain(fault, 1000)}", err=True)
        total = text.size(sum(candidate.size for candidate in candidates))
    if json:
        rows = [{"id": c.run.id, "age": c.age, "size": c.size, "status": c.summary.status} for c in candidates]
        typer.echo(json_.dumps(rows, indent=2))
    else:
        done = "would be deleted" if dry_run else "deleted"
        typer.echo(f"{text.counted(len(candidates), 'run')} {done}, {total}")


def _table(candidates: "list[Candidate]") -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views import text

    if not candidates:
        return []
    rows = [
        [
            text.plain(candidate.run.id),
            candidate.summary.status,
            text.accuracy(candidate.summary.best.val_accuracy) if candidate.summary.best else text.MISSING,
            text.plain(candidate.summary.dataset),
            text.duration(candidate.age),
            text.size(candidate.size),
        ]
        for candidate in candidates
    ]
    titles = ["run", "status", "val acc", "data", "silent for", "size"]
    return tables.lines(titles, rows, tables.width(), right=titles[2:3] + titles[4:], whole=("run", "status", "size"))
