"""All runs: found, sorted, labelled, compared, deleted."""

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.timer import Timer

from vislab.engine.runs.queue import queued
from vislab.engine.runs.store import Run
from vislab.engine.runs.studies import again
from vislab.engine.runs.summary import LIVE
from vislab.presets.errors import InputError
from vislab.tui.copying import Copy, tab_separated
from vislab.tui.run_watch import RunWatch
from vislab.tui.screens.copies import of_runs, offer
from vislab.tui.screens.ordered_runs import FilterLine
from vislab.tui.screens.run_tasks import RunTasks
from vislab.tui.screens.sized_runs import SizedRuns
from vislab.tui.screens.studies import Studies, Study, found
from vislab.tui.views import history, run_filter, text
from vislab.tui.views.listed import DAMAGED, Listed
from vislab.tui.views.listing import Picked
from vislab.tui.views.run import RESUMABLE
from vislab.tui.views.text import plain
from vislab.tui.widgets.lines import Lines, wrapped
from vislab.tui.widgets.run_list import ListHead, RunList

REFRESH_EVERY, SHARE = 1.0, 0.005
"""Seconds between two looks at live runs, at least; share of a core that showing what they find may take."""
SAID_FOR = 12.0
"""Seconds for which a message stands in the place of the run's details."""
MOST_COMPARED = 200
"""Runs that are compared at once: more take minutes to read, and no screen tells them apart."""


class HistoryScreen(SizedRuns):
    """The list of runs."""

    NAME: ClassVar[str] = "history"
    SIGNS = (
        (history.MARK, "The run is marked."),
        (text.ON_TEST, "The figure is of the test images, and they chose the best epoch as well: it is too high."),
    )

    def __init__(self) -> None:
        super().__init__()
        self._marked: frozenset[str] = frozenset()
        self._next_look = 0.0
        self._looking = self._marks_all = False  # the second: as soon as all runs are read
        self._saying: Timer | None = None

    def body(self) -> ComposeResult:
        """Filter, titles, runs, details of the run under the cursor."""
        yield FilterLine()
        yield ListHead()
        yield RunList()
        yield Lines(id="details")

    def on_mount(self) -> None:
        """Read all runs."""
        self._watch = RunWatch(self.console.settings.runs_dir)
        self.take_up()
        self.set_focus(self.run_list)
        self.run_worker(self._read_all, thread=True, exit_on_error=False, group="read")
        self.set_interval(REFRESH_EVERY, self._look_when_due)
        self.show()

    # What is shown

    def show(self) -> None:
        """The list, its titles, heading and details."""
        runs = self.run_list
        runs.show(self.ordered(), self._marked, self.by, width=max(1, self.size.width - 1))
        head = self.query_one(ListHead)
        head.columns = runs.columns
        head.show([Text(history.header(runs.columns, self.by, descending=self.descending))])
        self.show_heading()
        self.show_details()
        self.refresh_bindings()
        self.count_sizes()

    def show_heading(self) -> None:
        """How many runs there are, train, wait and are marked."""
        shown, known = len(self.run_list.rows), len(self.known)
        words = text.counted(known, "run") if shown == known else f"{text.count(shown)} of {text.counted(known, 'run')}"
        if not self.complete:
            words += ", reading …"
        statuses = list(self.known.unsettled.values())
        hidden = len(self._marked) - len(self._shown_marks())
        marks = f"{text.count(len(self._marked))} marked" if self._marked else ""
        marks += f" ({text.count(hidden)} hidden by the filter)" if hidden else ""
        paused, queued = statuses.count("paused"), statuses.count("queued")
        doing = text.activity(sum(status in LIVE for status in statuses) - paused, paused, queued)
        legend = f"  {text.ON_TEST} of test images" * self.run_list.on_test  # left, where it is cut before the counts
        parts = (marks, doing, "sizes …" * bool(self.counting), words)
        self.heading(f"Runs{legend}", Text(" · ".join(filter(None, parts))))

    def show_details(self) -> None:
        """What is wrong, what was said, or what the run under the cursor is."""
        listed = self.current
        width = max(1, self.size.width - 2)
        if self.fault:
            line = Text(self.fault, self.app.theme_variables.get("text-warning", ""))
        elif self.said:
            line = Text(self.said)
        elif listed is not None:
            self.query_one("#details", Lines).show(self._details_of(listed, width))
            return
        elif not self.complete:
            line = Text("reading …", "dim")
        elif self.counting and "size" in self.wanted.fields:
            line = Text("counting the sizes of all runs …", "dim")
        elif self.known:
            line = Text(f"no run fits the filter; it holds {run_filter.HINT}", "dim")
        else:
            line = Text(f"no runs in {plain(str(self.console.settings.runs_dir))} yet", "dim")
        self.query_one("#details", Lines).show(wrapped(line, width, self.app.console))

    def _details_of(self, listed: Listed, width: int) -> list[Text]:
        """What the row of a run does not say; of tags and note a line, or as much as rows of the list stand empty."""
        line, words = history.details(listed, self.run_list.columns, width)
        lines = wrapped(Text(words, "dim"), width, self.app.console) if words else []
        rows = self.run_list.size.height + self.query_one("#details", Lines).size.height
        room = max(1, min(rows - self.run_list.virtual_size.height, self.size.height // 2) - 1)
        if len(lines) > room:
            rest = " ".join(line.plain for line in lines[room - 1 :])
            lines[room - 1 :] = [Text(text.fit(rest, width), "dim")]
        return [Text(line, "dim"), *lines]

    def recolour(self) -> None:
        """In other colours."""
        super().recolour()
        self.show_details()

    def on_resize(self) -> None:
        """Choose columns anew."""
        if self.is_mounted:
            self.show()

    # Reading, in threads

    def _read_all(self) -> None:
        try:
            for rows in self._watch.read_all():
                self.post_message(self.Read(rows))
        except InputError as error:
            self.app.call_later(self.tell, plain(str(error), 400))
        self.post_message(self.Read(last=True))

    def _look_when_due(self) -> None:
        if time.monotonic() >= self._next_look:
            self._look_again()

    def _look_again(self) -> None:
        if not self.complete or self._looking or self.app.screen is not self:
            return
        self.count_sizes()  # of those that have grown
        live = self.console.live
        moving = {name for name, status in self.known.unsettled.items() if status != DAMAGED}
        self._looking = True
        self.run_worker(lambda: self._look(live, moving), thread=True, exit_on_error=False, group="look")

    def _look(self, live: Sequence[Run], moving: AbstractSet[str]) -> None:
        try:
            taken_up = {run.id for run in (*live, *queued(self.console.settings.runs_dir))}
            looked_at = map(self.known.get, moving | taken_up)
            rows, gone = self._watch.look([listed for listed in looked_at if listed is not None], self.known)
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

    def on_screen_suspend(self) -> None:
        """What was said is old when one comes back."""
        self.said = ""

    @on(RunTasks.Read)
    def _take(self, message: RunTasks.Read) -> None:
        begun = time.thread_time()
        for listed in message.rows:
            self.put(listed)
        for name in message.gone:
            self.known.drop(name)
        self._marked -= message.gone
        self.order.change({*(listed.id for listed in message.rows), *message.gone})
        if message.last:
            self.complete = True
            self.understand_filter()  # now it is known which settings there are
        self.show()
        self._next_look = time.monotonic() + (time.thread_time() - begun) / SHARE
        if message.last and self._marks_all:
            self.action_mark_all()
            self.say(f"{text.counted(len(self._marked), 'run')} marked")

    def say(self, words: str) -> None:
        """Tell something in place of the run's details, until the cursor moves, and for no more than a while."""
        self.said = words
        if self._saying is not None:
            self._saying.stop()
        self._saying = self.set_timer(SAID_FOR, self._say_no_more)
        self.show_details()

    def _say_no_more(self) -> None:
        self.said = ""
        self.show_details()

    # Marks and what is done with runs

    def _shown_marks(self) -> frozenset[str]:
        """Ids of the marked runs that the filter shows: nothing is done to a run that is not seen."""
        return self._marked & self.run_list.places.keys()

    def chosen(self) -> Picked:
        """The marked runs that the filter shows, in their order; where there are none, the one under the cursor."""
        if marked := self._shown_marks():
            return self.known.picked(sorted(marked, key=self.run_list.places.__getitem__))
        return self.known.picked([self.current.id] if self.current is not None else [])

    @property
    def current(self) -> Listed | None:
        """The run under the cursor."""
        listed = self.run_list.current
        return None if listed is None else self.known.get(listed.id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back takes the marks away first."""
        return True if action == "back" and self._marked else super().check_action(action, parameters)

    def possible(self, action: str) -> bool:
        """What can be done with the run under the cursor, or with the marked ones."""
        current = self.run_list.current
        if action == "filter":
            return bool(self.known) or not self.complete
        if action in ("sort", "sort_next", "sort_previous", "reverse"):
            return len(self.known) > 1
        if action == "compare":
            return 1 < len(self._compared()) <= MOST_COMPARED and self.console.offers("compare")
        if current is None:
            return action == "mark_all" and not self.complete
        if action == "again":
            return current.readable and self.console.offers("launch")
        if action == "resume":
            return current.status in RESUMABLE
        if action == "show_run":
            return current.readable and any(map(self.console.offers, ("live", "results")))
        if action == "delete":
            return not any(self.known.live(name) for name in self._shown_marks() or (current.id,))
        if action == "unqueue":
            return any(self.known.unsettled.get(name) == "queued" for name in self._shown_marks() or (current.id,))
        return True

    def why_not(self, action: str) -> str:
        """Why nothing is deleted, compared, resumed, taken out of the queue."""
        current = self.run_list.current
        if self.possible(action):
            return ""
        if action == "compare":
            return self._why_not_compared()
        if current is None:
            return ""
        if action == "delete":
            return history.why_not_deleted(self.known.picked(filter(self.known.live, self.chosen().ids)))
        name = history.short_id(current.id)
        if action == "resume":
            if current.status == "queued":
                return f"{name} waits in the queue, and begins when its turn comes; x takes it out"
            if current.live:
                return f"{name} is {current.status} already; ↵ opens it"
            return f"{name} is {current.status}: nothing to go on with; n begins a new run from its settings"
        if action == "unqueue":
            marked = len(self._shown_marks())
            return f"{f'none of the {marked} marked runs waits' if marked else f'{name} does not wait'} in the queue"
        return ""

    def _why_not_compared(self) -> str:
        if (compared := len(self._compared())) <= MOST_COMPARED:
            return "two runs or more are compared: space marks a run"
        which = "runs are marked" if compared == len(self._marked) else "marked runs can be read"
        return f"{text.count(compared)} {which}, and at most {MOST_COMPARED} are compared here"

    @on(RunList.Moved)
    def _moved(self) -> None:
        self.said = ""
        self.show_details()
        self.refresh_bindings()
        self.count_sizes()

    def action_mark(self) -> None:
        """Mark the run and go to the next."""
        listed = self.run_list.current
        if listed is not None:
            self._set_marks(self._marked ^ {listed.id})
            self.run_list.action_move(1)

    def action_mark_all(self) -> None:
        """Mark what is shown; if all of it is marked, nothing."""
        if not self.complete:
            self._marks_all = not self._marks_all
            self.say("all runs that the filter shows are marked as soon as all are read" if self._marks_all else "")
            return
        shown = frozenset(self.run_list.places)
        self._set_marks(self._marked - shown if shown <= self._marked else self._marked | shown)

    def _set_marks(self, marked: frozenset[str]) -> None:
        self._marked = marked
        self.run_list.marks(marked)
        self.show_heading()
        self.refresh_bindings()

    def takes_back(self, action: str) -> bool:
        """Marks can be taken away."""
        return action == "back" and bool(self._marked)

    def action_back(self) -> None:
        """Leave the field; or take the marks away; or leave the screen."""
        if self._marked and not self.in_field:
            self.say(f"{text.counted(len(self._marked), 'run')} unmarked")
            self._set_marks(frozenset())
        else:
            super().action_back()

    def _compared(self) -> list[str]:
        """The marked runs that can be read; with a single one, that and the one under the cursor.

        Those that the filter hides are among them: comparing changes no run, and shows which they are.
        """
        current = self.run_list.current
        names = self._marked | ({current.id} if current is not None and len(self._marked) < 2 else set())
        return [name for name in names if self.known.readable(name)]

    def action_compare(self) -> None:
        """Compare."""
        if self.refuses("compare"):
            return
        self.console.open("compare", runs=[listed.run for listed in self.in_order(self._compared())])

    @on(RunList.Opened)
    def action_show_run(self) -> None:
        """Open the run where it shows most."""
        listed = self.run_list.current
        if listed is None or not self.possible("show_run"):
            return
        run, judged = listed.run, listed.judged  # not one resumed since
        finished = judged and not listed.live and (run.path / "predictions.csv").exists()
        name = "results" if finished and self.console.offers("results") else "live"
        if self.console.offers(name):
            self.console.open(name, run=run)

    def action_compare_study(self) -> None:
        """Ask for a study."""
        oldest_first = map(self.known.__getitem__, sorted(self.known))
        recipes = {listed.recipe: listed.run for listed in oldest_first if listed.recipe}
        studies = found(self.console.settings, recipes)
        if not studies:
            self.say("no study was run here: r on the launch screen queues one, and so does vislab study NAME --detach")
            return

        def chosen(study: Study | None) -> None:
            if study is None:
                return
            if (runs := len(study.runs)) > MOST_COMPARED:
                words = f"study {plain(study.record.name, 60)} has {text.count(runs)} runs"
                words += f", and at most {MOST_COMPARED} are compared here; all of them:"
                _, command = again(study.record, self.console.settings)
                self.say(f"{words} {plain(command, 400)}")
            else:
                self.console.open("compare", runs=study.runs, record=study.record if study.noted else None)

        self.app.push_screen(Studies(studies), chosen)

    def action_copy(self) -> None:
        """Ask what to copy."""
        copies = of_runs([listed.run for listed in self.chosen()])
        rows, by, on_test = self.run_list.rows, self.by, self.run_list.on_test

        def written() -> str:
            return tab_separated(*history.table(rows, by, time.time(), on_test=on_test))

        table = Copy("t", f"the list as a table ({text.counted(len(rows), 'run')})", written)
        offer(self, [*copies, table], self.say)

    def action_again(self) -> None:
        """Begin a new run from this one's settings."""
        if self.run_list.current is not None:
            self.console.open("launch", like=self.run_list.current.run)
