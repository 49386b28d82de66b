"""What is done with runs from a list: resumed, tagged, named, noted, deleted. Slow parts run in threads."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from textual import on
from textual.message import Message

from vislab.engine.runs import queue, start, store
from vislab.engine.runs.store import Labels, Run
from vislab.presets.errors import InputError
from vislab.tui.screens.dialog import Answer, Prompt, Question
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.tags import changed_tags, tags_of
from vislab.tui.views import history, text
from vislab.tui.views.listed import Listed, look
from vislab.tui.views.text import plain

if TYPE_CHECKING:
    from vislab.tui.app import Console


MOST_EDITED = 10_000
"""Characters of a label that are edited in a line at most."""


class RunTasks(ConsoleScreen):
    """A screen with runs to choose from. It takes `Read`, the news about runs."""

    class Read(Message):
        """Runs were read, in a thread.

        Attributes:
            rows: those that are new or have changed.
            gone: ids of runs that are not there any more.
            last: by now all runs were read.
        """

        def __init__(self, rows: Sequence[Listed] = (), gone: Iterable[str] = (), *, last: bool = False) -> None:
            super().__init__()
            self.rows, self.gone, self.last = rows, frozenset(gone), last

    class ReadyToDelete(Message):
        """The sizes of runs that are to be deleted are known."""

        def __init__(self, rows: Sequence[Listed], size: int) -> None:
            super().__init__()
            self.rows, self.size = rows, size

    def chosen(self) -> Sequence[Listed]:
        """The runs that are meant."""
        raise NotImplementedError

    @property
    def current(self) -> Listed | None:
        """The one run that is meant."""
        raise NotImplementedError

    def refuses(self, action: str) -> bool:
        """Whether there is a reason not to do this now; it is told."""
        reason = self.why_not(action)
        if reason:
            self.say(reason)
        return bool(reason)

    def _look_at(self, runs: Sequence[Run]) -> None:
        self.post_message(self.Read([look(run) for run in runs if (run.path / "spec.toml").exists()]))

    def action_resume(self) -> None:
        """Go on with a run."""
        listed = self.current
        if listed is not None and not self.refuses("resume"):
            self.say(f"starting the worker of {history.short_id(listed.id)} …")
            run, console = listed.run, self.console

            def resume() -> None:
                try:
                    start.start(run, console.settings)
                except (InputError, OSError) as error:
                    console.call_later(self.tell, plain(str(error), 400))
                else:
                    console.call_later(self._started, run)
                self._look_at([run])

            self.act(resume, "resume")

    def _started(self, run: Run) -> None:
        self.console.has_started([run])
        self.tell(f"{history.short_id(run.id)} goes on")

    # The queue

    def action_unqueue(self) -> None:
        """Ask, then take the runs that wait out of the queue."""
        if self.refuses("unqueue"):
            return
        rows = [listed for listed in self.chosen() if listed.status == "queued"]
        if not rows:
            return
        console = self.console

        def answered(answer: str | None) -> None:
            if answer:
                self.act(lambda: self._take_out([listed.run for listed in rows], console), "queue")

        if len(rows) == 1:
            question = f"Take {plain(rows[0].id)} out of the queue? Its settings stay: u puts it to work later."
            answers = (Answer("", "n", "let it wait"), Answer("out", "y", "take it out"))
        else:
            question = (
                f"Take {text.count(len(rows))} runs out of the queue? Their settings stay: u puts each to work later."
            )
            question = "\n".join([question, *history.by_id(rows)])
            answers = (Answer("", "n", "let them wait"), Answer("out", "y", "take them out"))
        self.app.push_screen(Question(question, answers), answered)

    def _take_out(self, runs: Sequence[Run], console: "Console") -> None:
        out, told = [], []
        for run in runs:
            try:
                queue.cancel(run)
            except (InputError, OSError) as error:  # it may have begun meanwhile
                told.append(plain(str(error), 400))
            else:
                out.append(run)
        if out:
            who = f"{history.short_id(out[0].id)} waits" if len(out) == 1 else f"{len(out)} runs wait"
            told.insert(0, f"{who} no more" + "." * bool(told))
        console.call_later(self.tell, " ".join(told))
        self._look_at(runs)

    # Labels

    def _label(self, chosen: Sequence[Listed], change: Callable[[Labels], Labels]) -> None:
        runs, console = [listed.run for listed in chosen], self.console

        def write() -> None:
            faults = []
            for run in runs:
                try:
                    run.set_labels(change(run.known_labels()))
                except InputError as error:
                    faults.append(str(error))
                except OSError as error:
                    faults.append(f"Cannot write labels: {error}")
            if faults:
                count = f"{len(faults)} of {len(runs)} runs not changed: " if len(runs) > 1 else ""
                console.call_later(self.tell, plain(count + faults[0], 400))
            self._look_at(runs)

        self.act(write, "labels")

    def _ask(
        self, listed: Listed, question: str, value: Callable[[Labels], str], change: Callable[[Labels, str], Labels]
    ) -> None:
        """Ask for one of a run's labels. A line that stays as it was changes nothing.

        Args:
            value: what the label is now; the file may have been edited since it was listed.
            change: gives labels with a line that was written.
        """
        try:
            whole = value(listed.run.known_labels())
        except (InputError, OSError) as error:
            self.say(plain(str(error), 400))
            return
        if len(whole) > MOST_EDITED:
            file = plain(str(listed.run.path / "labels.toml"), 200)
            self.say(f"{text.count(len(whole))} characters are too many for this line; edit {file}")
            return
        shown = plain(whole, 10 * MOST_EDITED)  # some characters are shown by their codes

        def take(words: str | None) -> None:
            if words is not None and words != shown:
                self._label([listed], lambda labels: change(labels, words.replace(text.LINE_END, "\n")))

        self.app.push_screen(Prompt(question, shown), take)

    def action_tag(self) -> None:
        """Ask for tags."""
        chosen = self.chosen()
        if len(chosen) == 1:
            question = f"Tags of {plain(chosen[0].id, 60)}, divided by commas"
            self._ask(
                chosen[0],
                question,
                lambda labels: ", ".join(labels.tags),
                lambda labels, words: msgspec.structs.replace(labels, tags=tags_of(words)),
            )
        else:

            def change(words: str | None) -> None:
                if for_all := tags_of(words or ""):
                    self._label(
                        chosen, lambda labels: msgspec.structs.replace(labels, tags=changed_tags(labels.tags, for_all))
                    )

            question = f"Tags for {text.count(len(chosen))} runs, divided by commas: tags are added, -tags removed"
            question = "\n".join([question, *history.by_id(chosen)])
            self.app.push_screen(Prompt(question), change)

    def action_rename(self) -> None:
        """Ask for a name."""
        if (current := self.current) is not None:
            self._ask(
                current,
                "Name of the run; empty: the name that its settings give it",
                lambda labels: labels.name or current.name,
                lambda labels, words: msgspec.structs.replace(labels, name=words.strip()),
            )

    def action_note(self) -> None:
        """Ask for a note."""
        if (current := self.current) is not None:
            self._ask(
                current,
                "Note on the run",
                lambda labels: labels.note,
                lambda labels, words: msgspec.structs.replace(labels, note=words.strip()),
            )

    # Deleting

    def action_delete(self) -> None:
        """Count what would go, then ask."""
        if self.refuses("delete"):
            return
        rows = self.chosen()
        self.say(f"counting what {text.counted(len(rows), 'run')} {'takes' if len(rows) == 1 else 'take'} up …")

        def count() -> None:
            self.post_message(self.ReadyToDelete(rows, sum(listed.run.size() for listed in rows)))

        self.run_worker(count, thread=True, exit_on_error=False, group="question")

    @on(ReadyToDelete)
    def _ask_to_delete(self, event: ReadyToDelete) -> None:
        if not self.is_current:
            return  # meanwhile the person turned to something else
        if {listed.id for listed in event.rows} != {listed.id for listed in self.chosen()}:
            self.say("nothing is deleted: other runs are meant by now")
            return
        self.say("")
        what, those = text.counted(len(event.rows), "run"), "It" if len(event.rows) == 1 else "They"
        question = f"Delete {what} with checkpoints and log, {text.size(event.size)}? {those} cannot be brought back."
        question = "\n".join([question, *history.by_id(event.rows)])
        console = self.console

        def answered(answer: str | None) -> None:
            if answer == "delete":
                runs = [listed.run for listed in event.rows]
                self.act(lambda: self._delete(runs, console), "delete")

        answers = (Answer("", "n", "keep"), Answer("delete", "y", "delete for good"))
        self.app.push_screen(Question(question, answers, irreversible=True), answered)

    def _delete(self, runs: Sequence[Run], console: "Console") -> None:
        gone = []
        for run in runs:
            try:
                store.delete(run)
                gone.append(run.id)
            except InputError as error:
                console.call_later(self.tell, plain(str(error), 400))
        self.post_message(self.Read((), gone))
