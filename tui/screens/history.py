"""All runs: found, sorted, labelled, compared, deleted."""

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.message import Message

from vislab.tui.copying import Copy, tab_separated
from vislab.tui.run_watch import RunWatch
from vislab.tui.screens.copies import of_runs, offer
from vislab.tui.screens.ordered_runs import FilterLine, OrderedRuns
from vislab.tui.screens.run_tasks import RunTasks
from vislab.tui.screens.studies import Studies, Study, found
from vislab.tui.views import history, text
from vislab.tui.views.history import Listed
from vislab.tui.views.text import plain
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.run_list import ListHead, RunList

CHUNK = 250
"""Runs whose sizes are counted before the list shows them."""
REFRESH_EVERY = 1.0
"""Seconds between two looks at live runs."""


class HistoryScreen(OrderedRuns):
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
        self._marked: frozenset[str] = frozenset()
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
        self.set_focus(self.run_list)
        self.run_worker(self._read_all, thread=True, exit_on_error=False, group="read")
        self.set_interval(REFRESH_EVERY, self._look_again)
        self.show()

    # What is shown

    def show(self) -> None:
        """The list, its titles, heading and details."""
        runs = self.run_list
        runs.show(self.ordered(), self._marked, self.by, width=max(1, self.size.width - 1))
        head = self.query_one(ListHead)
        head.columns = runs.columns
        head.show([Text(history.header(runs.columns, self.by, descending=self.descending))])
        self._show_heading()
        self._show_details()
        self.refresh_bindings()
        self._count_sizes()

    def _show_heading(self) -> None:
        shown, known = len(self.run_list.rows), len(self.known)
        words = text.counted(known, "run") if shown == known else f"{text.count(shown)} of {text.counted(known, 'run')}"
        if not self._complete:
            words += " …"
        right = Text(words)
        live = sum(listed.live for listed in self.known.values())
        if live:
            right = Text(f"{live} live · ").append_text(right)
        if self._marked:
            right = Text(f"{len(self._marked)} marked · ").append_text(right)
        self.heading("Runs", right)

    def _show_details(self) -> None:
        listed = self.current
        if self.fault:
            line = Text(self.fault, self.app.theme_variables.get("text-warning", ""))
        elif self.said:
            line = Text(self.said)
        elif listed is not None:
            line = Text(text.fit(history.details(listed), max(1, self.size.width - 2)), "dim")
        elif not self._complete:
            line = Text("reading …", "dim")
        elif self.known:
            line = Text("no run fits the filter: / changes it", "dim")
        else:
            line = Text(f"no runs in {plain(str(self.console.settings.runs_dir))} yet", "dim")
        self.query_one("#details", Lines).show([line])

    def recolour(self) -> None:
        """In other colours."""
        super().recolour()
        self._show_details()

    def on_resize(self) -> None:
        """Choose columns anew."""
        if self.is_mounted:
            self.show()

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
        live = [listed for listed in self.known.values() if listed.live or listed.run.id in taken_up]
        known = frozenset(self.known)
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
        rows: Sequence[Listed] = self.run_list.rows
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
            if name in self.known:
                self.known[name] = self.known[name]._replace(size=size)
        if len(message.sizes) > 1 or self._shows_sizes():
            self.show()
        else:
            self._show_details()

    def _shows_sizes(self) -> bool:
        return self.by.name == "size" or any(column.by == "size" for column in self.run_list.columns)

    @on(RunTasks.Read)
    def _take(self, message: RunTasks.Read) -> None:
        for listed in message.rows:
            before = self.known.get(listed.run.id)
            if listed.size is None and before is not None:
                listed = listed._replace(size=before.size)
            self.known[listed.run.id] = listed
        for name in message.gone:
            self.known.pop(name, None)
        self._marked -= message.gone
        self.show()

    def say(self, words: str) -> None:
        """Tell something in the line below the list, until the cursor moves."""
        self.said = words
        self._show_details()

    # Marks and what is done with runs

    def chosen(self) -> list[Listed]:
        """The marked runs in the order shown, or the one under the cursor."""
        if self._marked:
            places = self.run_list.places
            marked = sorted(self._marked, key=lambda name: (places.get(name, len(places)), name))
            return [self.known[name] for name in marked]
        return [self.current] if self.current is not None else []

    @property
    def current(self) -> Listed | None:
        """The run under the cursor."""
        listed = self.run_list.current
        return None if listed is None else self.known.get(listed.run.id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back takes the marks away first."""
        return True if action == "back" and self._marked else super().check_action(action, parameters)

    def possible(self, action: str) -> bool:
        """What can be done with the run under the cursor, or with the marked ones."""
        current = self.run_list.current
        if action == "filter":
            return bool(self.known)
        if action in ("sort", "sort_next", "sort_previous", "reverse"):
            return len(self.known) > 1
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
        self.said = ""
        self._show_details()
        self.refresh_bindings()
        self._count_sizes()

    def action_mark(self) -> None:
        """Mark the run and go to the next."""
        listed = self.run_list.current
        if listed is not None:
            self._set_marks(self._marked ^ {listed.run.id})
            self.run_list.action_move(1)

    def action_mark_all(self) -> None:
        """Mark what is shown; if all of it is marked, nothing."""
        shown = frozenset(listed.run.id for listed in self.run_list.rows)
        self._set_marks(self._marked - shown if shown <= self._marked else self._marked | shown)

    def _set_marks(self, marked: frozenset[str]) -> None:
        self._marked = marked
        self.run_list.marks(marked)
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
        current = self.run_list.current
        if len(self._marked) == 1 and current is not None and current.run.id not in self._marked:
            chosen.append(current)
        return [listed for listed in chosen if listed.summary is not None]

    def action_compare(self) -> None:
        """Compare."""
        self.console.open("compare", runs=[listed.run for listed in self._to_compare()])

    @on(RunList.Opened)
    def action_show_run(self) -> None:
        """Open the run where it shows most."""
        listed = self.run_list.current
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
            for listed in sorted(self.known.values(), key=lambda listed: listed.run.id)
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
        columns = history.columns(10_000, self.by)
        now = time.time()
        rows = [[column.cell(listed, now) for column in columns] for listed in self.run_list.rows]
        titles = [column.title for column in columns]
        table = Copy(
            "t", f"the list as a table ({text.counted(len(rows), 'run')})", lambda: tab_separated(titles, rows)
        )
        offer(self, [*copies, table], self.say)

    def action_again(self) -> None:
        """Begin a new run from this one's settings."""
        if self.run_list.current is not None:
            self.console.open("launch", like=self.run_list.current.run)
