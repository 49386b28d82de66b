"""A run as files for others: a Markdown document, and its epochs as rows for a spreadsheet."""

from collections.abc import Sequence

from vislab.engine.analysis.findings import findings
from vislab.engine.analysis.per_class import dense
from vislab.engine.runs.batch_size import settled
from vislab.engine.runs.cells import guard
from vislab.engine.runs.events import EpochEnded, Figure, to_json
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Labels, RunStatus
from vislab.presets.layers import SCHEMA_DEFAULT
from vislab.presets.schema.spec import Spec
from vislab.tui.views import curves, epochs, text
from vislab.tui.views import run as views
from vislab.tui.views.curves import Quantity
from vislab.tui.views.evaluation import CONFUSIONS, answers, summary
from vislab.tui.views.evaluations import DAMAGED, MALFORMED, Evaluation
from vislab.tui.views.markdown import cell, items, table
from vislab.tui.views.results import CONFUSED_HEADS, class_table, confused_rows
from vislab.tui.views.spec import CHANGED, changed_again, run_again, sections
from vislab.tui.views.text import plain

_FEW_CLASSES = 12  # whose confusion matrix fits a page; of more, the most confused pairs are told
_WIDE = 200  # cells of a table of epochs that has all its columns


def markdown(
    state: RunState,
    spec: Spec,
    *,
    run_id: str,
    status: RunStatus,
    labels: Labels | None = None,
    judged: Evaluation | None = None,
    later: Sequence[Evaluation] = (),
    handed_over: Sequence[str] = (),
) -> str:
    """The report of a run: result, findings, classes, epochs, data, settings that were chosen, how to run it again.

    Args:
        judged: the run's last evaluation.
        later: what `vislab evaluate` found.
        handed_over: what is known of the files for others, see `vislab.tui.views.exported.handed_over`.
    """
    labels = labels or Labels()
    parts = [f"# {cell(plain(labels.name or spec.name, 200))}", cell(views.title(spec, labels.name))]
    parts.append(items(views.result_lines(state, spec, status)))
    if labels.note:
        parts.append(cell(plain(labels.note, 2000)))
    found = [f"{finding.severity}: {finding.text} {finding.remedy}" for finding in findings(state, spec)]
    if found:
        parts += ["## Findings", items([plain(line, 1000) for line in found])]
    if judged is not None:
        test = state.ended.test if state.ended is not None else None
        parts += _evaluation(judged, f"Results on {test.role} images" if test is not None else "Results")
    for one in later:
        parts += _evaluation(one, f"Later evaluation: {one.title}")
    if handed_over:
        parts += ["## Handed over", items(handed_over)]
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
    parts += ["## Run it again", _commands(run_again(settled(spec, state), run_id))]
    if changes := changed_again(state):
        parts += [f"{CHANGED}:", _commands(changes)]
    return "\n\n".join(parts) + "\n"


def _commands(lines: Sequence[str]) -> str:
    return "\n".join(f"    {plain(line, 10_000)}" for line in lines)


def _evaluation(one: Evaluation, title: str) -> list[str]:
    try:
        told, counted = summary(one.found), answers(one.found)
    except MALFORMED:
        return [f"## {cell(title)}", DAMAGED]
    parts = [f"## {cell(title)}", items(told), table(*class_table(counted))]
    if len(counted.classes) <= _FEW_CLASSES:
        heads = ["true \\ predicted", *(plain(name, 60) for name in counted.classes)]
        rows = [
            [plain(name, 60), *(text.count(images) for images in row)]
            for name, row in zip(counted.classes, dense(counted.matrix), strict=True)
        ]
        return [*parts, "### Confusion matrix", table(heads, rows)]
    pairs = confused_rows(counted, CONFUSIONS)
    return [*parts, "### Most confused", table(CONFUSED_HEADS, pairs)] if pairs else parts


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
