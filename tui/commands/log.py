"""`vislab log RUN`: what the worker's libraries said."""

import sys
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(
    run: RunReference,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the worker has ended.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Print what the worker and its libraries said.

    This is worker.log: stdout and stderr of the process that trains.
    """
    from vislab.tui.worker_log import last_lines, lines_until_end

    found = find_run(run, runs_dir)
    for line in lines_until_end(found) if follow else last_lines(found.worker_log):
        typer.echo(line)
        sys.stdout.flush()
