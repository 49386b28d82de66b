"""Two runs or more side by side."""

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer

from vislab.engine.analysis import comparison
from vislab.engine.analysis.compared_log import ComparedLog
from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.groups import Group
from vislab.engine.analysis.predictions import Predictions
from vislab.engine.runs import naming
from vislab.engine.runs.store import Run
from vislab.engine.runs.studies import Record, records
from vislab.presets.errors import InputError
from vislab.tui.allocator import give_back
from vislab.tui.copying import Copy, tab_separated
from vislab.tui.made import Made, joined
from vislab.tui.own_command import run_command
from vislab.tui.screens.copies import of_runs, offer
from vislab.tui.screens.file_prompt import ask_for_file
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views import compare, compare_legend, compare_report, compare_table, text, wall_time
from vislab.tui.views.compare import Along, ClassTable
from vislab.tui.views.curves import Quantity, next_zoom
from vislab.tui.views.live import UNENDED
from vislab.tui.views.text import plain
from vislab.tui.widgets import curves
from vislab.tui.widgets.curve_plot import CurvePlot
from vislab.tui.widgets.lines import Lines, ScrolledLines, Sentences
from vislab.tui.widgets.run_rows import RunRows, marked

EVERY = 2.0
"""Seconds between two looks at runs that have not ended."""
SHARE, LATE = 0.006, 30.0
"""Share of a core that looks may take: many runs are looked at less often, but not later than after so many seconds."""
SAID_FOR = 12.0
"""Seconds for which a message stands below."""

_FORMS = {".html": "--html", ".htm": "--html", ".csv": "--csv", ".md": "--markdown", ".markdown": "--markdown"}
View = Literal["runs", "per class", "all differences", "words"]


class CompareScreen(ConsoleScreen):
    """Curves over each other, a table of runs, the same-images tests."""

    NAME: ClassVar[str] = "compare"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012  (Textual types it as an instance's)

    @dataclass
    class Looked(Message):
        """The runs were read, in a thread.

        Attributes:
            by_class: figures by class, of the run that stands for each row.
            lost: ids of runs that could not be read.
            cost: seconds of a core.
        """

        runs: Sequence[Compared]
        among: Sequence[Group]
        tests: Sequence[str]
        by_class: ClassTable
        lost: Sequence[str]
        cost: float

    def __init__(self, runs: Sequence[Run], record: Record | None = None) -> None:
        """The comparison of runs, in the order given.

        Args:
            record: the study that they are.
        """
        super().__init__()
        self._record = record
        self._followers = [ComparedLog(run) for run in runs]
        self._runs: tuple[Compared, ...] = ()
        self._among: tuple[Group, ...] = ()
        """The runs as rows: those that repeat one setting with other seeds or folds are one."""
        self._tests: tuple[str, ...] = ()
        self._by_class: ClassTable = ([], [])
        self._view: View = "runs"
        self._quantity: Quantity = "accuracy"
        self._along: Along = "epoch"
        self._log = False
        self._last: int | None = None
        """Epochs shown, the last ones; 0: all that are planned; None: as many as suit the curves."""
        self._looking, self._next_look = False, 0.0
        self._said = ""
        self._saying: Timer | None = None
        self._lost = ""
        """Which runs cannot be read; empty where all can. Safe text."""

    def body(self) -> ComposeResult:
        """Curves, table, tests; or a page of lines in their place."""
        with Horizontal(id="charts"):
            yield CurvePlot(id="first")
            yield CurvePlot(id="second")
        yield RunRows()
        yield Lines(id="tests")
        yield ScrolledLines(id="page")
        yield Sentences(id="said")

    def on_mount(self) -> None:
        """Read the runs."""
        self.set_focus(self.query_one(RunRows))
        self.heading("Compare", Text("reading …"))
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self.refresh_bindings())  # notes may have room now
        self._choose("runs")
        self._look()
        self.set_interval(EVERY, self._look_again)

    # Reading, in a thread

    def _look(self) -> None:
        if not self._looking:
            self._looking = True
            self.run_worker(self._read, thread=True, exit_on_error=False, group="look")

    def _look_again(self) -> None:
        due = time.monotonic() >= self._next_look
        if due and self.is_current and any(run.status in UNENDED or not run.run.path.exists() for run in self._runs):
            self._look()

    def _read(self) -> None:
        begun = time.thread_time()
        try:
            found, lost = [], []
            for follower in self._followers:
                try:
                    found.append(comparison.look(follower.run, follower.look_until_end()))
                except (InputError, OSError):
                    lost.append(plain(follower.run.id))
            among = compare.arranged(found)
            tests = [*compare.group_test_lines(among), *compare.notes(among)] if among else []
            by_class = compare.per_class([group.first for group in among])
            found = [replace(run, predictions=Predictions()) for run in found]  # they are large, and done with
            among = compare.arranged(found)
        finally:
            self._looking = False
            give_back()
        self.post_message(self.Looked(found, among, tests, by_class, lost, time.thread_time() - begun))

    @on(Looked)
    def _take(self, message: Looked) -> None:
        begun = time.thread_time()
        before = [group.first.run.id for group in self._among]
        self._runs, self._among, self._tests = tuple(message.runs), tuple(message.among), tuple(message.tests)
        self._by_class = message.by_class
        more = f", … {len(message.lost) - 3} more" * (len(message.lost) > 3)
        self._lost = f"cannot be read: {', '.join(message.lost[:3])}{more}" if message.lost else ""
        same = before == [group.first.run.id for group in self._among]  # else curves have other numbers than rows
        self._show(at_once=not same or not any(run.status in UNENDED for run in self._runs))
        cost = message.cost + time.thread_time() - begun
        self._next_look = time.monotonic() + min(cost / SHARE, LATE)

    # What is shown

    def _choose(self, view: View) -> None:
        self._view = view if view != self._view else "runs"
        on_page = self._view != "runs"
        self.query_one("#page").display = on_page
        for widget in (self.query_one("#charts"), self.query_one(RunRows), self.query_one("#tests")):
            widget.display = not on_page
        self.set_focus(self.query_one("#page") if on_page else self.query_one(RunRows))
        self._show()

    def _show(self, *, at_once: bool = True) -> None:
        """Show everything.

        Args:
            at_once: a person waits for the curves, or they are the last ones; else they are drawn as seldom as what
                they cost asks for.
        """
        said = self._said or self._lost
        self.query_one("#said", Sentences).tell([said] if said else [])
        if not self._runs:
            if self._lost:
                self.heading("Compare", Text("no run can be read"))
            return
        width = max(20, self.size.width - 3)
        by, other = ("wall time", "epoch") if self._along == "time" else ("epoch", "time")
        drawn = f", l {self._other}" * self.possible("quantity")
        what = f"by {by} (t {other}{drawn})" if self._view == "runs" else self._view
        study = f"study {plain(self._record.name, 40)}, " if self._record is not None else ""
        self.heading(f"Compare {study}{text.counted(len(self._runs), 'run')}", Text(what))
        page, rows = self._page(width) if self._view != "runs" else [], len(self._among)
        table = compare.columns(self._among)
        self.query_one(RunRows).tell(compare_table.lines(table, width))
        notes = _wrapped([*self._tests, *compare_table.left_out_note(table, width)], width)
        self.query_one("#tests", Lines).show([marked(line, rows) for line in notes])
        self.query_one("#page", Lines).show(Made(len(page), lambda index: marked(page[index], rows)))
        self.call_after_refresh(self._fill, at_once)  # table and notes have taken their room by then
        self.refresh_bindings()

    def _page(self, width: int) -> Sequence[str]:
        if self._view == "per class":
            of = compare.stand_ins(self._among) if self._by_class[1] else []
            return joined([_wrapped(of, width), compare.per_class_lines(self._by_class, width)])
        if self._view == "all differences":
            return [*compare.difference_lines(self._among, width), *compare.left_out_lines(self._among, width)]
        return _wrapped(self._sentences(), width)

    @property
    def _firsts(self) -> list[Compared]:
        """The run that stands for each row."""
        return [group.first for group in self._among]

    def _sentences(self) -> list[str]:
        quantities: tuple[Quantity, ...] = ("accuracy", "loss")
        said = [
            line
            for quantity in quantities
            for line in compare.group_words(self._among, quantity, log_y=self._log and quantity == "loss")
        ]
        return [*said, *self._tests]

    @property
    def _other(self) -> Quantity:
        """The quantity that is not drawn where there is room for one."""
        return "loss" if self._quantity == "accuracy" else "accuracy"

    def _fill(self, at_once: bool) -> None:
        self.refresh_bindings()
        self._draw_one("#first", self._quantity, at_once)
        self._draw_one("#second", self._other, at_once)

    def _draw_one(self, place: str, quantity: Quantity, at_once: bool) -> None:
        runs, among, along = self._runs, self._among, self._along
        log, last = self._log and quantity == "loss", self._last
        title = compare.curve_title(among, quantity, log=log)
        key = (title, along, last, self.app.theme, compare.drawn_of(among))

        def draw(width: int, height: int) -> list[str]:
            points = by_epoch = [band.mean for band in compare.group_curves(among, quantity)]
            ends, x_label = compare.x_range(runs, along, last), compare.x_label(runs, last)
            if along == "time":
                points, x_label = wall_time.by_time(among, by_epoch), wall_time.label(among)
            room = width - (text.cells(x_label) + 4) * (x_label != "epoch")  # so much the top line says too
            head, *lines = curves.draw(
                compare_legend.named(points, by_epoch, quantity, room, log_y=log),
                width=width,
                height=height,
                log_y=log,
                title=compare_legend.titled(title, points, width, log_y=log, x_range=ends),
                x_label=x_label,
                x_range=ends,
            )
            return [head.replace(" ! ", f" \x1b[38;5;{curves.BEST_COLOUR}m!\x1b[0m ", 1), *lines]

        self.query_one(place, CurvePlot).draw(key, draw, at_once=at_once)

    def on_screen_resume(self) -> None:
        """Draw what changed under another screen."""
        self._show()

    def on_resize(self) -> None:
        """Fit the table."""
        if self.is_mounted:
            self._show()

    # What can be done

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back leads from a page to the runs first."""
        return True if action == "back" and self._view != "runs" else super().check_action(action, parameters)

    def possible(self, action: str) -> bool:
        """All of it, once the runs are read."""
        if action == "show_run":
            return bool(self._runs) and self._view == "runs" and self.console.offers("live")
        if action == "quantity" and self.has_class("-wide"):  # both are drawn
            return False
        if action == "notes":
            return bool(self._runs) and self._view == "runs" and self.query_one("#tests").max_scroll_y > 0
        if action in ("by_time", "quantity", "log_axis", "zoom"):
            return bool(self._runs) and self._view == "runs"
        return bool(self._runs)

    def action_by_time(self) -> None:
        """Draw by wall time or by epoch."""
        self._along = "epoch" if self._along == "time" else "time"
        self._show()

    def action_quantity(self) -> None:
        """Draw loss or accuracy."""
        self._quantity = self._other
        self._show()

    def action_log_axis(self) -> None:
        """Draw the loss on a logarithmic or on a linear axis."""
        self._log = not self._log
        if self._log and not self.has_class("-wide"):
            self._quantity = "loss"
        self._show()

    def action_zoom(self) -> None:
        """All epochs, or fewer and fewer of the last."""
        trained = max(run.state.epochs_done for run in self._runs)
        hidden = compare.x_range(self._runs, "epoch") != compare.x_range(self._runs, "epoch", 0)
        self._last = next_zoom(self._last, trained, plan_hidden=hidden)
        by_time, self._along = self._along == "time", "epoch"
        self.say("by epoch again: z shows some of the epochs") if by_time else self._show()

    def action_per_class(self) -> None:
        """Show F1 by class."""
        self._choose("per class")

    def action_differences(self) -> None:
        """Show every difference."""
        self._choose("all differences")

    def action_notes(self) -> None:
        """Scroll the notes by a page."""
        notes = self.query_one("#tests", Lines)
        if notes.is_vertical_scroll_end:
            notes.scroll_home(animate=False)
        else:
            notes.scroll_page_down(animate=False)

    def action_words(self) -> None:
        """Say the curves in words."""
        self._choose("words")

    def action_back(self) -> None:
        """To the runs, or away."""
        if self._view != "runs" and not self.in_field:
            self._choose("runs")
        else:
            super().action_back()

    @on(RunRows.Opened)
    def action_show_run(self) -> None:
        """Open the run under the cursor."""
        if self.possible("show_run"):
            run = self._firsts[self.query_one(RunRows).cursor]
            try:
                run.run.check_is_there()
            except InputError as error:
                self.say(plain(str(error), 400))
                return
            self.console.open("results" if run.answered_on and self.console.offers("results") else "live", run=run.run)

    def action_report(self) -> None:
        """Ask for a file and write the comparison."""
        record, console, shown = self._record, self.console, [one.run.id for one in self._runs]

        def write(file: Path) -> None:
            said, noted = f"written: {file}", records(console.settings.runs_dir)  # it may have been run anew meanwhile
            which = ["--study", record.name] if record is not None and record in noted else ["--", *shown]
            try:
                run_command(["compare", _FORMS[file.suffix.lower()], str(file), *which], console.settings)
            except (InputError, OSError) as error:
                said = str(error)
            console.call_later(self.tell, plain(said, 400))

        def chosen(file: Path) -> None:
            self.say(f"writing {plain(str(file), 300)} …")
            self.act(lambda: write(file), "report")

        question = "Write the comparison to a file: .html a page, .csv a row a run, .md Markdown."
        name = naming.slug(record.name) if record is not None else "comparison"
        ask_for_file(self, question, f"{name}.html", chosen, _FORMS)

    def action_copy(self) -> None:
        """Ask what to copy."""
        runs = self._runs
        copies = [
            *of_runs([one.run for one in runs]),
            Copy("t", "the figures, a row a run", lambda: tab_separated(*compare_report.csv_rows(runs))),
            Copy("m", "the comparison as Markdown", lambda: compare_report.markdown([*map(comparison.answered, runs)])),
            Copy("w", "the curves in words", lambda: "\n".join(self._sentences())),
        ]
        offer(self, copies, self.say)

    def say(self, words: str) -> None:
        """Tell something above the keys for a while; safe text."""
        self._said = words
        if self._saying is not None:
            self._saying.stop()
        self._saying = self.set_timer(SAID_FOR, self._say_no_more)
        self._show()

    def _say_no_more(self) -> None:
        self._said = ""
        self._show()


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Sentences as lines of at most `width` characters."""
    return [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent="  ")]
