"""`vislab study NAME`: the recipes of a study one after another, and what they come to together."""

import json as json_
import shlex
from typing import Annotated

import typer

from vislab.tui.commands.arguments import AsJson, Plain, Quiet, RunsDir
from vislab.tui.commands.compare import Csv, HtmlFile, Markdown


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A study: `vislab presets studies`.", show_default=False)],
    data: Annotated[str, typer.Option(metavar="PATH", help="Where the images lie.")] = "",
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="A data set for all recipes, in place of their own.")
    ] = "",
    set: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="One value of all specs, such as strategy.epochs=5."),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Train each recipe with so many seeds.")] = 1,
    folds: Annotated[
        int, typer.Option(metavar="K", help="Train each recipe on K folds, each validated once; 0: its own split.")
    ] = 0,
    detach: Annotated[
        bool, typer.Option("--detach", help="Put the runs into the queue, print their ids, and leave them alone.")
    ] = False,
    markdown: Markdown = None,
    csv: Csv = None,
    html: HtmlFile = None,
    quiet: Quiet = False,
    plain: Plain = False,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Train all recipes of a study on the same data, split and seeds, and compare them.

    Runs that are done are not repeated, unfinished ones go on: after Ctrl+C, which stops after the present step with a
    checkpoint, the same command goes on. A run that fails does not stop the others; the exit code tells of it.
    """
    from vislab.engine.analysis.comparison import look
    from vislab.engine.runs import studies
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import headless, html_file
    from vislab.tui import study as studying
    from vislab.tui.commands import compare as comparing

    if detach and (html or markdown or csv):
        raise InputError("With --detach nobody stays to write files. Later: vislab compare --study NAME --html FILE")
    html_file.check(html)
    settings = load_settings(runs_dir=runs_dir, strict=False)
    question, recipes = studying.study(name, settings)
    asked = studying.Asked(dataset=dataset, data=data, sets=tuple(set or ()), seeds=seeds, folds=folds)
    planned = studying.plan(recipes, asked, settings)
    studying.make(planned, settings)
    record = studies.Record(
        name=name, question=question, command=asked.command(name), runs=tuple(one.run.id for one in planned)
    )
    studies.save(settings.runs_dir, record)
    if detach:
        put = studying.enqueue(planned, settings)
        typer.echo(json_.dumps([run.id for run in put], indent=2) if json else "\n".join(run.id for run in put))
        typer.echo(f"{len(put)} of {len(planned)} wait in the queue. See: vislab compare --study {name}", err=True)
        return

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    output = headless.Output(quiet=quiet, plain=plain, report=False)
    code = studying.follow(planned, settings, output, say)
    if code in studying.STOPPED:
        typer.echo(f"Go on with: {shlex.join(record.command)}", err=True)
        raise typer.Exit(code)
    comparing.tell(
        [look(one.run) for one in planned],
        title=f"Study {name}",
        question=question,
        again=studies.again(record),
        markdown=markdown,
        csv=csv,
        html=html,
        json=json,
        page=not json,
    )
    raise typer.Exit(code)
