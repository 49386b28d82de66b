"""Arguments and options that several commands share, and what they mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run

RunReference = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, a unique beginning of it, or `latest`.", show_default=False)
]
RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", metavar="DIR", help="The folder that holds the runs.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="At the end, write an HTML log of the run.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
Plain = Annotated[bool, typer.Option("--plain", help="Print a line an epoch, also on a terminal.")]


def find_run(reference: str, runs_dir: Path | None) -> "Run":
    """The run that a RUN argument means.

    Raises:
        InputError: nothing or more than one run fits.
    """
    from vislab.engine.runs.store import find
    from vislab.presets.settings import load_settings

    return find(load_settings(runs_dir=runs_dir).runs_dir, reference)
