"""`vislab sync RUN`: hand a run's figures on to TensorBoard or Weights & Biases."""

from pathlib import Path
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(
    reference: RunReference,
    tensorboard: Annotated[str, typer.Option(metavar="DIR", help="Write TensorBoard files there.")] = "",
    wandb: Annotated[str, typer.Option(metavar="PROJECT", help="Log to a project of Weights & Biases.")] = "",
    runs_dir: RunsDir = None,
) -> None:
    """Hand on what a tracker has not had yet of a run; without options, to the trackers that the run names."""
    from vislab.engine.trackers.sync import sync
    from vislab.engine.trackers.tracker import check, targets
    from vislab.presets.errors import InputError
    from vislab.presets.layers import absolute, expanded
    from vislab.tui.views.text import plain

    run = find_run(reference, runs_dir)
    given = {"tensorboard": tensorboard and absolute(str(expanded(tensorboard)), Path.cwd()), "wandb": wandb}
    wanted = {kind: place for kind, place in given.items() if place} or targets(run.spec())
    if not wanted:
        raise InputError(f"Run {run.id} names no tracker. Give --tensorboard DIR or --wandb PROJECT.")
    for kind in wanted:
        check(kind)
    for kind, target in wanted.items():
        try:
            count = sync(run, kind, target)
        except InputError:
            raise
        except Exception as error:  # a tracker's own, of any kind: a server, a login, a full disk
            typer.echo(plain(f"error: {kind}: {target}: {type(error).__name__}: {error}", 1000), err=True)
            raise typer.Exit(1) from error
        typer.echo(f"{kind}: {count} events to {target}" if count else f"{kind}: {target} has everything already")
