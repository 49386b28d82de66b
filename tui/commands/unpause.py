"""`vislab unpause RUN`: let a paused run go on."""

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(run: RunReference, runs_dir: RunsDir = None) -> None:
    """Let a paused run go on."""
    from vislab.tui.requests import obeyed

    found = find_run(run, runs_dir)
    applied = obeyed(found, "unpause")
    typer.echo(f"{found.id}: goes on after step {applied.step}")
