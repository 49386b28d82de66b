"""Arguments and options that several commands share, and what they mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run
    from vislab.presets.schema.spec import Spec
    from vislab.presets.settings import Settings


def at_home(parameter: typer.CallbackParam, file: Path | None) -> Path | None:
    """A file or folder that was named: shells leave the `~` of --html=~/log.html, which would become a folder's name.

    Raises:
        InputError: `~name` of nobody.
    """
    from vislab.presets.errors import InputError
    from vislab.presets.layers import expanded

    try:
        return None if file is None else expanded(file)
    except InputError as error:
        raise InputError(f"{parameter.opts[-1]} {error}") from error


RunReference = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, a unique beginning of it, or `latest`.", show_default=False)
]
RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", metavar="DIR", help="The folder that holds the runs.", show_default=False),
]
Preset = Annotated[str, typer.Option("--preset", "-p", metavar="NAME", help="A recipe: `vislab presets`.")]
DatasetName = Annotated[str, typer.Option("--dataset", metavar="NAME", help="A data set, as in `vislab run`.")]
ArchitectureName = Annotated[
    str, typer.Option("--architecture", metavar="NAME", help="An architecture, as in `vislab run`.")
]
StrategyName = Annotated[str, typer.Option("--strategy", metavar="NAME", help="How it is trained: preset.")]
DataPath = Annotated[str, typer.Option("--data", metavar="PATH", help="Where the images lie.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="At the end, write an HTML log of the run.", show_default=False, callback=at_home
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
Detach = Annotated[bool, typer.Option("--detach", help="Print the id once it has begun, and leave it alone.")]
Foreground = Annotated[
    bool, typer.Option("--foreground", help="Keep the worker in this session, for containers and batch jobs.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Print a line an epoch, also on a terminal.")]
Device = Annotated[
    str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, mps, cuda or cuda:N, as in a spec.")
]
Flips = Annotated[
    bool, typer.Option("--tta", help="Average the probabilities of each image and its mirror image (left and right).")
]


def find_run(reference: str, runs_dir: Path | None) -> "Run":
    """The run that a RUN argument means.

    Raises:
        InputError: nothing or more than one run fits.
    """
    from vislab.engine.runs.store import find
    from vislab.presets.settings import load_settings

    return find(load_settings(runs_dir=runs_dir).runs_dir, reference)


def spec_like(reference: str, settings: "Settings") -> "Spec | None":
    """The spec of an earlier run, with the batch size that it decided on; None without a reference.

    Raises:
        InputError: nothing or more than one run fits.
    """
    from vislab.engine.runs.batch_size import settled_spec
    from vislab.engine.runs.store import find

    return settled_spec(find(settings.runs_dir, reference)) if reference else None


def check_detach(detach: bool, foreground: bool, html: Path | None) -> None:
    """Refuse options that --detach excludes.

    Raises:
        InputError: one of them is given with it.
    """
    from vislab.presets.errors import InputError

    if detach and (foreground or html is not None):
        other = "--foreground" if foreground else "--html"
        raise InputError(f"--detach and {other} exclude each other: with --detach nobody stays here.")
