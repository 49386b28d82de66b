"""`vislab compare RUN RUN…`: runs side by side, with the same-images test."""

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir

if TYPE_CHECKING:
    from vislab.engine.analysis.comparison import Compared, Pair

CURVE_HEIGHT = 14


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", show_default=False)],
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write the comparison as a Markdown file.", show_default=False),
    ] = None,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare runs.

    Results with their intervals, cost, what differs, whether the difference is more than chance on the same images,
    figures by class.
    """
    from vislab.engine.analysis.comparison import look
    from vislab.engine.runs.store import find
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import tables
    from vislab.tui.views import compare

    folder = load_settings(runs_dir=runs_dir).runs_dir
    chosen = {run.id: run for run in (find(folder, reference) for reference in runs)}
    if len(chosen) < 2:
        raise InputError("A comparison needs two runs or more: vislab compare RUN RUN. They are listed by: vislab runs")
    looked = [look(run) for run in chosen.values()]
    if json:
        typer.echo(json_.dumps(_plain_data(looked), indent=2))
    elif markdown is None:
        for line in [*_curves(looked, tables.width()), *compare.page(looked, tables.width())]:
            typer.echo(line)
    if markdown is not None:
        from vislab.tui import report_file

        report_file.write(looked, markdown)
        typer.echo(str(markdown), err=json)


def _curves(runs: "Sequence[Compared]", width: int) -> list[str]:
    from vislab.tui.views import compare
    from vislab.tui.widgets.curves import draw

    if not any(run.state.epochs for run in runs):
        return []
    drawn = draw(
        compare.curves(runs, "accuracy", "epoch"),
        width=width,
        height=CURVE_HEIGHT,
        title="validation accuracy",
        x_label="epoch",
        x_range=compare.x_range(runs, "epoch"),
        colour=False,
    )
    return [*(line.rstrip() for line in drawn), *compare.words(runs, "accuracy"), ""]


def _plain_data(runs: "Sequence[Compared]") -> dict[str, Any]:
    from vislab.engine.analysis import comparison
    from vislab.tui.views import compare

    heads, rows = compare.per_class(runs)
    return {
        "runs": [
            {
                "id": run.run.id,
                "name": run.name,
                "status": run.status,
                "epochs": len(run.state.epochs),
                "best_epoch": run.best.epoch if run.best is not None else None,
                "images": run.images,
                "interval": run.interval,
                "selected_on_test": run.selected_on_test,
                "trained_parameters": run.trained_parameters,
                **{name: read(run) for name, (read, _) in comparison.FIGURES.items()},
            }
            for run in runs
        ],
        "differences": [
            {"key": row.key, "values": row.values} for row in comparison.differences([r.spec for r in runs])
        ],
        "tests": [_test(runs, pair) for pair in comparison.tests_against(runs, comparison.winner(runs))],
        "same_data": comparison.same_data(runs),
        "per_class": {"columns": heads, "rows": rows},
    }


def _test(runs: "Sequence[Compared]", pair: "Pair") -> dict[str, Any]:
    named = {"a": runs[pair.a].run.id, "b": runs[pair.b].run.id}
    return named | (pair.test._asdict() if pair.test is not None else {"refused": pair.refused})
