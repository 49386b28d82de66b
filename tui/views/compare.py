"""Runs side by side: curves, tables, what differs. All text that is returned is safe."""

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, repeat
from typing import Literal

from vislab.engine.analysis import comparison
from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.findings import Finding, findings
from vislab.engine.analysis.groups import Group, groups
from vislab.engine.analysis.per_class import ClassFigures, class_figures, confusion
from vislab.engine.analysis.predictions import classes_of
from vislab.engine.analysis.stars import OTHER_IMAGES, OTHER_LOSSES, stars
from vislab.engine.runs.summary import LIVE
from vislab.tui import tables
from vislab.tui.made import Made, joined
from vislab.tui.views import compare_table, same_images, text, wall_time
from vislab.tui.views.compare_table import STAR, Columns
from vislab.tui.views.curves import Quantity, Series, epochs_shown, in_words
from vislab.tui.views.results import class_name
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import MISSING, plain

Along = Literal["epoch", "time"]
_CLASS_CELLS = 16
"""Cells that the name of a class keeps where columns of runs want its room."""

OF_TRAINING = " (train)"
"""Ends the name of a curve of training figures, which stands among validation figures."""

ClassTable = tuple[list[str], list[list[str]]]
"""Figures by class: titles and a row a class."""

MARKERS = "▪●▲◆✚○□△▼◇✖▽▬◢▷▮◣◁▭◥▸▯◤◂"
COLOURS = (32, 166, 30, 169, 136, 67, 99)
"""Of the 256-colour palette, near Okabe and Ito's, legible on black and on white.

Seven, which the number of markers has no divisor in common with: of 24 markers, pairs repeat after 168.
"""


@dataclass(frozen=True)
class Band:
    """A curve with the lowest and the highest value at each of its points, of so many runs."""

    mean: Series
    low: Sequence[float]
    high: Sequence[float]
    runs: int


LABEL = re.compile(rf"[{MARKERS}](?P<number>[1-9][0-9]{{0,6}})(?![0-9])")
"""What a `label` looks like in a sentence."""


def marker(index: int) -> str:
    """The character of the run at a position."""
    return MARKERS[index % len(MARKERS)]


def colour(index: int) -> int:
    """Its colour, of 256."""
    return COLOURS[index % len(COLOURS)]


def label(index: int) -> str:
    """How a row is called in sentences: `●2`, its marker and its number, which no other has."""
    return f"{marker(index)}{index + 1}"


def labels(count: int) -> list[str]:
    """`label` of so many rows."""
    return [label(index) for index in range(count)]


def name(run: Compared) -> str:
    """What a run is called: its name, safe and not long."""
    return plain(run.name or run.run.id, 40)


def titles(runs: Sequence[Compared]) -> list[str]:
    """Names of runs; where two are called alike, behind the ends of their ids."""
    names = [name(run) for run in runs]
    return [
        f"{plain(re.split('[-.]', run.run.id)[-1], 8)} {title}" if names.count(title) > 1 else title
        for title, run in zip(names, runs, strict=True)
    ]


def _curve(run: Compared, title: str, index: int, quantity: Quantity) -> Series:
    """The curve of the row at a position, under its number and title.

    It shows validation figures, or training figures where the run has no validation.
    """
    rows = run.state.epochs
    judged = rows.told("val_accuracy")
    validated = any(judged)
    kept = judged if validated else repeat(True)
    xs = array("d", compress(rows.numbers("epoch"), kept))
    ys = array("d", compress(rows.numbers(f"{'val' if validated else 'train'}_{quantity}"), kept))
    title = f"{index + 1} {title}"
    return Series(f"{title}{OF_TRAINING}" if rows and not validated else title, xs, ys, marker(index), colour(index))


def group_curves(among: Sequence[Group], quantity: Quantity) -> Iterator[Band]:
    """A curve a group along the epochs: of several runs the mean, with the lowest and the highest of them.

    It ends with the shortest of the runs that are counted. Each is made when it is asked for.
    """
    for index, (group, title) in enumerate(zip(among, titles([group.first for group in among]), strict=True)):
        each = [_curve(run, title, index, quantity) for run in group.begun]
        if len(each) == 1:
            yield Band(each[0], each[0].ys, each[0].ys, 1)
            continue
        shared = set(each[0].xs).intersection(*(curve.xs for curve in each[1:]))
        xs, *columns = (
            array("d", (value for x, value in zip(curve.xs, values, strict=True) if x in shared))
            for curve, values in ((each[0], each[0].xs), *((curve, curve.ys) for curve in each))
        )
        mean, low, high = (array("d", map(of, zip(*columns, strict=True))) for of in (_mean, min, max))
        yield Band(replace(each[0], xs=xs, ys=mean), low, high, len(each))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)  # `fmean` refuses infinite losses of both signs


def drawn_of(among: Sequence[Group]) -> tuple[object, ...]:
    """What the curves of groups, and their axes, are drawn of: equal while they stay as they are."""
    return tuple(
        tuple(
            (run.name, run.status, run.state.epochs_planned, run.state.epochs_done, *run.state.epochs[-1:])
            for run in group.runs
        )
        for group in among
    )


def curve_title(among: Sequence[Group], quantity: Quantity, *, log: bool = False) -> str:
    """`validation loss (different losses)`: what the curves show, and why none may be called the better one."""
    unlike = {OTHER_IMAGES: " (different images)", OTHER_LOSSES: " (different losses)"}
    return f"{judged_by(among)} {quantity}{', log' * log}{unlike.get(stars(among, quantity).why, '')}"


def judged_by(among: Sequence[Group]) -> str:
    """What the images are called that the curves are of: `validation`, `test`, or both where runs differ in it."""
    return compare_table.judged_on(among).replace("val", "validation")


def group_words(among: Sequence[Group], quantity: Quantity, *, log_y: bool = False) -> list[str]:
    """Each group's curve as a sentence.

    Args:
        log_y: drawn on a logarithmic axis, so that what is missing there is told.
    """
    return [
        f"{band.mean.marker}{in_words(band.mean, quantity, log_y=log_y)}"
        + (f", mean of {band.runs} runs" if band.runs > 1 else "")
        for band in group_curves(among, quantity)
    ]


def x_range(runs: Sequence[Compared], along: Along, last: int | None = None) -> tuple[float, float]:
    """Ends of the x-axis.

    Args:
        last: only the last epochs, this many; 0: all epochs planned; None: what was trained, and while a run lives as
            much of the plan as leaves the curves room. By wall time the axis ends with the longest run.
    """
    if along == "time":
        return 0.0, wall_time.longest(runs) / wall_time.unit(runs)[1] or 1.0
    trained = max(run.state.epochs_done for run in runs)
    if last:
        return max(1.0, float(trained - last + 1)), float(max(2, trained))
    planned = max(trained, *(run.state.epochs_planned for run in runs))
    ended = not any(run.status in LIVE for run in runs)
    shown = planned if last == 0 else trained if ended else epochs_shown(trained, planned)
    return 1.0, float(max(2, shown))


def x_label(runs: Sequence[Compared], last: int | None = None) -> str:
    """What x counts by epoch, and the plan where the axis ends before it: `epoch, 4,000 planned`."""
    planned = max(run.state.epochs_planned for run in runs)
    return f"epoch, {text.count(planned)} planned" if x_range(runs, "epoch", last)[1] < planned else "epoch"


def arranged(runs: Sequence[Compared]) -> list[Group]:
    """Runs as they stand against each other: as groups that repeat one setting; each alone where that is one group."""
    found = groups(runs)
    return found if len(found) > 1 else [Group((run,)) for run in runs]


def columns(among: Sequence[Group]) -> Columns:
    """The table of groups: titles to a cell a group."""
    firsts = [group.first for group in among]
    return compare_table.columns(among, labels(len(among)), titles(firsts))


def notes(among: Sequence[Group]) -> list[str]:
    """What the table does not say, as sentences."""
    said = compare_table.notes(among, labels(len(among)))
    if len(among) > len(MARKERS):
        said.append(f"from {label(len(MARKERS))} on markers repeat, in other colours: the number tells rows apart")
    return said


def repeats(among: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    """Every run of groups that have several: titles and a row a run. Empty: no group has."""
    return compare_table.repeats(among, labels(len(among)))


def differences(among: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    """Every setting that differs: titles (setting, then a marker a group), and a row a setting."""
    rows = [
        [plain(row.key), *(MISSING if value is None else plain(value_text(value)) or '""' for value in row.values)]
        for row in comparison.differences([group.settings for group in among])
    ]
    named = titles([group.first for group in among])
    return ["setting", *(f"{label(i)} {title}" for i, title in enumerate(named))], rows


def difference_lines(among: Sequence[Group], width: int) -> list[str]:
    """`differences` as lines; as a list a setting where a table has no room for them."""
    heads, rows = differences(among)
    if not rows:
        return ["The settings of these runs do not differ."]
    return _turned(heads, rows, width)


def left_out_lines(among: Sequence[Group], width: int) -> list[str]:
    """What these columns hold, a row a column, below an empty line; nothing where all have room."""
    table = columns(among)
    if not (names := compare_table.left_out(table, width)):
        return []
    runs = [f"{label(i)} {title}" for i, title in enumerate(titles([group.first for group in among]))]
    return ["", *_turned(["figure", *runs], [[name, *table[name]] for name in names], width)]


def _turned(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A column a run as lines; as a list a row where a table has no room for them."""
    longest = [max(text.cells(cell) for cell in column) for column in zip(*rows, strict=True)]
    if sum(longest) + tables.GAP * len(longest) <= width:
        return tables.lines(heads, rows, width)
    made = []
    for key, *values in rows:
        made.append(key)
        made += [f"  {label(index)} {value}" for index, value in enumerate(values)]
    return made


def group_test_lines(among: Sequence[Group]) -> list[str]:
    """The same-images tests of each group against the best one, as sentences, and what they leave open."""
    return same_images.lines(among, labels(len(among)))


def per_class(runs: Sequence[Compared]) -> ClassTable:
    """F1 of each class in each run: titles and a row a class. Empty: no predictions.

    Where all were judged by the same images their number stands in a column, and the best of a row has a star. Else
    each figure stands with its own number of images, and none has a star.
    """
    judged = [run for run in runs if run.predictions]
    if not judged:
        return [], []
    alike = len({run.answered_on for run in judged}) == 1
    known = [name for run in judged if run.state.started for name in run.state.started.classes]
    classes = classes_of((name for run in judged for name in run.predictions.classes), dict.fromkeys(known))
    columns = list(map(_figures, runs))
    rows = []
    for name in classes:
        figures = [column.get(name) for column in columns]
        values = [figure.f1 if figure is not None and (alike or figure.support) else None for figure in figures]
        best = comparison.best_of(values, largest=True) if alike else set()
        cells = [f"{STAR} {text.accuracy(v)}" if i in best else text.accuracy(v) for i, v in enumerate(values)]
        if not alike:
            cells = [
                cell if value is None or figure is None else f"{cell} of {text.count(figure.support)}"
                for cell, value, figure in zip(cells, values, figures, strict=True)
            ]
        support = max(figure.support for figure in figures if figure is not None)
        rows.append([class_name(name, 40), *[text.count(support)] * alike, *cells])
    return ["F1 of class", *["images"] * alike, *(f"{label(i)} {title}" for i, title in enumerate(titles(runs)))], rows


def _figures(run: Compared) -> dict[str, ClassFigures]:
    """Of the classes that a run knows; none without predictions."""
    if not run.predictions:
        return {}
    known = run.state.started.classes if run.state.started is not None else ()
    classes = classes_of(run.predictions.classes, dict.fromkeys(known))
    return {row.name: row for row in class_figures(confusion(run.predictions, classes), classes)}


def stand_ins(among: Sequence[Group]) -> list[str]:
    """Which run `per_class` shows of each group that has several, a sentence each."""
    return [
        f"{label(index)} is here 1 of its {len(group.counted)} runs: {plain(group.first.run.id)}"
        for index, group in enumerate(among)
        if len(group.counted) > 1
    ]


def per_class_lines(figures: ClassTable, width: int) -> Sequence[str]:
    """`per_class` as lines, made when asked for; runs stand by their numbers alone where their names have no room.

    Where not all columns have room, several tables stand below each other, and the first line says of which runs.
    """
    heads, rows = figures
    if not rows:
        return [
            "No figures by class: there are no predictions; they are written when a run is done that "
            "holds images out for validation or test."
        ]
    before = 2 if heads[1] == "images" else 1
    cells = tables.columns(heads, rows)
    if sum(cells) + tables.GAP * (len(cells) - 1) > width:
        heads = [*heads[:before], *labels(len(heads) - before)]
        cells = tables.columns(heads, rows)
    note = [] if before == 2 else ["no star, images beside each: the runs were judged by different ones"]
    room = width - min(cells[0], _CLASS_CELLS) - sum(tables.GAP + one for one in cells[1:before])
    parts: list[list[int]] = [[]]
    for column in range(before, len(heads)):
        if parts[-1] and sum(tables.GAP + cells[one] for one in (*parts[-1], column)) > room:
            parts.append([])
        parts[-1].append(column)
    below = [f"further down: {' '.join(heads[one] for part in parts[1:] for one in part)}", ""] * (len(parts) > 1)
    made: list[Sequence[str]] = [below]
    for part in parts:
        made += [_picked(heads, rows, [*range(before), *part], width), [""]]
    return joined([*made[:-1], note])


def _picked(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int], width: int) -> Sequence[str]:
    """The table of some columns."""
    top, *others = (heads[one] for one in columns)
    picked = Made(len(rows), lambda index: [rows[index][one] for one in columns])
    return tables.table([top, *others], picked, width, right=others, whole=others, both_ends=[top])


def finding_lines(among: Sequence[Group]) -> list[str]:
    """What the histories of the runs show, each with its remedy; what several runs of a group show is told once."""
    lines = []
    for row, (finding, of) in ((label(i), told) for i, group in enumerate(among) for told in group_findings(group)):
        lines.append(plain(f"{row} {finding.severity}{of}: {finding.text} {finding.remedy}", 1000))
    return lines


def group_findings(group: Group) -> list[tuple[Finding, str]]:
    """The findings of a group's runs, one a kind, and of how many runs; empty words where the group is one run."""
    told: dict[str, list[tuple[Compared, Finding]]] = {}
    for run in group.runs:
        for finding in findings(run.state, run.spec):
            told.setdefault(finding.kind, []).append((run, finding))
    found = []
    for (run, finding), *others in told.values():
        fold = f", fold {run.spec.strategy.fold}" if run.spec.strategy.folds else ""
        of = f" ({len(others) + 1} of {len(group.runs)} runs; here seed {run.spec.seed}{fold})"
        found.append((finding, of if group.repeated else ""))
    return found


def page(runs: Sequence[Compared], width: int) -> list[str]:
    """The whole comparison as lines, without curves."""
    among = arranged(runs)
    firsts = [group.first for group in among]
    blocks = [compare_table.lines(columns(among), width)]
    heads, rows = repeats(among)
    if rows:
        blocks.append(tables.lines(heads, rows, width, right=[head for head in heads if head not in ("", "status")]))
    if spread := spread_line(runs):
        blocks.append([spread])
    blocks += [
        notes(among),
        group_test_lines(among),
        finding_lines(among),
        ["what differs", *difference_lines(among, width)],
        [*per_class_lines(per_class(firsts), width)] if not rows else [],
    ]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def spread_line(runs: Sequence[Compared]) -> str:
    """Mean and standard deviation over seeds and folds of one setting, as a sentence; empty for several settings."""
    found = groups(runs)
    if len(found) != 1:
        return ""
    written = []
    best = "best test" if compare_table.judged_on(found) == "test" else "validation"
    for title, read in ((best, lambda run: run.accuracy), ("test", lambda run: run.test_accuracy)):
        spread = found[0].spread(read)
        if spread is not None and spread.deviation is not None:
            figure = f"{text.accuracy(spread.mean)} ± {text.accuracy(spread.deviation)}"
            written.append(f"{title} accuracy {figure} over {spread.runs} runs")
    data = "" if found[0].same_data else f"; they {compare_table.OTHER_DATA}"
    return ", ".join(written) and f"mean ± standard deviation: {', '.join(written)}{data}"
