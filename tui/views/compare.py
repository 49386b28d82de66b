"""Runs side by side: curves, tables, what differs, the same-images tests. All text that is returned is safe."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from vislab.engine.analysis import comparison
from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.findings import Finding, findings
from vislab.engine.analysis.groups import Group, GroupPair, groups, not_told_apart, tests_against, winner
from vislab.engine.analysis.per_class import class_figures, confusion
from vislab.engine.analysis.predictions import classes_of
from vislab.engine.runs.events import Figure, number
from vislab.tui import tables
from vislab.tui.views import compare_table, text
from vislab.tui.views.compare_table import STAR, Columns
from vislab.tui.views.curves import Quantity, Series, in_words
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import MISSING, plain

Along = Literal["epoch", "time"]

MARKERS = "▪●▲◆✚○□△"
COLOURS = (32, 166, 30, 169, 136, 67, 99)
"""Of the 256-colour palette, near Okabe and Ito's, legible on black and on white.

One less than the markers, so that pairs repeat late.
"""


@dataclass(frozen=True)
class Band:
    """A curve with the lowest and the highest value at each of its points, of so many runs."""

    mean: Series
    low: Sequence[float]
    high: Sequence[float]
    runs: int


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
        f"{plain(re.split('[-.]', run.run.id)[-1], 8)} {title}" if names.count(title) > 1 else title
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


def group_curves(among: Sequence[Group], quantity: Quantity) -> list[Band]:
    """A curve a group along the epochs: of several runs the mean, with the lowest and the highest of them.

    It ends with the shortest of the runs.
    """
    made = []
    for index, (group, title) in enumerate(zip(among, titles([group.first for group in among]), strict=True)):
        begun = [run for run in group.runs if run.state.epochs] or [group.first]
        each = [curves([run], quantity, "epoch")[0] for run in begun]
        columns = [dict(zip(curve.xs, curve.ys, strict=True)) for curve in each]
        xs = [x for x in each[0].xs if all(x in column for column in columns)]
        values = [[column[x] for column in columns] for x in xs]
        mean = Series(
            each[0].name.replace(name(begun[0]), title, 1),
            xs,
            [fmean(row) for row in values],
            marker(index),
            colour(index),
        )
        made.append(Band(mean, [min(row) for row in values], [max(row) for row in values], len(each)))
    return made


def legend(curve: Series, quantity: Quantity) -> str:
    """`transfer last 0.967 best 0.967 e5`: a curve's name with what it came to."""
    points = [(x, y) for x, y in zip(curve.xs, curve.ys, strict=True) if math.isfinite(y)]
    if not points:
        return f"{curve.name} no figures"
    best = (min if quantity == "loss" else max)(y for _, y in points)
    return f"{curve.name} last {points[-1][1]:.3f} best {best:.3f}"


def group_words(among: Sequence[Group], quantity: Quantity) -> list[str]:
    """Each group's curve as a sentence."""
    return [
        f"{band.mean.marker} {in_words(band.mean, quantity)}" + (f", mean of {band.runs} runs" if band.runs > 1 else "")
        for band in group_curves(among, quantity)
    ]


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


def arranged(runs: Sequence[Compared]) -> list[Group]:
    """Runs as they stand against each other: as groups that repeat one setting; each alone where that is one group."""
    found = groups(runs)
    return found if len(found) > 1 else [Group((run,)) for run in runs]


def columns(among: Sequence[Group]) -> Columns:
    """The table of groups: titles to a cell a group."""
    firsts = [group.first for group in among]
    return compare_table.columns(among, [marker(index) for index in range(len(among))], titles(firsts))


def table(runs: Sequence[Compared], width: int) -> list[str]:
    """A line of titles and a line a run, each beginning with the run's marker; the best figures have a star."""
    return compare_table.lines(columns([Group((run,)) for run in runs]), width)


def repeats(among: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    """Every run of groups that have several: titles and a row a run. Empty: no group has."""
    return compare_table.repeats(among, [marker(index) for index in range(len(among))])


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


def group_test_lines(among: Sequence[Group]) -> list[str]:
    """The same-images tests of each group against the best one, as sentences, and what they leave open."""
    if len(among) < 2:
        return []
    reference = winner(among)
    pairs = tests_against(among, reference)
    tests = [row.test for pair in pairs for row in pair.tests]
    runs = [run for group in among for run in group.runs]
    lines = []
    if tests:
        images = text.counted(tests[0].images, "image")
        several = f" (p adjusted for {len(tests)} tests, Holm)" if len(tests) > 1 else ""
        lines.append(f"the same {images}, each run against {marker(reference)} by McNemar's exact test{several}")
        if not comparison.same_data(runs):
            lines.append("their data sets have different fingerprints; names and labels of the images are the same")
    lines += [test_line(pair) for pair in pairs if pair.tests]
    for sentence in dict.fromkeys(pair.refused for pair in pairs if pair.refused):
        which = " ".join(marker(pair.b) for pair in pairs if pair.refused == sentence)
        lines.append(f"{which} against {marker(reference)}: {plain(sentence, 400)}")
    if found := not_told_apart(among, pairs, [marker(index) for index in range(len(among))]):
        lines.append(f"{found.severity}: {found.text} {found.remedy}")
    if any(run.selected_on_test for run in runs):
        lines.append("selected on the test set: figures of the best epochs are too high")
    return lines


def test_line(pair: GroupPair) -> str:
    """`only ● right 6, only ▪ right 1: p = 0.13, not shown to differ`; with several seeds the figures of each."""
    a, b = marker(pair.a), marker(pair.b)
    tests = [row.test for row in pair.tests]
    only_a, only_b = (
        ", ".join(map(text.count, counts)) for counts in ([t.only_a for t in tests], [t.only_b for t in tests])
    )
    better = [a if test.only_a > test.only_b else b for test in tests if test.shown]
    verdict = "not shown to differ"
    if better and len(tests) == 1:
        verdict = f"{better[0]} is better on these images"
    elif better:
        verdict = " and ".join(f"{one} is better in {better.count(one)}" for one in dict.fromkeys(better))
        verdict += f" of {text.counted(len(tests), 'repeat')}"
    return f"only {a} right {only_a}, only {b} right {only_b}: p {_p([test.p for test in tests])}, {verdict}"


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


def finding_lines(among: Sequence[Group]) -> list[str]:
    """What the histories of the runs show, each with its remedy; what several runs of a group show is told once."""
    lines = []
    for mark, (finding, of) in ((marker(i), told) for i, group in enumerate(among) for told in group_findings(group)):
        lines.append(plain(f"{mark} {finding.severity}{of}: {finding.text} {finding.remedy}", 1000))
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
    if (spread := spread_line(runs)) and len(groups(runs)) == 1:
        blocks.append([spread])
    blocks += [
        group_test_lines(among),
        finding_lines(among),
        ["what differs", *difference_lines(firsts, width)],
        per_class_lines(firsts, width) if not rows else [],
    ]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def spread_line(runs: Sequence[Compared]) -> str:
    """Mean and standard deviation over runs of one setting, as a sentence; empty for a single run."""
    written = []
    for title, read in (("validation", lambda run: run.accuracy), ("test", lambda run: run.test_accuracy)):
        spread = Group(tuple(runs)).spread(read)
        if spread is not None and spread.deviation is not None:
            figure = f"{text.accuracy(spread.mean)} ± {text.accuracy(spread.deviation)}"
            written.append(f"{title} accuracy {figure} over {spread.runs} runs")
    return ", ".join(written) and f"mean ± standard deviation: {', '.join(written)}"


def _p(values: Sequence[float]) -> str:
    """`= 0.13`, `< 0.001`, or several of them."""
    written = [f"{p:.2g}" if p >= 0.001 else "< 0.001" for p in values]
    return f"= {written[0]}" if len(values) == 1 and values[0] >= 0.001 else ", ".join(written)
