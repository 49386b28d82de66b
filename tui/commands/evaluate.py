"""`vislab evaluate RUN`: how good a trained run is on labelled images."""

import enum
import json as json_
from typing import Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, Device, Flips, RunReference, RunsDir, find_run


class Part(enum.StrEnum):
    """Parts of a data set that a run was not trained on."""

    TEST = "test"
    VALIDATION = "validation"


def command(
    run: RunReference,
    data: Annotated[
        str, typer.Option("--data", metavar="PATH", help="Another data set: a folder, a table, a name, as in `data`.")
    ] = "",
    split: Annotated[
        Part | None, typer.Option("--split", help="Which part; else test where there is one.", show_default=False)
    ] = None,
    tta: Flips = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read, and list them.")
    ] = False,
    device: Device = "auto",
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Evaluate the best weights of a run, and write what was found into the run's results.

    The run's own test or validation images, or another data set with the same names of classes.
    """
    import msgspec

    from vislab.engine.analysis.per_class import sparse
    from vislab.presets.library import resolve
    from vislab.presets.settings import load_settings
    from vislab.tui import tables
    from vislab.tui.asking import asked
    from vislab.tui.views import evaluation, predicted
    from vislab.tui.views.text import plain

    settings = load_settings(runs_dir=runs_dir)
    request: dict[str, Any] = {
        "run_dir": str(find_run(run, runs_dir).path),
        "data_dir": str(settings.data_dir),
        "split": split.value if split is not None else "",
        "tta": tta,
        "skip_unreadable": skip_unreadable,
        "device": device,
    }
    if data:
        # A spec has an architecture; which one makes no difference to the data set.
        spec = resolve(dataset=data, architecture="lenet5", settings=settings)
        request["data"] = msgspec.to_builtins(spec.dataset)
    found = asked("evaluate", request)
    for line in [*predicted.unreadable(found), *(evaluation.warning(found) if json else [])]:
        typer.echo(line, err=True)
    if found["not_written"]:
        typer.echo(plain(found["not_written"], 1000), err=True)
    if json:
        typer.echo(json_.dumps(found, indent=2))
        return
    for line in evaluation.page({**found, "confusion": sparse(found["confusion"])}, tables.width()):
        typer.echo(line)
    if found["file"]:
        typer.echo(found["file"], err=True)
