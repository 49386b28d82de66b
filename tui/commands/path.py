"""`vislab path RUN`: where a run lies."""

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(run: RunReference, runs_dir: RunsDir = None) -> None:
    """Print the run's directory."""
    typer.echo(str(find_run(run, runs_dir).path))
