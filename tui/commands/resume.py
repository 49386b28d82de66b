"""`vislab resume RUN`: go on with a run that ended early, or make a longer one of it."""

from enum import StrEnum
from typing import Annotated

import typer

from vislab.tui.commands.arguments import (
    AsJson,
    Detach,
    Foreground,
    Html,
    Plain,
    Quiet,
    RunReference,
    RunsDir,
    check_detach,
    find_run,
)


class Schedule(StrEnum):
    """How the learning rate goes on in added epochs."""

    HOLD = "hold"
    STRETCH = "stretch"
    RESTART = "restart"


def command(
    run: RunReference,
    epochs: Annotated[
        int, typer.Option(metavar="TOTAL", min=0, help="Train for so many epochs in all; 0: as many as planned.")
    ] = 0,
    schedule: Annotated[
        Schedule,
        typer.Option(help="The learning rate of added epochs: hold its last value, stretch or restart its schedule."),
    ] = Schedule.HOLD,
    accumulate: Annotated[
        int, typer.Option(metavar="N", min=0, help="Cut each batch into N parts, to save memory; 0: as it was.")
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Go on though images have changed since the run began.")
    ] = False,
    detach: Detach = False,
    foreground: Foreground = False,
    html: Html = None,
    quiet: Quiet = False,
    plain: Plain = False,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Go on with a run that ended early, or train a finished one for more epochs.

    It continues from its last checkpoint, on the same data split, with its epochs counted on.
    """
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import headless, html_file

    check_detach(detach, foreground, html)
    html_file.check(html)
    found = find_run(run, runs_dir)
    if found.status() == "done" and not epochs:
        raise InputError(
            f"Run {found.id} is done. For more epochs: vislab resume {found.id} --epochs TOTAL. "
            f"To train again from its settings: vislab run --like {found.id}"
        )
    output = headless.Output(quiet=quiet, plain=plain, json=json, html=html)
    settings = load_settings(runs_dir=runs_dir)
    starting: headless.Starting = {
        "foreground": foreground,
        "epochs": epochs,
        "schedule": schedule.value,
        "accumulate": accumulate,
        "force": force,
    }
    follow = headless.begin if detach else headless.train
    raise typer.Exit(follow(found, settings, output, **starting))
