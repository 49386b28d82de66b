"""`vislab export RUN`: a run as files for others."""

from pathlib import Path
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, at_home, find_run


def command(
    run: RunReference,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="The log, as one HTML file.", show_default=False, callback=at_home),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(
            "--onnx",
            metavar="FILE",
            help="The model as ONNX, checked with onnxruntime.",
            show_default=False,
            callback=at_home,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="The weights as .safetensors, with a model card (README.md) beside them.",
            show_default=False,
            callback=at_home,
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            "--markdown", metavar="FILE", help="The report, as a Markdown file.", show_default=False, callback=at_home
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="The epochs, as a CSV file: a row an epoch.",
            show_default=False,
            callback=at_home,
        ),
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Write a run as files for others.

    The log is self-contained: spec, environment, table of epochs, curves, result. Weights have timm's own keys where
    the network is timm's; else a model.py beside them loads them.
    """
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import html_file, report_file
    from vislab.tui.asking import asked
    from vislab.tui.views import exported
    from vislab.tui.views.text import plain

    if all(file is None for file in (html, markdown, csv, onnx, weights)):
        raise InputError(
            "Say what is to be written: --html FILE, --markdown FILE, --csv FILE, --onnx FILE or --weights FILE."
        )
    found_run = find_run(run, runs_dir)
    for option, file in (("--html", html), ("--onnx", onnx), ("--weights", weights)):
        html_file.check(file, option)
    if html is not None:
        html_file.write(found_run, html)
        typer.echo(str(html))
    if markdown is not None:
        report_file.write_run(found_run, markdown)
        typer.echo(str(markdown))
    if csv is not None:
        report_file.write_epochs(found_run, csv)
        typer.echo(str(csv))
    if onnx is None and weights is None:
        return
    request = {
        "run_dir": str(found_run.path),
        "data_dir": str(load_settings(runs_dir=runs_dir).data_dir),
        "onnx": str(onnx or ""),
        "weights": str(weights or ""),
    }
    found = asked("export", request)
    if found["weights"] is not None:
        for file in found["weights"]["files"]:
            typer.echo(file)
        for line in exported.weights_lines(found["weights"]):
            typer.echo(line, err=True)
    if found["onnx"] is not None:
        if found["onnx"]["passed"]:
            typer.echo(found["onnx"]["file"])
        for line in exported.onnx_lines(found["onnx"]):
            typer.echo(line, err=True)
        if found["onnx"]["not_written"]:
            typer.echo(plain(found["onnx"]["not_written"], 1000), err=True)
        if not found["onnx"]["passed"]:
            raise typer.Exit(1)
