"""A comparison as files for others: a Markdown document, and rows of figures for a spreadsheet."""

from collections.abc import Sequence
from typing import Any

from vislab.engine.analysis import comparison
from vislab.engine.analysis.comparison import Compared
from vislab.engine.runs.cells import guard
from vislab.engine.runs.events import number
from vislab.tui.views import compare, compare_table
from vislab.tui.views.compare import label
from vislab.tui.views.markdown import cell, items, table
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import plain


def markdown(runs: Sequence[Compared], title: str = "", question: str = "", again: Sequence[str] = ()) -> str:
    """The whole comparison as a Markdown document.

    Args:
        title: what is compared; empty: the names of the runs.
        question: what the comparison is to answer.
        again: command lines that make it again.
    """
    among = compare.arranged(runs)
    firsts = [group.first for group in among]
    columns = compare.columns(among)
    names = ", ".join(compare.titles(firsts))
    parts = [f"# {cell(plain(title, 200))}" if title else f"# Comparison of {cell(names)}"]
    parts += [cell(plain(question, 400))] if question else []
    parts.append(table(list(columns), compare_table.rows(columns)))
    heads, rows = compare.repeats(among)
    if rows:
        parts.append(table(heads, rows))
    if spread := compare.spread_line(runs):
        parts.append(cell(spread))
    parts.append(
        items([*compare.notes(among), *compare.group_test_lines(among), *compare.group_words(among, "accuracy")])
    )
    if found := compare.finding_lines(among):
        parts += ["## Findings", items(found)]
    heads, rows = compare.differences(among)
    parts += ["## What differs", table(heads, rows) if rows else "The settings do not differ."]
    heads, rows = compare.per_class(firsts)
    if rows and len(among) == len(runs):
        parts += ["## By class", table(heads, rows)]
    named = [f"{label(index)} {plain(run.run.id)}" for index, group in enumerate(among) for run in group.runs]
    parts += ["## Runs", items(named)]
    if again:
        parts += ["## Run it again", "\n".join(f"    {plain(line, 10_000)}" for line in again)]
    return "\n\n".join(parts) + "\n"


def figures(run: Compared) -> dict[str, Any]:
    """What is known of a run as plain data: figures as they were measured, None where there is none."""
    low, high = run.interval or (None, None)
    test = run.test
    return {
        "id": run.run.id,
        "name": run.name,
        "recipe": run.spec.recipe,
        "seed": run.spec.seed,
        "fold": run.spec.strategy.fold if run.spec.strategy.folds else None,
        "status": run.status,
        "epochs": run.state.epochs_done,
        "best_epoch": run.best.epoch if run.best is not None else None,
        "images": run.images,
        "interval_low": low,
        "interval_high": high,
        "selected_on_test": run.selected_on_test,
        "trained_parameters": run.trained_parameters,
        **{name: measure.read(run) for name, measure in comparison.FIGURES.items()},
        "test_macro_f1": number(test.macro_f1) if test is not None else None,
        "test_weighted_f1": test.weighted_f1 if test is not None else None,
        "test_calibration_error": test.calibration_error if test is not None else None,
        "features": run.features.source if run.features is not None else None,
    }


def csv_rows(runs: Sequence[Compared]) -> tuple[list[str], list[list[str]]]:
    """A row a run: its figures, then the settings that differ. What a spreadsheet would calculate is kept from it."""
    differing = comparison.differences([run.settings for run in runs])
    measured = [figures(run) for run in runs]
    differing = [row for row in differing if row.key not in measured[0]]
    heads = [*measured[0], *(row.key for row in differing)]
    rows = [
        [_cell(value) for value in (*figures.values(), *(row.values[index] for row in differing))]
        for index, figures in enumerate(measured)
    ]
    return [guard(head) for head in heads], rows


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case int() | float() if not isinstance(value, bool):
            return repr(value)
    return guard(plain(value_text(value), 2000))
