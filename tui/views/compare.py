"""Runs side by side: curves, a table, what differs, the same-images tests. All text that is returned is safe."""

import math
from collections.abc import Sequence
from typing import Literal

from vislab.engine.analysis import comparison
from vislab.engine.analysis.comparison import Compared, Pair
from vislab.engine.analysis.per_class import class_figures, confusion
from vislab.engine.analysis.predictions import classes_of
from vislab.engine.runs.events import Figure, number
from vislab.tui import tables
from vislab.tui.views import text
from vislab.tui.views.curves import Quantity, Series, in_words
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import MISSING, plain

Along = Literal["epoch", "time"]

MARKERS = "▪●▲◆✚○□△"
COLOURS = (32, 166, 36, 175, 178, 74, 99)
"""Of the 256-colour palette, near Okabe and Ito's; one less than the markers, so that pairs repeat late."""

STAR = "★"
_SHORT_NAME, _SHORT_DIFFERENCE = 15, 14
"""Cells that these columns keep before others are left out."""


def marker(index: int) -> str:
    """The character of the run at a position."""
    return MARKERS[index % len(MARKERS)]


def colour(index: int) -> int:
    """Its colour, of 256."""
    return COLOURS[index % len(COLOURS)]


def name(run: Compared) -> str:
    """What a run is called: its name, safe and not long."""
    return plain(run.name or run.run.id, 40)


def titles(runs: Sequence[Compared]) -> list[str]:
    """Names of runs; where two are called alike, behind the ends of their ids."""
    names = [name(run) for run in runs]
    return [
        f"{plain(run.run.id.rpartition('-')[2], 8)} {title}" if names.count(title) > 1 else title
        for title, run in zip(names, runs, strict=True)
    ]


def curves(runs: Sequence[Compared], quantity: Quantity, along: Along) -> list[Series]:
    """A curve a run: its validation figures, or its training figures where it has no validation.

    Args:
        along: what x counts: epochs, or seconds of work in `time_unit`.
    """
    unit = time_unit(runs)[1]
    made = []
    for index, (run, title) in enumerate(zip(runs, titles(runs), strict=True)):
        validated = [row for row in run.state.epochs if row.val_accuracy is not None]
        rows = validated or list(run.state.epochs)
        ys: list[Figure | None]
        if quantity == "loss":
            ys = [row.val_loss if validated else row.train_loss for row in rows]
        else:
            ys = [row.val_accuracy if validated else row.train_accuracy for row in rows]
        xs = [float(row.epoch) if along == "epoch" else row.elapsed / unit for row in rows]
        values = [math.nan if y is None else number(y) for y in ys]
        made.append(Series(title if validated else f"{title} (train)", xs, values, marker(index), colour(index)))
    return made


def legend(curve: Series, quantity: Quantity) -> str:
    """`transfer last 0.967 best 0.967 e5`: a curve's name with what it came to."""
    points = [(x, y) for x, y in zip(curve.xs, curve.ys, strict=True) if math.isfinite(y)]
    if not points:
        return f"{curve.name} no figures"
    best = (min if quantity == "loss" else max)(y for _, y in points)
    return f"{curve.name} last {points[-1][1]:.3f} best {best:.3f}"


def words(runs: Sequence[Compared], quantity: Quantity) -> list[str]:
    """Each curve as a sentence, for those who cannot see it."""
    return [f"{curve.marker} {in_words(curve, quantity)}" for curve in curves(runs, quantity, "epoch")]


def x_range(runs: Sequence[Compared], along: Along) -> tuple[float, float]:
    """Ends of the x-axis: all epochs planned, or the time of the longest run."""
    if along == "time":
        return 0.0, max([run.state.elapsed for run in runs]) / time_unit(runs)[1] or 1.0
    return 1.0, float(max(2, *(max(run.state.epochs_planned, len(run.state.epochs)) for run in runs)))


def time_unit(runs: Sequence[Compared]) -> tuple[str, float]:
    """The unit of a time axis and its seconds."""
    longest = max(run.state.elapsed for run in runs)
    return ("hours", 3600.0) if longest > 7200 else ("minutes", 60.0) if longest > 180 else ("seconds", 1.0)


def table(runs: Sequence[Compared], width: int) -> list[str]:
    """A line of titles and a line a run, each beginning with the run's marker; the best figures have a star.

    A narrow table leaves columns out, those that matter least first, and cuts names and what the runs differ in.
    """
    columns = _columns(runs)
    short = {"run": _SHORT_NAME, "differs in": _SHORT_DIFFERENCE}
    for title in ("img/s", "total", "val loss", "epochs", "status", "test acc", "trained", "differs in"):
        cells = {
            key: min(max(map(text.cells, (key, *column))), short.get(key, width)) for key, column in columns.items()
        }
        if sum(cells.values()) + tables.GAP * (len(cells) - 1) <= width:
            break
        columns.pop(title, None)
    return _table(columns, len(runs), width)


def _table(columns: dict[str, list[str]], count: int, width: int) -> list[str]:
    rows = [[column[index] for column in columns.values()] for index in range(count)]
    right = [title for title in columns if title not in ("", "run", "differs in", "status")]
    whole = [title for title in columns if title not in ("run", "differs in")]
    return tables.lines(list(columns), rows, width, right=right, whole=whole)


def _columns(runs: Sequence[Compared]) -> dict[str, list[str]]:
    def figures(name: str, written: list[str]) -> list[str]:
        read, largest = comparison.FIGURES[name]
        best = comparison.best_of([read(run) for run in runs], largest=largest)
        return [f"{STAR} {cell}" if index in best else cell for index, cell in enumerate(written)]

    columns: dict[str, list[str]] = {
        "": [marker(index) for index in range(len(runs))],
        "run": titles(runs),
        "differs in": differs_in(runs),
        "status": [str(run.status) for run in runs],
        "epochs": [f"{len(run.state.epochs)}/{run.state.epochs_planned}" for run in runs],
        "trained": [MISSING if (n := run.trained_parameters) is None else text.millions(n) for run in runs],
        "best val acc": figures("accuracy", [_accuracy(run) for run in runs]),
        "val loss": figures("loss", [text.loss(run.loss) for run in runs]),
        "test acc": figures("test_accuracy", [text.accuracy(run.test_accuracy) for run in runs]),
        "s/epoch": figures("seconds_per_epoch", [_seconds(run.seconds_per_epoch) for run in runs]),
        "total": figures("seconds", [_duration(run.seconds) for run in runs]),
        "img/s": figures("images_per_second", [_rate(run.images_per_second) for run in runs]),
    }
    if all(run.test_accuracy is None for run in runs):
        del columns["test acc"]
    return columns


def differs_in(runs: Sequence[Compared]) -> list[str]:
    """What is particular to each run, in short: `batch_size 8, seed 1`."""
    found = comparison.differences([run.spec for run in runs])
    renamed = {row.key.removesuffix("name") for row in found if row.key in ("dataset.name", "architecture.name")}
    found = [
        row for row in found if row.key.endswith(".name") or not any(row.key.startswith(section) for section in renamed)
    ]
    found = [row for row in found if row.key != "recipe"] or found  # it says the same as what it chose
    found.sort(key=lambda row: (not row.key.endswith(".name"), row.key == "seed"))
    if not found:
        return ["nothing"] * len(runs)
    return [
        plain(", ".join(_difference(row.label, row.values[index]) for row in found), 200) for index in range(len(runs))
    ]


def differences(runs: Sequence[Compared]) -> tuple[list[str], list[list[str]]]:
    """Every setting that differs: titles (setting, then a marker a run), and a row a setting."""
    rows = [
        [plain(row.key), *(MISSING if value is None else plain(value_text(value)) or '""' for value in row.values)]
        for row in comparison.differences([run.spec for run in runs])
    ]
    return ["setting", *(f"{marker(i)} {title}" for i, title in enumerate(titles(runs)))], rows


def difference_lines(runs: Sequence[Compared], width: int) -> list[str]:
    """`differences` as lines; as a list a setting where a table has no room for them."""
    heads, rows = differences(runs)
    if not rows:
        return ["The settings of these runs do not differ."]
    longest = [max(text.cells(cell) for cell in column) for column in zip(*rows, strict=True)]
    if sum(longest) + tables.GAP * len(longest) <= width:
        return tables.lines(heads, rows, width)
    made = []
    for key, *values in rows:
        made.append(key)
        made += [f"  {marker(index)} {value}" for index, value in enumerate(values)]
    return made


def test_lines(runs: Sequence[Compared]) -> list[str]:
    """The same-images test of each run against the best one, as sentences."""
    if len(runs) < 2:
        return []
    reference = comparison.winner(runs)
    pairs = comparison.tests_against(runs, reference)
    tested = [pair for pair in pairs if pair.test is not None]
    lines = []
    if tested and tested[0].test is not None:
        images = text.counted(tested[0].test.images, "image")
        several = f" (p adjusted for {len(tested)} tests, Holm)" if len(tested) > 1 else ""
        lines.append(f"the same {images}, each run against {marker(reference)} by McNemar's exact test{several}")
        if not comparison.same_data(runs):
            lines.append("their data sets have different fingerprints; names and labels of the images are the same")
    lines += [test_line(pair) for pair in tested]
    for sentence in dict.fromkeys(pair.refused for pair in pairs if pair.refused):
        which = " ".join(marker(pair.b) for pair in pairs if pair.refused == sentence)
        lines.append(f"{which} against {marker(reference)}: {plain(sentence, 400)}")
    if any(run.selected_on_test for run in runs):
        lines.append("selected on the test set: figures of the best epochs are too high")
    return lines


def test_line(pair: Pair) -> str:
    """`only ● right 6, only ▪ right 1: p = 0.13, not shown to differ`."""
    assert pair.test is not None
    test, a, b = pair.test, marker(pair.a), marker(pair.b)
    verdict = "not shown to differ"
    if test.shown:
        verdict = f"{a if test.only_a > test.only_b else b} is better on these images"
    return f"only {a} right {test.only_a}, only {b} right {test.only_b}: p = {_p(test.p)}, {verdict}"


def per_class(runs: Sequence[Compared]) -> tuple[list[str], list[list[str]]]:
    """F1 of each class in each run: titles and a row a class; the best of a row has a star. Empty: no predictions."""
    judged = [run for run in runs if run.predictions]
    if not judged:
        return [], []
    known = [name for run in judged if run.state.started for name in run.state.started.classes]
    classes = classes_of((row for run in judged for row in run.predictions), dict.fromkeys(known))
    columns: list[list[float | None]] = []
    for run in runs:
        figures = class_figures(confusion(run.predictions, classes), classes)
        columns.append([row.f1 if run.predictions else None for row in figures])
    support = class_figures(confusion(judged[0].predictions, classes), classes)
    rows = []
    for position, class_name in enumerate(classes):
        values = [column[position] for column in columns]
        best = comparison.best_of(values, largest=True)
        cells = [f"{STAR} {text.accuracy(v)}" if i in best else text.accuracy(v) for i, v in enumerate(values)]
        rows.append([plain(class_name, 40), text.count(support[position].support), *cells])
    return ["F1 of class", "images", *(f"{marker(i)} {title}" for i, title in enumerate(titles(runs)))], rows


def per_class_lines(runs: Sequence[Compared], width: int) -> list[str]:
    """`per_class` as lines; runs stand by their markers alone where their names have no room."""
    heads, rows = per_class(runs)
    if not rows:
        return ["No figures by class: there are no predictions; they are written when a run is done."]
    made = tables.lines(heads, rows, 10_000, right=heads[1:])
    if max(map(text.cells, made)) > width:
        heads = [*heads[:2], *(marker(index) for index in range(len(runs)))]
    return tables.lines(heads, rows, width, right=heads[1:], whole=heads[1:])


def page(runs: Sequence[Compared], width: int) -> list[str]:
    """The whole comparison as lines, without curves."""
    blocks = [
        table(runs, width),
        test_lines(runs),
        ["what differs", *difference_lines(runs, width)],
        per_class_lines(runs, width),
    ]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def markdown(runs: Sequence[Compared]) -> str:
    """The whole comparison as a Markdown document."""
    columns = _columns(runs)
    parts = ["# Comparison of " + _cell(", ".join(titles(runs))), _markdown_table(list(columns), _rows(columns))]
    parts += ["\n".join(f"* {_cell(line)}" for line in (*test_lines(runs), *words(runs, "accuracy")))]
    heads, rows = differences(runs)
    parts += ["## What differs", _markdown_table(heads, rows) if rows else "The settings do not differ."]
    heads, rows = per_class(runs)
    if rows:
        parts += ["## By class", _markdown_table(heads, rows)]
    parts += ["## Runs", "\n".join(f"* {marker(i)} {_cell(plain(run.run.id))}" for i, run in enumerate(runs))]
    return "\n\n".join(parts) + "\n"


def _rows(columns: dict[str, list[str]]) -> list[list[str]]:
    return [list(row) for row in zip(*columns.values(), strict=True)]


def _markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell if line is lines[1] else _cell(cell) for cell in line) + " |" for line in lines
    )


def _cell(words: str) -> str:
    """Text as data in Markdown: what would be markup there stands behind a backslash."""
    return "".join(f"\\{character}" if character in "\\|`*_[]<>#&~" else character for character in words)


def _difference(label: str, value: object) -> str:
    if value is None:
        return f"no {label}"
    written = value_text(value)
    return written if label in ("dataset", "architecture", "strategy", "recipe") else f"{label} {written}".rstrip()


def _accuracy(run: Compared) -> str:
    if run.accuracy is None:
        return MISSING
    return (
        f"{text.accuracy(run.accuracy)} {text.interval(*run.interval)}" if run.interval else text.accuracy(run.accuracy)
    )


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"


def _seconds(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _duration(value: float | None) -> str:
    return MISSING if value is None else text.duration(value)


def _rate(value: float | None) -> str:
    return MISSING if value is None else text.rate(value)
