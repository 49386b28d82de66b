"""`vislab pause RUN`: let a live run rest."""

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(run: RunReference, runs_dir: RunsDir = None) -> None:
    """Pause a run after its present step.

    It keeps its memory and its device. The time does not count.
    """
    from vislab.tui.requests import obeyed

    found = find_run(run, runs_dir)
    applied = obeyed(found, "pause")
    typer.echo(f"{found.id}: paused after step {applied.step}. Go on with: vislab unpause {found.id}")
