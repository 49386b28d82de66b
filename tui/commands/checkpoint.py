"""`vislab checkpoint RUN`: save a live run now."""

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(run: RunReference, runs_dir: RunsDir = None) -> None:
    """Save a checkpoint of a run after its present step, and print its folder."""
    from vislab.presets.errors import InputError
    from vislab.tui.requests import saved

    found = find_run(run, runs_dir)
    applied, folder = saved(found)
    if not folder:
        raise InputError(f"Run {found.id} has made no step yet: there is nothing to save.")
    typer.echo(str(found.path / folder))
    typer.echo(f"{found.id}: saved after step {applied.step}", err=True)
