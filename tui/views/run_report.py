"""A run as files for others: a Markdown document, and its epochs as rows for a spreadsheet."""

from collections.abc import Sequence

from vislab.engine.analysis.findings import findings
from vislab.engine.runs.batch_size import settled
from vislab.engine.runs.cells import guard
from vislab.engine.runs.events import EpochEnded, Figure, to_json
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Labels, RunStatus
from vislab.presets.composition import SCHEMA_DEFAULT
from vislab.presets.schema.spec import Spec
from vislab.tui.views import curves, epochs
from vislab.tui.views import run as views
from vislab.tui.views.curves import Quantity
from vislab.tui.views.markdown import cell, items, table
from vislab.tui.views.spec import run_again, sections
from vislab.tui.views.text import plain

_WIDE = 200  # cells of a table of epochs that has all its columns


def markdown(state: RunState, spec: Spec, *, run_id: str, status: RunStatus, labels: Labels | None = None) -> str:
    """The report of a run: result, findings, epochs, data, settings that were chosen, how to run it again."""
    labels = labels or Labels()
    parts = [f"# {cell(plain(labels.name or spec.name, 200))}", cell(views.title(spec, labels.name))]
    parts.append(items(views.result_lines(state, spec, status)))
    if labels.note:
        parts.append(cell(plain(labels.note, 2000)))
    found = [f"{finding.severity}: {finding.text} {finding.remedy}" for finding in findings(state, spec)]
    if found:
        parts += ["## Findings", items([plain(line, 1000) for line in found])]
    parts += _epochs(state)
    if lines := [*views.data_lines(state), *views.model_lines(state)]:
        parts += ["## Data and model", items(lines)]
        titles, rows = views.class_rows(state)
        parts.append(table(titles, rows))
    chosen = [
        [row.key if section == "run" else f"{section}.{row.key}", row.value, row.origin]
        for section, rows in sections(spec)
        for row in rows
        if row.origin != SCHEMA_DEFAULT
    ]
    parts += ["## Settings", "All others are the schema's defaults.", table(["setting", "value", "origin"], chosen)]
    if rows := [list(row) for row in views.decision_rows(state)]:
        parts += ["## Decisions at run time", table(["what", "choice", "why"], rows)]
    if rows := [list(row) for row in views.notice_rows(state)]:
        parts += ["## Notices", table(["level", "text"], rows)]
    if rows := [list(row) for row in views.environment_rows(state)]:
        parts += ["## Environment", table(["what", "value"], rows)]
    again = settled(spec, state)
    parts += ["## Run it again", "\n".join(f"    {plain(line, 10_000)}" for line in run_again(again, run_id))]
    return "\n\n".join(parts) + "\n"


def csv_rows(state: RunState) -> tuple[list[str], list[list[str]]]:
    """The epochs: titles, and a row an epoch with every figure as it was measured; blank where there is none."""
    titles = [name for name in EpochEnded.__struct_fields__ if name != "time"]
    rows = [[_written(figures[title]) for title in titles] for figures in map(to_json, state.epochs)]
    return titles, rows


def _written(value: Figure | bool | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else ""
        case int() | float():
            return repr(value)
    return guard(value)


def _epochs(state: RunState) -> list[str]:
    if not state.epochs:
        return ["## Epochs", "No epoch is over yet."]
    columns = epochs.columns(state, _WIDE)
    heads = [f"{column.group} {column.title}" if column.title == "acc" else column.title for column in columns]
    rows: list[Sequence[str]] = [epochs.values(columns, row, best=row == state.best) for row in state.epochs]
    quantities: tuple[Quantity, ...] = ("loss", "accuracy")
    words = [curves.in_words(curve, quantity) for quantity in quantities for curve in curves.series(state, quantity)]
    return ["## Epochs", table(heads, rows), items(words)]
