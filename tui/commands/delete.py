"""`vislab delete RUN…`: remove runs for good."""

import sys
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunsDir


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Delete runs, with their checkpoints and logs.

    It asks first. A run that is training is refused.
    """
    from vislab.engine.runs import store
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui.views import text

    folder = load_settings(runs_dir=runs_dir).runs_dir
    chosen = {run.id: run for run in (store.find(folder, reference) for reference in runs)}
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("Nobody can be asked here whether to delete: say so with --yes.")
        for run in chosen.values():
            typer.echo(f"{text.plain(run.id)}  {run.status()}  {text.size(run.size())}", err=True)
        if not typer.confirm(f"Delete {text.counted(len(chosen), 'run')} for good?", err=True):
            raise typer.Exit(1)
    for run in chosen.values():
        store.delete(run)
        typer.echo(run.id)
