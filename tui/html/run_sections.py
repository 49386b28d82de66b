"""The sections of a run's page: on a page of its own, and folded in the page of a study.

Tables and curves are drawn by Rich and exported as HTML; prose stands in paragraphs, so that a phone can wrap it. Text
from outside goes through `plain()` and is escaped, so neither markup nor HTML nor escape sequences in it have effect.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from vislab.engine.analysis.findings import findings
from vislab.engine.runs.batch_size import settled
from vislab.engine.runs.events import number
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Labels, RunStatus
from vislab.presets.layers import SCHEMA_DEFAULT
from vislab.presets.schema.spec import Spec
from vislab.presets.spec_file import dump_spec
from vislab.tui.html import curves_svg, heat_map, pictures
from vislab.tui.html.curves_svg import SvgCurve
from vislab.tui.html.page import heading, items, paragraph, table
from vislab.tui.html_style import SLOTS
from vislab.tui.looks import Looks
from vislab.tui.views import curves, epochs, text
from vislab.tui.views import run as views
from vislab.tui.views.curves import LARGEST, Along, Quantity
from vislab.tui.views.evaluations import Evaluation, damage, evaluation_lines, summary_lines
from vislab.tui.views.results import CONFUSED_HEADS, Results, class_table, confused_rows, headline, heat_words
from vislab.tui.views.spec import CHANGED, changed_again, run_again, sections
from vislab.tui.views.text import plain
from vislab.tui.widgets.curves import BEST_COLOUR, draw

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 112
"""Cells of tables and curves."""
CURVE_HEIGHT = 20
_PAIRS = 10  # of confused classes
FEW_EPOCHS = 4
"""Below this many epochs the training curve is drawn inside epochs; the words still tell of whole epochs."""
_INSIDE = "train, mean over each logged interval"
_WHOLE = "each epoch's mean train"
_QUANTITIES: tuple[Quantity, ...] = ("loss", "accuracy")

_SLOT_COLOUR = re.compile(r"#(0[0-9a-f])\1\1")


class RunSections:
    """Sections one after another, and the style rules that their Rich parts need.

    Attributes:
        parts: HTML, in order.
        rules: CSS for them.
    """

    def __init__(self, identity: str = "part", level: int = 2) -> None:
        """Nothing yet.

        Args:
            identity: what the ids of its parts begin with; one of its own for each run on a page.
            level: of the titles of its sections.
        """
        from rich.console import Console

        self.parts: list[str] = []
        self.rules: list[str] = []
        self._identity, self._level = identity, level
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
        self.parts += [
            f'<header><p class="status {status}">{escape(views.status(status))}</p>',
            f"<h1>{escape(plain(labels.name or spec.name, 200))}</h1>",
            f'<p class="muted">{escape(" · ".join(part for part in parts if part))}</p>',
        ]
        self.result(state, spec, status)
        facts = [f"run {plain(run_id)}"]
        if state.first_time:
            facts.append(f"{text.moment(state.first_time)} to {text.moment(state.last_time)}")
        if labels.tags:
            facts.append("tags: " + ", ".join(plain(tag, 60) for tag in labels.tags))
        self.parts.append(f'<p class="muted">{escape(" · ".join(facts))}</p>')
        if labels.note:
            self.parts.append(f"<p>{escape(plain(labels.note, 2000))}</p>")
        if state.unknown:
            lines = text.counted(state.unknown, "line")
            self.parts.append(f"<p>{lines} of the run's log were not understood by this version of vislab.</p>")
        self.parts.append("</header>")

    def died(self, lines: Sequence[str]) -> None:
        """Where the worker died, and its last words."""
        if lines:
            self._title("The worker died")
            self.parts.append(f"<p>{escape(lines[0])}</p>")
            self._rich("end of worker.log", [_line(line) for line in lines[1:-1]], wrapped=True)
            self.parts.append(f"<p>{escape(lines[-1])}</p>")

    def findings(self, state: RunState, spec: Spec) -> None:
        """What the history shows, with remedies."""
        self._title("Findings")
        found = findings(state, spec)
        if not found:
            self.parts.append("<p>Nothing stands out.</p>")
            return
        items = [
            f'<li><strong class="{finding.severity}">{finding.severity}</strong> {escape(plain(finding.text, 600))}'
            f'<br><span class="muted">{escape(plain(finding.remedy, 600))}</span></li>'
            for finding in found
        ]
        self.parts.append(f'<ul class="findings">{"".join(items)}</ul>')

    def result(self, state: RunState, spec: Spec, status: RunStatus) -> None:
        """What came out, in sentences."""
        self._list(views.result_lines(state, spec, status))

    def curves(self, state: RunState) -> None:
        """Loss and accuracy, drawn and in words."""
        self._title("Curves")
        self.parts.append('<div class="figures">')
        for quantity in _QUANTITIES:
            self._svg(state, quantity, _along(state))
        self.parts += ["</div>", paragraph("The figures of every epoch: the table of epochs.", "muted")]
        self.drawn(state)

    def drawn(self, state: RunState) -> None:
        """Loss and accuracy as the terminal shows them, folded; not on paper."""
        from rich.text import Text

        along = _along(state)
        self.parts.append('<details class="screen"><summary>Curves as in the terminal</summary>')
        for quantity in _QUANTITIES:
            # The terminal's own colours, which the page's style chooses for light and for dark.
            slots = zip(_drawn(state, quantity, along), (4, 5), strict=False)
            lines = draw(
                [replace(curve, colour=slot) for curve, slot in slots],
                width=WIDTH,
                height=CURVE_HEIGHT,
                title=quantity,
                x_label="epoch",
                x_range=curves.x_range(state, along),
                best=curves.best_epoch(state),
            )
            lines = [line.replace(f"\x1b[38;5;{BEST_COLOUR}m", "\x1b[33m") for line in lines]
            self._rich(f"{quantity} curve", [Text.from_ansi(line, no_wrap=True, overflow="ignore") for line in lines])
        self.parts.append("</details>")

    def _svg(self, state: RunState, quantity: Quantity, along: Along) -> None:
        series = _drawn(state, quantity, along)
        drawn = [SvgCurve(one.name, one.xs, one.ys, one.marker, slot) for slot, one in enumerate(series)]
        svg = curves_svg.curves_svg(
            drawn,
            label=f"{quantity} by epoch; in words below",
            x_range=curves.x_range(state, along),
            written=text.loss if quantity == "loss" else text.accuracy,
            best=curves.best_epoch(state),
        )
        legend = curves_svg.legend(drawn, _best_words(state, quantity))
        self.parts.append(f"<figure><figcaption>{quantity}</figcaption>{legend}{svg}")
        self.parts.append(curves_svg.missing(series))
        train, *others = curves.series(state, quantity)
        told = [replace(train, name=_WHOLE) if along == "step" else train, *others]
        self._list(curves.in_words(one, quantity) for one in told)
        self.parts.append("</figure>")

    def results(self, state: RunState, answered: Results, judged: Evaluation | None = None) -> None:
        """What the weights said of the images that the run was judged by last, by class and by confusion."""
        test = state.ended.test if state.ended is not None else None
        self._title(f"Results on {test.role} images" if test is not None else "Results")
        told = summary_lines(judged) if judged is not None else []
        told_well = judged is not None and told != [damage(judged)]
        self._list(told if told_well else [headline(answered, state), *told])
        heads, rows = class_table(answered)
        self.parts.append(table(heads, rows, label="figures of each class", words=heads[:1]))
        self.parts.append(heading("Confusion matrix", level=self._level + 1) + heat_map.heat_map(answered))
        self._list([heat_map.key(answered)])
        if pairs := confused_rows(answered, _PAIRS):
            self.parts.append(heading("Most confused", level=self._level + 1))
            self.parts.append(table(CONFUSED_HEADS, pairs, label="most confused classes", words=CONFUSED_HEADS[:2]))

    def looks(self, looks: Looks) -> None:
        """Pictures: answers, mistakes, where the model looks, what it saw in training."""
        if looks.answers:
            self._title("Predictions")
            self.parts += [paragraph("Above: the true class; below: the predicted one.", "muted")]
            self.parts.append(pictures.grid(looks.answers))
        if looks.mistakes:
            self._title("Worst mistakes")
            self.parts.append(pictures.grid(looks.mistakes))
        if looks.heat:
            self._title("Where the model looks")
            self.parts.append(paragraph(f"{heat_words(looks.method)}.", "muted"))
            self.parts.append(pictures.pairs(looks.heat))
        if looks.training:
            self._title("Training images as the model saw them")
            self.parts.append(
                paragraph("The first of epoch 1, after augmentation and mixing where the run has any.", "muted")
            )
            self.parts.append(pictures.grid(looks.training))
        if looks.faults:
            self._list(looks.faults)

    def later(self, evaluations: Sequence[Evaluation]) -> None:
        """What `vislab evaluate` found."""
        for one in evaluations:
            self._title(f"Later evaluation: {one.title}")
            self._rich("evaluation", [_line(line) for line in evaluation_lines(one, WIDTH)])

    def handed_over(self, lines: Sequence[str]) -> None:
        """What is known of the files for others; nothing where there are none."""
        if lines:
            self._title("Handed over")
            self._list(lines)

    def epochs(self, state: RunState) -> None:
        """The per-epoch table, the best epoch marked."""
        self._title("Epochs")
        if not state.epochs:
            self.parts.append("<p>No epoch is over yet.</p>")
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

    def run_again(self, state: RunState, spec: Spec, run_id: str, *, whole: bool = True) -> None:
        """Command lines, and the spec to save as a file.

        Args:
            whole: with the spec; else only the commands that do without it.
        """
        self._title("Run it again")
        spec = settled(spec, state)
        commands = run_again(spec, run_id)
        commands = commands if whole else commands[:-1]
        self._rich("commands", [_line(plain(line, 10_000)) for line in commands], wrapped=True)
        if whole:
            lines = "\n".join(plain(line, 10_000) for line in dump_spec(spec).splitlines())
            self.parts.append(
                "<p>The last works anywhere: save the text below as <code>spec.toml</code>.</p>"
                "<details><summary>spec.toml</summary>"
                f'<pre class="wrapped" tabindex="0">{escape(lines)}</pre></details>'
            )
        if changes := changed_again(state):
            self.parts.append(paragraph(f"{CHANGED}:"))
            self._rich("changes", [_line(plain(line, 10_000)) for line in changes], wrapped=True)

    def _title(self, title: str) -> None:
        self.parts.append(heading(title, self._level))

    def _list(self, lines: Iterable[str]) -> None:
        self.parts.append(items(lines))

    def _rich(self, label: str, drawn: "Sequence[RenderableType]", *, wrapped: bool = False) -> None:
        """Let Rich draw, and take over its HTML; its style classes are numbered anew in each part, so scoped by id.

        Args:
            wrapped: long lines go on in the next one; else what is wider than the page scrolls.
        """
        for renderable in drawn:
            self._console.print(renderable, crop=False)
        exported = self._console.export_html(theme=SLOTS, code_format="{stylesheet}\0{code}")
        rules, _, code = exported.partition("\0")
        identity = f"{self._identity}-{len(self.parts)}"
        for rule in filter(None, rules.splitlines()):
            self.rules.append(f"#{identity} " + _SLOT_COLOUR.sub(lambda slot: f"var(--c{int(slot[1], 16)})", rule))
        kind = ' class="wrapped"' if wrapped else ""
        self.parts.append(
            f'<pre id="{identity}"{kind} tabindex="0" role="region" aria-label="{escape(label)}">{code.rstrip()}</pre>'
        )


def _best_words(state: RunState, quantity: Quantity) -> str:
    """What the star of a figure stands for; empty where none is drawn."""
    if state.best is None:
        return ""
    value = state.best.val_loss if quantity == "loss" else state.best.val_accuracy
    if value is None or not abs(number(value)) <= LARGEST:
        return ""
    written = text.loss(value) if quantity == "loss" else text.accuracy(value)
    return f"best epoch {state.best.epoch}: {epochs.judged_on(state)} {written}"


def _along(state: RunState) -> Along:
    return "step" if len(state.epochs) < FEW_EPOCHS else "epoch"


def _drawn(state: RunState, quantity: Quantity, along: Along) -> list[curves.Series]:
    """The curves of a figure; that of training says where its points are not epochs."""
    train, *others = curves.series(state, quantity, along=along)
    return [replace(train, name=_INSIDE) if along == "step" else train, *others]


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
