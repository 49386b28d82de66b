"""`vislab attach`: the live view of a run."""

from typing import Annotated

import typer

from vislab.tui.commands.arguments import Plain, RunsDir, find_run


def command(
    run: Annotated[
        str,
        typer.Argument(metavar="[RUN]", help="An id, a unique beginning of it, or `latest`; else the newest live run."),
    ] = "",
    plain: Plain = False,
    runs_dir: RunsDir = None,
) -> None:
    """Watch a run, live or over, on this terminal.

    Leaving the view leaves the run alone, and so do Ctrl+C and a lost terminal. With --plain, or without a terminal, it
    prints what a live run does until it ends, and ends with its exit code; SIGTERM and SIGUSR1 are then passed on, the
    run is saved, and the exit code is 143. What a run that is over came to, `vislab show` prints.
    """
    from vislab.tui.commands.console import no_terminal, open_console
    from vislab.tui.living import newest_live

    chosen = find_run(run, runs_dir) if run else newest_live(runs_dir)
    if not plain and not no_terminal():
        open_console(runs_dir, attach=chosen.id)
    from vislab.tui import headless

    raise typer.Exit(headless.attach(chosen, headless.Output(plain=plain)))
