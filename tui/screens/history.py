"""All runs: found, sorted, labelled, compared, deleted."""

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from vislab.presets.errors import InputError
from vislab.tui.copying import Copy, tab_separated
from vislab.tui.run_watch import RunWatch
from vislab.tui.screens.copies import of_runs, offer
from vislab.tui.screens.dialog import Prompt
from vislab.tui.screens.run_tasks import RunTasks
from vislab.tui.screens.studies import Studies, Study, found
from vislab.tui.views import history, run_filter, text
from vislab.tui.views.history import QUANTITIES, Listed, Quantity
from vislab.tui.views.text import plain
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.run_list import ListHead, RunList

CHUNK = 250
"""Runs whose sizes are counted before the list shows them."""
REFRESH_EVERY = 1.0
"""Seconds between two looks at live runs."""


class FilterLine(Input):
    """The field that filters."""

    DEFAULT_CSS = """
    FilterLine { height: 1; border: none; padding: 0 1; background: $surface; }
    FilterLine:focus { border: none; background: $panel; }
    """

    def __init__(self) -> None:
        words = "/ filter: words, status:done arch:deit data:digits tag:x val>0.9 age<7d"
        super().__init__(placeholder=words, select_on_focus=False)
        self.cursor_blink = False


class HistoryScreen(RunTasks):
    """The list of runs."""

    NAME: ClassVar[str] = "history"

    class Counted(Message):
        """Sizes of runs were counted, in a thread.

        Attributes:
            sizes: bytes by id.
        """

        def __init__(self, sizes: dict[str, int]) -> None:
            super().__init__()
            self.sizes = sizes

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Listed] = {}
        self._marked: frozenset[str] = frozenset()
        self._by: Quantity = QUANTITIES["started"]
        self._descending = True
        self._wanted: run_filter.Holds = run_filter.parse("")
        self._fault = ""
        self._said = ""
        self._complete = False
        self._looking = False
        self._counted: set[str] = set()
        """Ids of runs whose sizes are being counted, or are."""

    def body(self) -> ComposeResult:
        """Filter, titles, runs, details of the run under the cursor."""
        yield FilterLine()
        yield ListHead()
        yield RunList()
        yield Lines(id="details")

    def on_mount(self) -> None:
        """Read all runs."""
        super().on_mount()
        self._watch = RunWatch(self.console.settings.runs_dir)
        self.set_focus(self._list)
        self.run_worker(self._read_all, thread=True, exit_on_error=False, group="read")
        self.set_interval(REFRESH_EVERY, self._look_again)
        self._show()

    # What is shown

    @property
    def _list(self) -> RunList:
        return self.query_one(RunList)

    def _show(self) -> None:
        rows = [listed for listed in self._known.values() if self._wanted(listed)]
        rows.sort(key=lambda listed: listed.run.id, reverse=True)  # of equal ones the newest comes first
        rows = history.ordered(rows, self._by, descending=self._descending)
        runs = self._list
        runs.show(rows, self._marked, self._by, width=max(1, self.size.width - 1))
        head = self.query_one(ListHead)
        head.columns = runs.columns
        head.show([Text(history.header(runs.columns, self._by, descending=self._descending))])
        self._show_heading()
        self._show_details()
        self.refresh_bindings()
        self._count_sizes()

    def _show_heading(self) -> None:
        shown, known = len(self._list.rows), len(self._known)
        words = text.counted(known, "run") if shown == known else f"{text.count(shown)} of {text.counted(known, 'run')}"
        if not self._complete:
            words += " …"
        right = Text(words)
        live = sum(listed.live for listed in self._known.values())
        if live:
            right = Text(f"{live} live · ").append_text(right)
        if self._marked:
            right = Text(f"{len(self._marked)} marked · ").append_text(right)
        self.heading("Runs", right)

    def _show_details(self) -> None:
        listed = self.current
        if self._fault:
            line = Text(self._fault, self.app.theme_variables.get("text-warning", ""))
        elif self._said:
            line = Text(self._said)
        elif listed is not None:
            line = Text(text.fit(history.details(listed), max(1, self.size.width - 2)), "dim")
        elif not self._complete:
            line = Text("reading …", "dim")
        elif self._known:
            line = Text("no run fits the filter: / changes it", "dim")
        else:
            line = Text(f"no runs in {plain(str(self.console.settings.runs_dir))} yet", "dim")
        self.query_one("#details", Lines).show([line])

    def on_resize(self) -> None:
        """Choose columns anew."""
        if self.is_mounted:
            self._show()

    # Reading, in threads

    def _read_all(self) -> None:
        for rows in self._watch.read_all():
            self.post_message(self.Read(rows))
        self._complete = True
        self.post_message(self.Read())

    def _look_again(self) -> None:
        if not self._complete or self._looking or self.app.screen is not self:
            return
        taken_up = {run.id for run in self.console.live}
        live = [listed for listed in self._known.values() if listed.live or listed.run.id in taken_up]
        known = frozenset(self._known)
        self._looking = True
        self.run_worker(lambda: self._look(live, known), thread=True, exit_on_error=False, group="look")

    def _look(self, live: Sequence[Listed], known: frozenset[str]) -> None:
        try:
            rows, gone = self._watch.look(live, known)
        finally:
            self._looking = False
        if rows or gone:
            self.post_message(self.Read(rows, gone))

    def live_runs_changed(self) -> None:
        """A run that lay still was taken up: look at it."""
        self._look_again()

    def on_screen_resume(self) -> None:
        """Catch up with what happened meanwhile."""
        self._look_again()

    def _count_sizes(self) -> None:
        """Count what the list needs: all sizes where it shows or sorts by them, else that under the cursor."""
        rows: Sequence[Listed] = self._list.rows
        if not self._shows_sizes():
            rows = [self.current] if self.current is not None else []
        wanted = [listed for listed in rows if listed.size is None and listed.run.id not in self._counted]
        if wanted and self._complete:
            self._counted.update(listed.run.id for listed in wanted)
            self.run_worker(lambda: self._count(wanted), thread=True, exit_on_error=False, group="sizes")

    def _count(self, rows: Sequence[Listed]) -> None:
        for begin in range(0, len(rows), CHUNK):
            chunk = rows[begin : begin + CHUNK]
            self.post_message(self.Counted({listed.run.id: listed.run.size() for listed in chunk}))

    @on(Counted)
    def _take_sizes(self, message: Counted) -> None:
        for name, size in message.sizes.items():
            if name in self._known:
                self._known[name] = self._known[name]._replace(size=size)
        if len(message.sizes) > 1 or self._shows_sizes():
            self._show()
        else:
            self._show_details()

    def _shows_sizes(self) -> bool:
        return self._by.name == "size" or any(column.by == "size" for column in self._list.columns)

    @on(RunTasks.Read)
    def _take(self, message: RunTasks.Read) -> None:
        for listed in message.rows:
            before = self._known.get(listed.run.id)
            if listed.size is None and before is not None:
                listed = listed._replace(size=before.size)
            self._known[listed.run.id] = listed
        for name in message.gone:
            self._known.pop(name, None)
        self._marked -= message.gone
        self._show()

    def say(self, words: str) -> None:
        """Tell something in the line below the list, until the cursor moves."""
        self._said = words
        self._show_details()

    # Filter and order

    def action_filter(self) -> None:
        """Enter the filter."""
        self.set_focus(self.query_one(FilterLine))

    def action_leave_field(self) -> None:
        """Back to the list."""
        self.set_focus(self._list)

    @on(Input.Submitted)
    def _filter_done(self) -> None:
        self.set_focus(self._list)

    @on(Input.Changed)
    def _filtered(self, event: Input.Changed) -> None:
        try:
            self._wanted = run_filter.parse(event.value, list(self._known.values()))
            self._fault = ""
        except InputError as error:
            self._fault = str(error)
        self._said = ""
        self._show()

    def action_sort(self) -> None:
        """Ask what to sort by."""
        names = ", ".join(QUANTITIES)
        question = f"Sort by {names}, or any setting such as strategy.epochs. A - before it: the smallest first."
        self.app.push_screen(Prompt(question), self._sort_by)

    def _sort_by(self, words: str | None) -> None:
        if words is None or not words.strip():
            return
        name = words.strip()
        try:
            by = history.quantity(run_filter.ALIASES.get(name.lstrip("-"), name.lstrip("-")), self._known.values())
        except InputError as error:
            self.say(str(error))
            return
        self._order(by, descending=not name.startswith("-"))

    def _order(self, by: Quantity, *, descending: bool) -> None:
        self._by, self._descending, self._said = by, descending, ""
        self._show()

    def _sort_beside(self, step: int) -> None:
        names = [column.by for column in self._list.columns]
        place = names.index(self._by.name) if self._by.name in names else -step if step > 0 else 0
        self._click(names[(place + step) % len(names)])

    def action_sort_next(self) -> None:
        """The column to the right."""
        self._sort_beside(1)

    def action_sort_previous(self) -> None:
        """The column to the left."""
        self._sort_beside(-1)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._order(self._by, descending=not self._descending)

    @on(ListHead.Clicked)
    def _head_clicked(self, event: ListHead.Clicked) -> None:
        self._click(event.by)

    def _click(self, name: str) -> None:
        """Sort by a column: words from A on, figures from the largest on; the same column again the other way."""
        if name == self._by.name:
            self.action_reverse()
        elif name in ("name", "id", "status", "data", "arch", "strategy", "tag", "loss"):
            self._order(QUANTITIES[name], descending=False)
        else:
            self._order(history.quantity(name, self._known.values()), descending=True)

    # Marks and what is done with runs

    def chosen(self) -> list[Listed]:
        """The marked runs in the order shown, or the one under the cursor."""
        if self._marked:
            places = self._list.places
            marked = sorted(self._marked, key=lambda name: (places.get(name, len(places)), name))
            return [self._known[name] for name in marked]
        return [self.current] if self.current is not None else []

    @property
    def current(self) -> Listed | None:
        """The run under the cursor."""
        listed = self._list.current
        return None if listed is None else self._known.get(listed.run.id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back takes the marks away first."""
        return True if action == "back" and self._marked else super().check_action(action, parameters)

    def possible(self, action: str) -> bool:
        """What can be done with the run under the cursor, or with the marked ones."""
        current = self._list.current
        if action == "filter":
            return bool(self._known)
        if action in ("sort", "sort_next", "sort_previous", "reverse"):
            return len(self._known) > 1
        if current is None:
            return False
        if action == "again":
            return current.summary is not None and self.console.offers("launch")
        if action == "resume":
            return current.status in ("new", "stopped", "failed", "died")
        if action == "show_run":
            return current.summary is not None and any(map(self.console.offers, ("live", "results")))
        if action == "compare":
            return len(self._to_compare()) > 1 and self.console.offers("compare")
        if action == "delete":
            return all(not listed.live for listed in self.chosen())
        if action == "unqueue":
            return current.status == "queued"
        return True

    @on(RunList.Moved)
    def _moved(self) -> None:
        self._said = ""
        self._show_details()
        self.refresh_bindings()
        self._count_sizes()

    def action_mark(self) -> None:
        """Mark the run and go to the next."""
        listed = self._list.current
        if listed is not None:
            self._set_marks(self._marked ^ {listed.run.id})
            self._list.action_move(1)

    def action_mark_all(self) -> None:
        """Mark what is shown; if all of it is marked, nothing."""
        shown = frozenset(listed.run.id for listed in self._list.rows)
        self._set_marks(self._marked - shown if shown <= self._marked else self._marked | shown)

    def _set_marks(self, marked: frozenset[str]) -> None:
        self._marked = marked
        self._list.marks(marked)
        self._show_heading()
        self.refresh_bindings()

    def action_back(self) -> None:
        """Leave the field; or take the marks away; or leave the screen."""
        if self._marked and not self.in_field:
            self._set_marks(frozenset())
        else:
            super().action_back()

    def _to_compare(self) -> list[Listed]:
        """The marked runs; with a single one, that and the one under the cursor."""
        chosen = [listed for listed in self.chosen() if listed.summary is not None]
        current = self._list.current
        if len(self._marked) == 1 and current is not None and current.run.id not in self._marked:
            chosen.append(current)
        return [listed for listed in chosen if listed.summary is not None]

    def action_compare(self) -> None:
        """Compare."""
        self.console.open("compare", runs=[listed.run for listed in self._to_compare()])

    @on(RunList.Opened)
    def action_show_run(self) -> None:
        """Open the run where it shows most."""
        listed = self._list.current
        if listed is None or not self.possible("show_run"):
            return
        finished = not listed.live and (listed.run.path / "predictions.csv").exists()
        name = "results" if finished and self.console.offers("results") else "live"
        if self.console.offers(name):
            self.console.open(name, run=listed.run)

    def action_compare_study(self) -> None:
        """Ask for a study."""
        recipes = {
            listed.summary.recipe: listed.run
            for listed in sorted(self._known.values(), key=lambda listed: listed.run.id)
            if listed.summary is not None and listed.summary.recipe
        }
        studies = found(self.console.settings, recipes)
        if not studies:
            self.say("no study was run here: r on the launch screen queues one, and so does vislab study NAME --detach")
            return

        def chosen(study: Study | None) -> None:
            if study is not None:
                self.console.open("compare", runs=study.runs, record=study.record)

        self.app.push_screen(Studies(studies), chosen)

    def action_copy(self) -> None:
        """Ask what to copy."""
        copies = of_runs([listed.run for listed in self.chosen()])
        columns = history.columns(10_000, self._by)
        now = time.time()
        rows = [[column.cell(listed, now) for column in columns] for listed in self._list.rows]
        titles = [column.title for column in columns]
        table = Copy(
            "t", f"the list as a table ({text.counted(len(rows), 'run')})", lambda: tab_separated(titles, rows)
        )
        offer(self, [*copies, table], self.say)

    def action_again(self) -> None:
        """Begin a new run from this one's settings."""
        if self._list.current is not None:
            self.console.open("launch", like=self._list.current.run)
