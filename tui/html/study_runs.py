"""Each run of a study as a folded section: what a run's own page holds, without what the study's page says above."""

from collections.abc import Mapping, Sequence
from html import escape

from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.groups import Group, winner
from vislab.tui.html.page import heading, paragraph
from vislab.tui.html.run_sections import RunSections
from vislab.tui.looks import Looks
from vislab.tui.views import compare, text
from vislab.tui.views import run as views
from vislab.tui.views.evaluations import evaluations, judged
from vislab.tui.views.exported import handed_over
from vislab.tui.views.results import results
from vislab.tui.views.text import plain

TITLE = "Each run"
MOST_PICTURED = 8
"""Rows whose first run has pictures, the best ones first: about 1 MB each, for the page to stay below about 10 MB."""


def sections(among: Sequence[Group], looks: Mapping[str, Looks]) -> tuple[list[str], list[str]]:
    """The sections, that of the best row open, and the style rules that they need.

    Of a row of several runs the first is told whole, of the others the epochs.

    Args:
        looks: id of a run to its pictures.
    """
    parts, rules = [heading(TITLE)], list[str]()
    best = winner(among)
    names = compare.titles([group.first for group in among])
    for index, group in enumerate(among):
        told = RunSections(f"run-{index + 1}", level=3)
        _whole(told, group.first, looks.get(group.first.run.id))
        for number, other in enumerate(group.runs[1:], 2):
            told.parts.append(f"<details><summary>{escape(_named(other))}</summary>")
            more = RunSections(f"run-{index + 1}-{number}", level=4)
            more.result(other.state, other.spec, other.status)
            more.epochs(other.state)
            told.parts += [*more.parts, "</details>"]
            rules += more.rules
        several = f" · the first of {len(group.runs)} runs: {_named(group.first)}" if group.repeated else ""
        mark = f'<span class="{colour(index)}">{compare.label(index)}</span>'
        summary = f"{escape(names[index])} · {escape(views.status(group.first.status))}{escape(several)}"
        parts += [
            f'<details class="run"{" open" if index == best else ""}><summary>{mark} {summary}</summary>',
            f'<div id="run-{index + 1}">',
            *told.parts,
            "</div></details>",
        ]
        rules += told.rules
    return parts, rules


def pictured(among: Sequence[Group]) -> list[Compared]:
    """The runs that pictures are wanted of: the first of each row, of many rows the best."""
    order = sorted(range(len(among)), key=lambda index: -(among[index].mean(lambda run: run.accuracy) or 0.0))
    return [among[index].first for index in order[:MOST_PICTURED]]


def colour(index: int) -> str:
    """The class of a row's colour."""
    from vislab.tui.html import curves_svg

    return f"k{index % len(curves_svg.LIGHT)}"


def _whole(told: RunSections, run: Compared, looks: Looks | None) -> None:
    state, spec = run.state, run.spec
    classes = state.started.classes if state.started is not None else ()
    told.result(state, spec, run.status)
    told.parts.append(paragraph(f"run {plain(run.run.id, 200)}", "muted"))
    if run.predictions:
        own = judged(run.run, state.ended.test if state.ended is not None else None)
        told.results(state, results(run.predictions, classes), own)
    if looks is not None:
        told.looks(looks)
    elif run.predictions:
        told.parts.append(paragraph(f"Pictures: vislab export {plain(run.run.id, 200)} --html FILE", "muted"))
    told.later(evaluations(run.run))
    told.handed_over(handed_over(run.run))
    if state.epochs:
        told.curves(state)
    told.epochs(state)
    told.spec(spec)
    told.data(state)
    told.model(state)
    told.table("Environment", ("what", "value"), views.environment_rows(state))
    told.table("Notices", ("level", "text"), views.notice_rows(state))
    told.run_again(state, spec, run.run.id, whole=False)


def _named(run: Compared) -> str:
    fold = f", fold {run.spec.strategy.fold}" if run.spec.strategy.folds else ""
    best = "" if run.accuracy is None else f", accuracy {text.accuracy(run.accuracy)}"
    return f"seed {run.spec.seed}{fold}: {views.status(run.status)}{best}"
