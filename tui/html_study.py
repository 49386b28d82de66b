"""A comparison, of a study or of any runs, as one HTML file that needs nothing else.

What was run, the table, the curves over each other, what it cost, the tests on the same images, what the histories
show, each run folded, and how to run it again. Text from outside goes through `plain()` and is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape

from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.finding import Finding
from vislab.engine.analysis.groups import Group, not_told_apart, tests_against, winner
from vislab.engine.runs.batch_size import of_run
from vislab.tui.html import curves_svg, heat_map, pictures, study_runs
from vislab.tui.html.curves_svg import SvgCurve
from vislab.tui.html.page import heading, items, page, paragraph, table, with_contents
from vislab.tui.html.study_runs import colour
from vislab.tui.looks import Looks
from vislab.tui.views import compare, compare_legend, compare_table, text
from vislab.tui.views import run as run_views
from vislab.tui.views.curves import Quantity
from vislab.tui.views.text import MISSING, plain

_COST = ("trained", "s/epoch", "total", "of it features", "img/s", "energy")
"""Columns of the table that stand in one of their own."""
_OF = ("val", "test", "val/test")
_FIRST = ("", "run", *(f"best {of} acc" for of in _OF), "test acc", *(f"{of} loss" for of in _OF), "train acc")
"""Columns that a phone shows without scrolling, as far as it has room."""
_WORDS = (*compare_table.LEFT, "setting", "data", "architecture", "strategy", "device", "torch", "run", "id", "printed")
_MOST_CLASSES = 60
"""A longer table by class is left to --csv and the runs' own logs."""


def document(
    runs: Sequence[Compared],
    *,
    title: str = "",
    question: str = "",
    again: Sequence[str] = (),
    printed: Mapping[str, str] | None = None,
    looks: Mapping[str, Looks] | None = None,
) -> str:
    """The HTML text.

    Args:
        title: what is compared; empty: the names of the runs.
        question: what the comparison is to answer.
        again: command lines that make it again.
        printed: name of a recipe to what its report printed.
        looks: id of a run to its pictures.
    """
    among = compare.arranged(runs)
    named = plain(title, 100) or "Comparison of " + ", ".join(compare.titles([group.first for group in among]))
    told, rules = study_runs.sections(among, looks or {})
    parts = [
        *_head(named, question, runs),
        *_results(runs, among),
        *_printed(among, printed or {}),
        *_curves(among),
        *_cost(among),
        *_tests(among),
        *_findings(among),
        *_what_was_run(among),
        *_classes(among),
        *told,
        *_again(runs, again),
    ]
    names = enumerate(compare.titles([group.first for group in among]))
    each = [(f"run-{index + 1}", f"{compare.label(index)} {name}") for index, name in names]
    styles = (curves_svg.STYLE, heat_map.STYLE, pictures.STYLE)
    return page(plain(named, 100), with_contents(parts, {study_runs.TITLE: each}), *styles, *rules)


def _head(named: str, question: str, runs: Sequence[Compared]) -> list[str]:
    done = sum(run.status == "done" for run in runs)
    times = [run.state.last_time for run in runs if run.state.last_time]
    facts = [f"{done} of {text.counted(len(runs), 'run')} done"]
    facts += [f"last figures of {text.moment(max(times))}"] if times else []
    return [
        f"<header><h1>{escape(plain(named, 200))}</h1>",
        *([paragraph(plain(question, 400), "question")] if question else []),
        paragraph(" · ".join(facts), "muted"),
        "</header>",
    ]


def _results(runs: Sequence[Compared], among: Sequence[Group]) -> list[str]:
    found = compare.columns(among)
    columns = {name: found[name] for name in dict.fromkeys((*_FIRST, *found)) if name in found and name not in _COST}
    parts = [heading("Results"), _table(columns, among, "results")]
    told = "★ marks the best. In brackets: Wilson's 95 % interval."
    told += " Several runs: mean ± standard deviation." * any(group.repeated for group in among)
    parts += [paragraph(told, "muted"), items(compare.notes(among))]
    if spread := compare.spread_line(runs):
        parts.append(paragraph(spread))
    heads, rows = compare.repeats(among)
    if rows:
        colours = [colour(index) for index, group in enumerate(among) if group.repeated for _ in group.runs]
        parts += [heading("Every run"), table(heads, rows, label="every run", words=_WORDS, colours=colours)]
    return parts


def _printed(among: Sequence[Group], printed: Mapping[str, str]) -> list[str]:
    lines = [
        f"{compare.label(index)} {plain(group.first.spec.recipe, 60)}: {plain(words, 600)}"
        for index, group in enumerate(among)
        if (words := printed.get(group.first.spec.recipe))
    ]
    if not lines:
        return []
    note = paragraph("On its own data and hardware, so for context and not to be reached.", "muted")
    return [heading("What the report printed"), items(lines), note]


def _curves(among: Sequence[Group]) -> list[str]:
    if not any(run.state.epochs for group in among for run in group.runs):
        return []
    runs = [run for group in among for run in group.runs]
    parts, legend, words = [heading("Curves")], "", list[str]()
    figures = []
    quantities: tuple[Quantity, ...] = ("accuracy", "loss")
    for quantity in quantities:
        bands = [*compare.group_curves(among, quantity)]
        drawn = [
            SvgCurve(
                band.mean.name,
                band.mean.xs,
                band.mean.ys,
                band.mean.marker,
                index % len(curves_svg.LIGHT),
                band.low if band.runs > 1 else (),
                band.high if band.runs > 1 else (),
            )
            for index, band in enumerate(bands)
        ]
        legend = curves_svg.legend(drawn)
        svg = curves_svg.curves_svg(
            drawn,
            label=f"{compare.judged_by(among)} {quantity} of each run by epoch",
            x_range=compare.x_range(runs, "epoch"),
            written=text.accuracy if quantity == "accuracy" else text.loss,
        )
        caption = f"{compare.curve_title(among, quantity)} by {compare.x_label(runs)}"
        missing = compare_legend.by_run(compare_legend.missing([band.mean for band in bands]))
        told = paragraph(f"! {missing}", "warning") if missing else ""
        figures.append(f"<figure><figcaption>{caption}</figcaption>{svg}{told}</figure>")
        words += compare.group_words(among, quantity)
    parts += [legend, f'<div class="figures">{"".join(figures)}</div>']
    if any(group.repeated for group in among):
        parts.append(
            paragraph("Lines are means over the runs of a row; shades reach from the lowest to the highest.", "muted")
        )
    parts.append(paragraph("The figures of every epoch: the tables of epochs of each run.", "muted"))
    return [*parts, f"<details><summary>The curves in words</summary>{items(words)}</details>"]


def _cost(among: Sequence[Group]) -> list[str]:
    columns = compare.columns(among)
    chosen = {name: columns[name] for name in ("", "run", *_COST) if name in columns}
    devices = [dict.fromkeys(_decided(run, "device") for run in group.runs) for group in among]
    every = {device for found in devices for device in found}
    chosen |= {"device": [", ".join(found) for found in devices]} if len(every) > 1 else {}
    best = f"best {compare_table.judged_on(among)} acc"
    accuracies = (cell.partition(" [")[0] for cell in columns[best])
    chosen[best] = [accuracy.removeprefix(f"{compare_table.STAR} ") for accuracy in accuracies]
    named = {
        "trained": "parameters trained",
        "s/epoch": "seconds an epoch (median)",
        "total": "time in all",
        "img/s": "images a second (median)",
    }
    shown = _table({named.get(name, name): cells for name, cells in chosen.items()}, among, "cost")
    told = [] if len(every) > 1 or MISSING in every else [f"All on {', '.join(every)}."]
    told += ["Energy: by the device's own counter, which counts whoever uses it."] if "energy" in columns else []
    return [heading("Cost"), shown, *([paragraph(" ".join(told), "muted")] if told else [])]


def _tests(among: Sequence[Group]) -> list[str]:
    found = _too_few_images(among)
    told_below = "" if found is None else f"{found.severity}: {found.text} {found.remedy}"
    lines = [line for line in compare.group_test_lines(among) if line != told_below]
    return [heading("On the same images"), items(lines)] if lines else []


def _findings(among: Sequence[Group]) -> list[str]:
    names = compare.titles([group.first for group in among])
    found = []
    if together := _too_few_images(among):
        found.append(
            f'<li><strong class="{together.severity}">{together.severity}</strong> {escape(together.text)}<br>'
            f'<span class="muted">{escape(together.remedy)}</span></li>'
        )
    for index, group in enumerate(among):
        for finding, of in compare.group_findings(group):
            found.append(
                f'<li><span class="{colour(index)}">{compare.label(index)}</span> {escape(names[index])}: '
                f'<strong class="{finding.severity}">{finding.severity}</strong>{escape(of)} '
                f"{escape(plain(finding.text, 600))}<br>"
                f'<span class="muted">{escape(plain(finding.remedy, 600))}</span></li>'
            )
    return [
        heading("Findings"),
        f'<ul class="findings">{"".join(found)}</ul>' if found else paragraph("Nothing stands out."),
    ]


def _too_few_images(among: Sequence[Group]) -> Finding | None:
    return not_told_apart(among, tests_against(among, winner(among)), compare.labels(len(among)))


def _what_was_run(among: Sequence[Group]) -> list[str]:
    firsts = [group.first for group in among]
    columns = {
        "": compare.labels(len(among)),
        "run": compare.titles(firsts),
        "data": [plain(run.spec.dataset.name, 60) for run in firsts],
        "architecture": [plain(run.spec.architecture.name, 60) for run in firsts],
        "strategy": [plain(run.spec.strategy.name, 60) for run in firsts],
        "batch": [MISSING if (size := of_run(run.spec, run.state)) is None else text.count(size) for run in firsts],
        "parameters": [text.millions(run.state.started.parameters) if run.state.started else MISSING for run in firsts],
        "torch": [
            plain(run.state.started.environment.get("torch", MISSING), 40) if run.state.started else MISSING
            for run in firsts
        ],
    }
    parts = [heading("What was run"), _table(columns, among, "what was run")]
    data: dict[str, list[str]] = {}
    for index, run in enumerate(firsts):
        if lines := run_views.data_lines(run.state):
            data.setdefault("; ".join(lines), []).append(compare.label(index))
    parts.append(items(f"{' '.join(marks)} {words}" for words, marks in data.items()))
    heads, rows = compare.differences(among)
    if rows:
        shown = table(heads, rows, label="settings that differ", words=heads)
        parts.append(f"<details open><summary>Settings that differ: {len(rows)}</summary>{shown}</details>")
    return parts


def _classes(among: Sequence[Group]) -> list[str]:
    if any(group.repeated for group in among):
        return []
    heads, rows = compare.per_class([group.first for group in among])
    if not rows or len(rows) > _MOST_CLASSES:
        return []
    return [heading("By class"), table(heads, rows, label="F1 of each class", words=heads[:1])]


def _again(runs: Sequence[Compared], again: Sequence[str]) -> list[str]:
    lines = "\n".join(escape(plain(line, 10_000)) for line in again)
    rows = [[plain(run.run.id, 200), plain(run.name, 60), str(run.spec.seed), run.status] for run in runs]
    shown = table(["id", "run", "seed", "status"], rows, label="runs", words=_WORDS)
    return [
        heading("Run it again"),
        f'<pre class="wrapped" tabindex="0">{lines}</pre>' if lines else "",
        f"<details><summary>Ids of the runs, for vislab show</summary>{shown}</details>",
    ]


def _table(columns: compare_table.Columns, among: Sequence[Group], label: str) -> str:
    colours = [colour(index) for index in range(len(among))]
    return table(list(columns), compare_table.rows(columns), label=label, words=_WORDS, colours=colours)


def _decided(run: Compared, what: str) -> str:
    made = next((decision for decision in reversed(run.state.decisions) if decision.what == what), None)
    if made is None:
        return MISSING
    return plain(str(made.details.get("name", "") or made.choice), 60)
