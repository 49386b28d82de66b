"""`vislab export RUN`: a run as a file for others."""

from pathlib import Path
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(
    run: RunReference,
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="Where the log goes.", show_default=False)],
    runs_dir: RunsDir = None,
) -> None:
    """Write a run as an HTML log.

    One self-contained file: spec, environment, table of epochs, curves, result.
    """
    from vislab.tui import html_file

    html_file.check(html)
    html_file.write(find_run(run, runs_dir), html)
    typer.echo(str(html))
