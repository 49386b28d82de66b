"""A run as one HTML file that needs nothing else: what was run, on what, what came out, and how to run it again.

Tables and curves are drawn by Rich and exported as HTML; prose stands in paragraphs, so that a phone can wrap it. Text
from outside goes through `plain()` and is escaped, so neither markup nor HTML nor escape sequences in it have effect.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from vislab.engine.analysis.findings import findings
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Labels, Run, RunStatus
from vislab.presets.composition import SCHEMA_DEFAULT
from vislab.presets.schema.spec import Spec
from vislab.presets.spec_file import dump_spec
from vislab.tui import death
from vislab.tui.html_style import SLOTS, stylesheet
from vislab.tui.views import curves, epochs, text
from vislab.tui.views import run as views
from vislab.tui.views.curves import Quantity
from vislab.tui.views.spec import run_again, sections
from vislab.tui.views.text import plain
from vislab.tui.widgets.curves import draw

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 112
"""Cells of tables and curves."""
CURVE_HEIGHT = 20
FEW_EPOCHS = 4
"""Below this many epochs the training curve is drawn inside epochs."""

_SLOT_COLOUR = re.compile(r"#(0[0-9a-f])\1\1")


def write_html(run: Run, path: Path) -> None:
    """Write the log of a run, finished or not.

    Raises:
        InputError: the run's spec.toml is missing or damaged.
        OSError: the file cannot be written; one that was there before is intact.
    """
    state = run.state()
    status = run.status(state)
    died = death.lines(run, state) if status == "died" else []
    page = document(state, run.spec(), run_id=run.id, status=status, labels=run.labels(), died=died)
    write_atomically(path, page.encode(), durable=False)


def document(
    state: RunState,
    spec: Spec,
    *,
    run_id: str,
    status: RunStatus,
    labels: Labels | None = None,
    died: Sequence[str] = (),
) -> str:
    """The HTML text of the log.

    Args:
        died: what is said of a worker that died, see `vislab.tui.death`.
    """
    labels = labels or Labels()
    page = _Page()
    page.head(state, spec, run_id, status, labels)
    page.died(died)
    page.findings(state, spec)
    page.curves(state)
    page.epochs(state)
    page.spec(spec)
    page.data(state)
    page.model(state)
    page.table("Environment", ("what", "value"), views.environment_rows(state))
    page.table("Notices", ("level", "text"), views.notice_rows(state))
    page.run_again(spec, run_id)
    return page.html(plain(labels.name or spec.name, 100))


class _Page:
    """Sections one after another, and the style rules that their Rich parts need."""

    def __init__(self) -> None:
        from rich.console import Console

        self._parts: list[str] = []
        self._rules: list[str] = []
        self._console = Console(
            record=True,
            file=io.StringIO(),
            width=WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
        )

    def head(self, state: RunState, spec: Spec, run_id: str, status: RunStatus, labels: Labels) -> None:
        """Name, parts, status and result."""
        parts = [plain(part.name, 100) for part in (spec.dataset, spec.architecture, spec.strategy)]
        self._parts += [
            f'<header><p class="status {status}">{escape(views.status(status))}</p>',
            f"<h1>{escape(plain(labels.name or spec.name, 200))}</h1>",
            f'<p class="muted">{escape(" · ".join(part for part in parts if part))}</p>',
        ]
        self._list(views.result_lines(state, spec, status))
        facts = [f"run {plain(run_id)}"]
        if state.first_time:
            facts.append(f"{text.moment(state.first_time)} to {text.moment(state.last_time)}")
        if labels.tags:
            facts.append("tags: " + ", ".join(plain(tag, 60) for tag in labels.tags))
        self._parts.append(f'<p class="muted">{escape(" · ".join(facts))}</p>')
        if labels.note:
            self._parts.append(f"<p>{escape(plain(labels.note, 2000))}</p>")
        if state.unknown:
            lines = text.counted(state.unknown, "line")
            self._parts.append(f"<p>{lines} of the run's log were not understood by this version of vislab.</p>")
        self._parts.append("</header>")

    def died(self, lines: Sequence[str]) -> None:
        """Where the worker died, and its last words."""
        if lines:
            self._title("The worker died")
            self._parts.append(f"<p>{escape(lines[0])}</p>")
            self._rich("end of worker.log", [_line(line) for line in lines[1:-1]])
            self._parts.append(f"<p>{escape(lines[-1])}</p>")

    def findings(self, state: RunState, spec: Spec) -> None:
        """What the history shows, with remedies."""
        self._title("Findings")
        found = findings(state, spec)
        if not found:
            self._parts.append("<p>Nothing stands out.</p>")
            return
        items = [
            f'<li><strong class="{finding.severity}">{finding.severity}</strong> {escape(plain(finding.text, 600))}'
            f'<br><span class="muted">{escape(plain(finding.remedy, 600))}</span></li>'
            for finding in found
        ]
        self._parts.append(f'<ul class="findings">{"".join(items)}</ul>')

    def curves(self, state: RunState) -> None:
        """Loss and accuracy, drawn and in words."""
        from rich.text import Text

        self._title("Curves")
        along: curves.Along = "step" if len(state.epochs) < FEW_EPOCHS else "epoch"
        quantities: tuple[Quantity, ...] = ("loss", "accuracy")
        for quantity in quantities:
            shown = curves.series(state, quantity, along=along)
            # The terminal's own colours, which the page's style chooses for light and for dark.
            shown = [replace(curve, colour=slot) for curve, slot in zip(shown, (4, 5), strict=False)]
            lines = draw(
                shown,
                width=WIDTH,
                height=CURVE_HEIGHT,
                title=quantity,
                x_label="epoch",
                x_range=curves.x_range(state, along),
                best=curves.best_epoch(state),
            )
            self._rich(f"{quantity} curve", [Text.from_ansi(line, no_wrap=True, overflow="ignore") for line in lines])
            self._list(curves.in_words(curve, quantity) for curve in shown)

    def epochs(self, state: RunState) -> None:
        """The per-epoch table, the best epoch marked."""
        self._title("Epochs")
        if not state.epochs:
            self._parts.append("<p>No epoch is over yet.</p>")
            return
        columns = epochs.columns(state, WIDTH)
        lines = [_line(epochs.header(columns), "bold")]
        for row in state.epochs:
            best = row == state.best
            lines.append(_line(epochs.line(columns, row, best=best), "bold green" if best else ""))
        self._rich("table of epochs", lines)

    def spec(self, spec: Spec) -> None:
        """Every setting with its origin; those that nobody chose are muted."""
        from rich.text import Text

        self._title("What was run")
        table = _table(("setting", "value", "where it came from"))
        for section, rows in sections(spec):
            table.add_row(Text(section, style="bold"), "", "", end_section=False)
            for row in rows:
                style = "bright_black" if row.origin == SCHEMA_DEFAULT else ""
                table.add_row(*(Text(cell, style=style) for cell in ("  " + row.key, row.value, row.origin)))
        self._rich("settings", [table])

    def data(self, state: RunState) -> None:
        """Images by role and class."""
        titles, rows = views.class_rows(state)
        if rows:
            self._title("Data")
            self._list(views.data_lines(state))
            self._rich("images a class", [_table(titles, rows, right=range(1, len(titles)))])

    def model(self, state: RunState) -> None:
        """Parameters, and what was decided at run time."""
        if lines := views.model_lines(state):
            self._title("Model and decisions")
            self._list(lines)
        if rows := views.decision_rows(state):
            self._rich("decisions", [_table(("decision", "choice", "why"), rows)])

    def table(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A section that is one table; nothing where it has no rows."""
        if rows:
            self._title(title)
            self._rich(title.lower(), [_table(titles, rows)])

    def run_again(self, spec: Spec, run_id: str) -> None:
        """Command lines, and the spec to save as a file."""
        self._title("Run it again")
        self._rich("commands", [_line(plain(line, 10_000)) for line in run_again(spec, run_id)])
        lines = "\n".join(plain(line, 10_000) for line in dump_spec(spec).splitlines())
        self._parts.append(
            "<p>The last works anywhere: save the text below as <code>spec.toml</code>.</p>"
            f'<details><summary>spec.toml</summary><pre tabindex="0">{escape(lines)}</pre></details>'
        )

    def html(self, title: str) -> str:
        """The whole page."""
        return "\n".join(
            [
                '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                '<meta name="color-scheme" content="light dark">',
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
                'img-src data:">',
                '<link rel="icon" href="data:,">',
                f"<title>{escape(title)} · vislab</title>",
                f"<style>\n{stylesheet()}\n{chr(10).join(self._rules)}\n</style>\n</head>\n<body>\n<main>",
                *self._parts,
                "</main>\n</body>\n</html>\n",
            ]
        )

    def _title(self, title: str) -> None:
        self._parts.append(f"<h2>{escape(title)}</h2>")

    def _list(self, lines: Iterable[str]) -> None:
        self._parts.append(f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>")

    def _rich(self, label: str, drawn: "Sequence[RenderableType]") -> None:
        """Let Rich draw, and take over its HTML; its style classes are numbered anew in each part, so scoped by id."""
        for renderable in drawn:
            self._console.print(renderable, crop=False)
        exported = self._console.export_html(theme=SLOTS, code_format="{stylesheet}\0{code}")
        rules, _, code = exported.partition("\0")
        identity = f"part-{len(self._parts)}"
        for rule in filter(None, rules.splitlines()):
            self._rules.append(f"#{identity} " + _SLOT_COLOUR.sub(lambda slot: f"var(--c{int(slot[1], 16)})", rule))
        self._parts.append(
            f'<pre id="{identity}" tabindex="0" role="region" aria-label="{escape(label)}">{code.rstrip()}</pre>'
        )


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]] = (), *, right: Iterable[int] = ()) -> "Table":
    """A Rich table of safe text; long cells are folded."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for index, title in enumerate(titles):
        table.add_column(Text(title), overflow="fold", justify="right" if index in right else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _line(line: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text(line, style=style, no_wrap=True, overflow="ignore")
