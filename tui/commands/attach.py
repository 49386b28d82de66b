"""`vislab attach`: the live view of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vislab.tui.commands.arguments import Plain, RunsDir, find_run

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run


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
    prints what the run does until it ends, and ends with its exit code; SIGTERM and SIGUSR1 are then passed on, the run
    is saved, and the exit code is 143.
    """
    from vislab.tui.commands.console import no_terminal, open_console

    chosen = find_run(run, runs_dir) if run else newest_live(runs_dir)
    if not plain and not no_terminal():
        open_console(runs_dir, attach=chosen.id)
    from vislab.tui import headless

    raise typer.Exit(headless.attach(chosen, headless.Output(plain=plain)))


def newest_live(runs_dir: Path | None) -> "Run":
    """The newest run that has a worker, else the newest that waits for one.

    Raises:
        InputError: there is none.
    """
    from vislab.engine.runs.store import all_runs
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui.headless import is_alive

    folder = load_settings(runs_dir=runs_dir).runs_dir
    live = [run for run in all_runs(folder) if is_alive(run)]
    if not live:
        raise InputError(f"No run is running in {folder}. See: vislab runs")
    return next((run for run in live if run.worker()), live[0])
