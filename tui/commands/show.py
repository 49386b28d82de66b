"""`vislab show RUN`: one run, live or over, on paper."""

import json as json_
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vislab.tui.commands.arguments import AsJson, RunReference, RunsDir, find_run

if TYPE_CHECKING:
    from vislab.engine.runs.state import RunState
    from vislab.engine.runs.store import Run, RunStatus
    from vislab.presets.schema.spec import Spec

EPOCHS_SHOWN = 40
"""A longer table is thinned, unless all of it is asked for."""

CURVE_HEIGHT = 14
SIDE_BY_SIDE = 110
"""Cells from which both curves stand beside each other."""


def command(
    run: RunReference,
    all: Annotated[bool, typer.Option("--all", help="Every epoch, and settings left at their defaults too.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Print one frame of the live view.")] = False,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Show a run on one page.

    What it is, its settings, what was decided at run time, its epochs, its curves, what they mean, what came out.
    """
    from vislab.presets.errors import InputError
    from vislab.tui import death

    if once and all:
        raise InputError("--once and --all exclude each other: a frame of the live view has a screen's height.")
    if once and json:
        raise InputError("--once and --json exclude each other: a frame of the live view is for people.")
    found = find_run(run, runs_dir)
    if json:
        typer.echo(json_.dumps(death.full_report(found), indent=2))
        return
    for line in _frame(found) if once else page(found, everything=all):
        typer.echo(line)


def _frame(run: "Run") -> list[str]:
    from vislab.tui import escapes, tables
    from vislab.tui.following import Looker
    from vislab.tui.live_frame import frame
    from vislab.tui.views.run import title

    looker = Looker(run)
    look = looker.whole()
    height = shutil.get_terminal_size((80, 24)).lines
    words = title(looker.spec, run.labels().name)
    strategy = looker.spec.strategy
    return frame(
        look,
        words,
        tables.width(),
        height,
        max_steps=strategy.max_steps,
        planned=strategy.epochs,
        colour=escapes.coloured(sys.stdout),
    )


def page(run: "Run", *, everything: bool = False) -> list[str]:
    """The lines that are shown."""
    from vislab.engine.analysis.findings import findings
    from vislab.tui import death, tables
    from vislab.tui.views import run as views
    from vislab.tui.views.exported import handed_over
    from vislab.tui.views.text import plain

    width = tables.width()
    state, spec = run.state(), run.spec()
    status = run.status(state)
    decisions = [f"{what}: {plain(choice, 40)} ({why})" for what, choice, why in views.decision_rows(state)]
    blocks = [
        _header(run, state, spec, status),
        [*views.data_lines(state), *views.model_lines(state)],
        _settings(spec, width, everything),
        decisions,
        _epochs(state, width, everything),
        _curves(state, width),
        [f"{level}: {text}" for level, text in views.notice_rows(state)],
        [plain(f"{finding.severity}: {finding.text} {finding.remedy}", 1000) for finding in findings(state, spec)],
        death.lines(run, state) if status == "died" else death.of_waiter(run, status),
        _evaluation(run, state, width),
        handed_over(run),
        views.result_lines(state, spec, status),
    ]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def _evaluation(run: "Run", state: "RunState", width: int) -> list[str]:
    """The last evaluation of the run, class by class."""
    from vislab.tui.views.evaluations import evaluation_lines, judged

    one = judged(run, state.ended.test if state.ended is not None else None)
    return evaluation_lines(one, width) if one is not None else []


def _header(run: "Run", state: "RunState", spec: "Spec", status: "RunStatus") -> list[str]:
    from vislab.engine.runs.summary import LIVE
    from vislab.tui.following import SIGNALLING, since_sign
    from vislab.tui.views import progress as progress_views
    from vislab.tui.views import run as views
    from vislab.tui.views import text
    from vislab.tui.views.live import AT_REST

    labels = run.labels()
    lines = [
        views.title(spec, labels.name),
        f"{views.status(status)} · {text.plain(run.id)}",
        text.plain(str(run.path), 1000),
    ]
    if state.first_time:
        lines[1] += f" · {text.moment(state.first_time)}"
    if labels.tags:
        lines.append(f"tags: {text.plain(', '.join(labels.tags), 1000)}")
    if labels.note:
        lines.append(f"note: {text.plain(labels.note, 1000)}")
    position = run.heartbeat(run.worker())
    if position is not None and status in LIVE:
        silence = since_sign(position, state) or 0.0
        preparing = progress_views.preparing(state, position, silence)
        where = f"epoch {position.epoch}, step {text.count(position.step)}"
        now = f"now: {' '.join(filter(None, (position.phase, preparing)))}, {where}"
        if status in SIGNALLING and (silent := progress_views.silence(position, silence)):
            now += f", {silent}"
        elif position.phase not in AT_REST and not preparing:
            left = progress_views.time_left(state, position, spec.strategy.max_steps)
            now += f", {text.clock(left)} left, {text.rate(position.images_per_second)} img/s"
        lines.append(now)
    return lines


def _settings(spec: "Spec", width: int, everything: bool) -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views.spec import sections

    rows = [
        (row.key if section == "run" else f"{section}.{row.key}", row.value, row.origin)
        for section, rows in sections(spec)
        for row in rows
        if everything or row.origin != "schema default"
    ]
    return tables.settings(rows, width)


def _epochs(state: "RunState", width: int, everything: bool) -> list[str]:
    from vislab.tui.views import epochs

    rows = list(state.epochs)
    if not rows:
        return []
    every = 1 if everything else -(-len(rows) // EPOCHS_SHOWN)
    kept = [row for i, row in enumerate(rows) if i % every == 0 or row in (rows[-1], state.best)]
    columns = epochs.columns(state, width)
    lines = [epochs.header(columns), *(epochs.line(columns, row, best=row == state.best) for row in kept)]
    if len(kept) < len(rows):
        lines.append(f"Shown: {len(kept)} of {len(rows)} epochs, the best and the last among them. All: --all")
    return lines


def _curves(state: "RunState", width: int) -> list[str]:
    from vislab.tui import escapes
    from vislab.tui.views.curves import Quantity, best_epoch, in_words, series, x_range
    from vislab.tui.widgets.curves import draw

    if not state.epochs:
        return []
    half = (width - 4) // 2 if width >= SIDE_BY_SIDE else width
    quantities: tuple[Quantity, ...] = ("loss", "accuracy")
    figures = {
        quantity: draw(
            series(state, quantity),
            width=half,
            height=CURVE_HEIGHT,
            title=quantity,
            x_label="epoch",
            x_range=x_range(state),
            best=best_epoch(state),
            colour=escapes.coloured(sys.stdout),
        )
        for quantity in quantities
    }
    words = [in_words(curve, quantity) for quantity in quantities for curve in series(state, quantity)]
    if half < width:
        pairs = zip(figures["loss"], figures["accuracy"], strict=True)
        return [f"{left}    {right}".rstrip() for left, right in pairs] + words
    return [line.rstrip() for figure in figures.values() for line in (*figure, "")] + words
