"""`vislab study NAME`: the recipes of a study one after another, and what they come to together."""

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vislab.tui.commands.arguments import AsJson, DataPath, Plain, Quiet, RunsDir
from vislab.tui.commands.compare import Csv, HtmlFile, Markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vislab.presets.settings import Settings
    from vislab.tui.study import Planned


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A study: `vislab presets studies`.", show_default=False)],
    data: DataPath = "",
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
    from vislab.engine.runs import studies
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import html_file
    from vislab.tui import study as studying

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
    again = studies.again(record, settings)
    files = {"markdown": markdown, "csv": csv, "html": html}
    code = follow(
        planned,
        settings,
        **files,
        quiet=quiet,
        plain=plain,
        json=json,
        detach=detach,
        title=f"Study {name}",
        question=question,
        again=again,
    )
    raise typer.Exit(code)


def follow(
    planned: "Sequence[Planned]",
    settings: "Settings",
    *,
    markdown: Path | None = None,
    csv: Path | None = None,
    html: Path | None = None,
    quiet: bool,
    plain: bool,
    json: bool,
    detach: bool,
    title: str = "",
    question: str = "",
    again: "Sequence[str]" = (),
) -> int:
    """Train runs that were made, one after another, and compare them; or put them into the queue.

    Args:
        again: command lines that do the same again, the first of them to go on.

    Returns:
        The exit code.
    """
    from vislab.engine.analysis.comparison import look
    from vislab.engine.runs import studies
    from vislab.tui import headless
    from vislab.tui import study as studying
    from vislab.tui.commands import compare as comparing

    ids = [one.run.id for one in planned]
    again = again or [studies.compared_again(ids, settings)]
    if detach:
        put = [run.id for run in studying.enqueue(planned, settings)]
        typer.echo(json_.dumps(put, indent=2) if json else "\n".join(put))
        typer.echo(f"{len(put)} of {len(planned)} wait in the queue. Later: {again[-1]}", err=True)
        return 0

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    output = headless.Output(quiet=quiet, plain=plain, report=False)
    code = studying.follow(planned, settings, output, say)
    if code in studying.STOPPED:
        go_on = again[0] if title else "the same command"
        typer.echo(f"Go on with: {go_on}", err=True)
        return code
    comparing.tell(
        [look(one.run) for one in planned],
        title=title,
        question=question,
        again=again,
        markdown=markdown,
        csv=csv,
        html=html,
        json=json,
        page=not json,
    )
    return code
