"""`vislab predict RUN PATH…`: what a trained run says of images."""

import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, Device, Flips, RunReference, RunsDir, at_home, find_run

if TYPE_CHECKING:
    from vislab.engine.analysis.submission import Answer

_EVERY = 1_000_000
"""Classes, or cells of a line: more than there are."""


def command(
    run: RunReference,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Images, folders, or patterns in quotes.", show_default=False)
    ],
    top: Annotated[int, typer.Option("--top", metavar="K", min=1, help="Show the K likeliest classes.")] = 1,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write the table to a CSV file.", show_default=False, callback=at_home
        ),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option(
            "--submission",
            metavar="SAMPLE",
            help="Fill a competition's sample file; with --out.",
            show_default=False,
            callback=at_home,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where the filled sample file goes.", show_default=False, callback=at_home
        ),
    ] = None,
    tta: Flips = False,
    device: Device = "auto",
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Predict the classes of images with the best weights of a run.

    Folders are read at any depth. Images that cannot be read are named and left out.
    """
    from vislab.engine.analysis.submission import filled, read_sample
    from vislab.presets.errors import InputError
    from vislab.tui import csv_file, tables
    from vislab.tui.asking import asked
    from vislab.tui.views import predicted
    from vislab.tui.views.text import plain

    if (submission is None) != (out is None):
        raise InputError("--submission SAMPLE and --out FILE go together: give both.")
    sample = read_sample(submission) if submission is not None else None
    if sample is not None and out is not None and out.exists() and out.samefile(sample.path):
        raise InputError(f"--out {out} is the sample file itself: name another file.")
    # With two columns a sample asks for labels, and a thousand classes an image would be much to hand over.
    probabilities = sample is not None and len(sample.titles) > 2
    request = {
        "run_dir": str(find_run(run, runs_dir).path),
        "paths": paths,
        "top": _EVERY if probabilities else top,
        "device": device,
        "tta": tta,
    }
    found = asked("predict", request)
    for line in [predicted.origin(found), *predicted.unreadable(found)]:
        typer.echo(line, err=True)
    if sample is not None and out is not None:
        if found["unreadable"]:
            raise InputError("A submission needs every image; mend or replace those that cannot be read.")
        answers = [_answer(image, probabilities) for image in found["images"]]
        made = filled(sample, answers, found["classes"])
        typer.echo(f"{plain(str(sample.path), 200)}: {plain(made.form, 1000)}", err=True)
        csv_file.write_text(out, made.text)
        for image in found["images"]:
            image["classes"], image["probabilities"] = image["classes"][:top], image["probabilities"][:top]
    if csv is not None:
        csv_file.write(csv, *_table(found))
    if json:
        typer.echo(json_.dumps(_plain_data(found), indent=2))
    elif csv is not None or out is not None:
        for file in filter(None, (csv, out)):
            typer.echo(str(file))
    else:
        for line in predicted.table(found, tables.width() if sys.stdout.isatty() else _EVERY):
            typer.echo(line)
    if not found["images"]:
        raise typer.Exit(1)


def _answer(image: dict[str, Any], probabilities: bool) -> "Answer":
    """What a submission needs to know of an image."""
    from vislab.engine.analysis.submission import Answer

    if None in image["probabilities"]:
        return Answer(image["name"], None)
    shares: dict[int, float] = dict(zip(image["classes"], image["probabilities"], strict=True))
    return Answer(image["name"], image["classes"][0], [shares[label] for label in sorted(shares)] * probabilities)


def _table(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    from vislab.engine.runs.cells import guard, single

    ranks = range(max((len(image["classes"]) for image in found["images"]), default=1))
    titles = ["file"]
    for rank in ranks:
        ending = f"_{rank + 1}" if rank else ""
        titles += [f"predicted{ending}", f"probability{ending}"]
    rows = []
    for image in found["images"]:
        row = [guard(image["name"])]
        for index, share in zip(image["classes"], image["probabilities"], strict=True):
            row += [guard(found["classes"][index]), "nan" if share is None else single(share)]
        rows.append(row)
    return titles, rows


def _plain_data(found: dict[str, Any]) -> dict[str, Any]:
    images = [
        {
            "file": image["name"],
            "predictions": [
                {"class": found["classes"][index], "index": index, "probability": share}
                for index, share in zip(image["classes"], image["probabilities"], strict=True)
            ],
        }
        for image in found["images"]
    ]
    return {key: value for key, value in found.items() if key not in ("classes", "images")} | {"images": images}
