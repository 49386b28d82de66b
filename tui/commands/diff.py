"""`vislab diff RUN RUN`: what differs between two runs, in their specs and in their results."""

import json as json_
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir, find_run

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run

Pairs = dict[str, tuple[Any, Any]]


def command(
    first: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare two runs.

    The values of their specs that differ, then the results of both.
    """
    runs = (find_run(first, runs_dir), find_run(second, runs_dir))
    specs, results = _spec_differences(*runs), _both(_results(runs[0]), _results(runs[1]))
    if json:
        typer.echo(json_.dumps({"runs": [run.id for run in runs], "spec": specs, "results": results}, indent=2))
        return
    for line in _lines((runs[0].id, runs[1].id), specs, results):
        typer.echo(line)


def _lines(ids: tuple[str, str], specs: Pairs, results: Pairs) -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views.text import plain

    width = tables.width()
    lines = [f"A  {ids[0]}", f"B  {ids[1]}", ""]
    for title, pairs in (("spec", specs), ("result", results)):
        rows = [[plain(key), plain(_shown(a)), plain(_shown(b))] for key, (a, b) in pairs.items()]
        if not rows:
            lines += [f"Their {title}s do not differ." if title == "spec" else "There are no results yet.", ""]
        elif max(sum(map(len, row)) for row in rows) <= width - 2 * tables.GAP:
            lines += [*tables.lines([title, "A", "B"], rows, width), ""]
        else:  # values are what this is about: they are never cut
            lines += [line for key, a, b in rows for line in (key, f"  A  {a}", f"  B  {b}")] + [""]
    return lines[:-1]


def _spec_differences(a: "Run", b: "Run") -> Pairs:
    from vislab.engine.analysis.comparison import differences, trained_with

    found = differences([trained_with(run.spec(), run.state()) for run in (a, b)])
    return {difference.key: (difference.values[0], difference.values[1]) for difference in found}


def _results(run: "Run") -> dict[str, Any]:
    """The figures that two runs are compared by; those that a run does not have are left out."""
    from vislab.engine.analysis.cost import seconds_in_all
    from vislab.engine.analysis.finding import role

    state = run.state()
    found: dict[str, Any] = {"status": run.status(state), "epochs": state.epochs_done}
    if state.started is not None:
        found["parameters"] = state.started.parameters
        found["trained parameters"] = state.started.trained_parameters
    if state.epochs:
        found["train loss"], found["train accuracy"] = state.epochs[-1].train_loss, state.epochs[-1].train_accuracy
    if state.best is not None and state.started is not None:
        best, of = state.best, role(state.started)
        found |= {"best epoch": best.epoch, f"{of} loss": best.val_loss, f"{of} accuracy": best.val_accuracy}
        found[f"{of} macro F1"] = best.val_macro_f1
    if state.ended is not None and state.ended.test is not None:
        test = state.ended.test
        found |= {f"{test.role}: final loss": test.loss, f"{test.role}: final accuracy": test.accuracy}
    if state.epochs:
        found["seconds an epoch"] = sum(row.seconds for row in state.epochs) / len(state.epochs)
    found["seconds"] = seconds_in_all(state)
    return found


def _both(a: dict[str, Any], b: dict[str, Any]) -> Pairs:
    return {key: (a.get(key), b.get(key)) for key in [*a, *(key for key in b if key not in a)]}


def _shown(value: Any) -> str:
    from vislab.tui.views.spec import value_text

    match value:
        case None:
            return "-"
        case float():
            return f"{value:.6g}"
    return value_text(value) or '""'
