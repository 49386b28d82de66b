"""`vislab attach`: the live view of a run."""

from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunsDir


def command(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run's id, a unique beginning of it, or `latest`.")
    ] = "latest",
    runs_dir: RunsDir = None,
) -> None:
    """Watch a run, live or over, on this terminal.

    Leaving the view leaves the run alone.
    """
    from vislab.tui.commands.console import open_console

    raise typer.Exit(open_console(runs_dir, attach=run))
