"""`vislab compare RUN RUN…`: runs side by side, with the same-images test."""

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir, at_home

if TYPE_CHECKING:
    from vislab.engine.analysis.comparison import Compared
    from vislab.engine.analysis.groups import Group, GroupPair

CURVE_HEIGHT = 14

Markdown = Annotated[
    Path | None,
    typer.Option(
        "--markdown",
        metavar="FILE",
        help="Write the comparison as a Markdown file.",
        show_default=False,
        callback=at_home,
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Write the figures as a CSV file, a row a run.",
        show_default=False,
        callback=at_home,
    ),
]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Write the comparison as one HTML file.", show_default=False, callback=at_home
    ),
]


def command(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN…", show_default=False)] = None,
    study: Annotated[str, typer.Option("--study", metavar="NAME", help="All runs of a study.")] = "",
    markdown: Markdown = None,
    csv: Csv = None,
    html: HtmlFile = None,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare runs.

    Results with their intervals, cost, what differs, whether the difference is more than chance on the same images,
    figures by class. Runs that differ in nothing but seed or fold are one row: mean ± standard deviation.
    """
    from vislab.engine.analysis.comparison import look
    from vislab.engine.runs import studies
    from vislab.engine.runs.store import find
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import html_file

    html_file.check(html)
    settings = load_settings(runs_dir=runs_dir)
    folder = settings.runs_dir
    if study and runs:
        raise InputError("Give runs or --study NAME, not both.")
    record = studies.load(folder, study) if study else None
    found = studies.runs_of(folder, record) if record else [find(folder, reference) for reference in runs or ()]
    chosen = {run.id: run for run in found}
    if record is not None and not chosen:
        line, _ = studies.again(record, settings)
        raise InputError(f"The runs of study {study} are gone. Run it again with: {line}")
    if record is None and len(chosen) < 2:
        raise InputError("A comparison needs two runs or more: vislab compare RUN RUN. They are listed by: vislab runs")
    again = [studies.compared_again(chosen, settings)] if record is None else studies.again(record, settings)
    tell(
        [look(run) for run in chosen.values()],
        title=f"Study {record.name}" if record else "",
        question=record.question if record else "",
        again=again,
        markdown=markdown,
        csv=csv,
        html=html,
        json=json,
        page=not json and not (markdown or csv or html),
    )


def tell(
    runs: "Sequence[Compared]",
    *,
    title: str,
    question: str,
    again: Sequence[str],
    markdown: Path | None,
    csv: Path | None,
    html: Path | None,
    json: bool,
    page: bool,
) -> None:
    """Write a comparison to files, and to stdout as JSON or as a page.

    Raises:
        InputError: a file cannot be written; then there is no JSON either, which a script would take for the whole.
    """
    from vislab.presets.library import list_presets
    from vislab.tui import html_file, report_file, tables
    from vislab.tui.views import compare

    if page:
        for line in [*curve_lines(runs, tables.width()), *compare.page(runs, tables.width())]:
            typer.echo(line)
    if markdown is not None:
        report_file.write(runs, markdown, title=title, question=question, again=again)
    if csv is not None:
        report_file.write_csv(runs, csv)
    if html is not None:
        printed = {recipe.name: str(recipe.facts.get("printed", "")) for recipe in list_presets("recipes")}
        html_file.write_comparison(runs, html, title=title, question=question, again=again, printed=printed)
    for file in filter(None, (markdown, csv, html)):
        typer.echo(str(file), err=json or page)
    if json:
        typer.echo(json_.dumps(plain_data(runs), indent=2))


def curve_lines(runs: "Sequence[Compared]", width: int) -> list[str]:
    """The accuracy of all runs over each other, drawn and in words; nothing before the first epoch."""
    from vislab.tui.views import compare
    from vislab.tui.widgets.curves import draw

    if not any(run.state.epochs for run in runs):
        return []
    among = compare.arranged(runs)
    drawn = draw(
        [band.mean for band in compare.group_curves(among, "accuracy")],
        width=width,
        height=CURVE_HEIGHT,
        title=compare.curve_title(among, "accuracy"),
        x_label=compare.x_label(runs),
        x_range=compare.x_range(runs, "epoch"),
        colour=False,
    )
    return [*(line.rstrip() for line in drawn), *compare.group_words(among, "accuracy"), ""]


def plain_data(runs: "Sequence[Compared]") -> dict[str, Any]:
    """The comparison as data for `--json`."""
    from vislab.engine.analysis import comparison, groups
    from vislab.engine.analysis.stars import stars
    from vislab.tui.views import compare, compare_report

    among = compare.arranged(runs)
    firsts = [group.first for group in among]
    heads, rows = compare.per_class(firsts)
    starred = {name: stars(among, name).best for name in comparison.FIGURES}
    pairs = groups.tests_against(among, groups.winner(among))
    named = [group.first.run.id for group in among]
    of_all = groups.not_told_apart(among, pairs, named)
    return {
        "runs": [{**compare_report.figures(run), "interval": run.interval} for run in runs],
        "groups": [_group(group) for group in among],
        "differences": [
            {"key": row.key, "values": row.values} for row in comparison.differences([r.settings for r in runs])
        ],
        "tests": [row for pair in pairs for row in _tests(among, pair)],
        "same_data": comparison.same_data(runs),
        "stars": {name: [among[index].first.run.id for index in sorted(best)] for name, best in starred.items()},
        "notes": compare.notes(among),
        "findings": [
            *(finding._asdict() | {"run": of} for of, finding in _findings(runs)),
            *([of_all._asdict() | {"run": None}] if of_all is not None else []),
        ],
        "per_class": {"runs": named, "columns": heads, "rows": rows},
    }


def _findings(runs: "Sequence[Compared]") -> "list[tuple[str, Any]]":
    from vislab.engine.analysis.findings import findings

    return [(run.run.id, finding) for run in runs for finding in findings(run.state, run.spec)]


def _group(group: "Group") -> dict[str, Any]:
    from vislab.engine.analysis.comparison import FIGURES

    spreads = {name: group.spread(measure.read) for name, measure in FIGURES.items()}
    return {
        "name": group.first.name,
        "runs": [run.run.id for run in group.runs],
        "counted": [run.run.id for run in group.counted],
        **{name: spread._asdict() if spread else None for name, spread in spreads.items()},
    }


def _tests(among: "Sequence[Group]", pair: "GroupPair") -> list[dict[str, Any]]:
    named = {"a": among[pair.a].first.run.id, "b": among[pair.b].first.run.id}
    if not pair.tests:
        return [named | {"refused": pair.refused}]
    return [named | {"seed": row.repeat[0], "fold": row.repeat[1]} | row.test._asdict() for row in pair.tests]
