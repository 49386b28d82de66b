"""One run as it goes, or as it went: bars, curves, table of epochs, device, findings, what the worker wrote."""

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from vislab.engine.runs.state import MOST_EPOCHS
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui.copying import Copy, tab_separated
from vislab.tui.following import Look, Looker
from vislab.tui.screens.copies import of_runs, offer
from vislab.tui.screens.run_curves import RunCurves
from vislab.tui.screens.run_page import offer_page
from vislab.tui.views import curves, epochs, live, text
from vislab.tui.views.run import RESUMABLE, status, title
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.live_panels import Bars, FindingLines, Panels, status_style

EVERY = 1.5
"""Seconds between two looks at the run."""

RESTING = 3
"""Turns from one look at a run that is over to the next: somebody may resume it elsewhere."""

COVERED = 2
"""Turns from one look to the next while a window lies over the view: nobody reads what is in its shade."""

SAID = 6.0
"""Seconds that a message stays."""

FULL_DISK = "The disk is full: the worker waits, and goes on once there is room."


class LiveScreen(RunCurves):
    """The live view. Leaving it leaves the run alone."""

    NAME = "live"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012  (Textual types it as an instance's)

    class Looked(Message):
        """A look at the run is done; None: so much of its log was read, and more is to be read at once."""

        def __init__(self, look: Look | None, read: float) -> None:
            super().__init__()
            self.look = look
            self.read = read

    def __init__(self, run: Run) -> None:
        """The view of a run.

        Raises:
            InputError: the run's spec.toml is missing or damaged.
        """
        super().__init__()
        self.watched = run
        self.seen = None
        self._looker = Looker(run, most_epochs=MOST_EPOCHS)
        self._title = title(self._looker.spec, run.labels().name)
        self._looking = False
        self._turn = 0
        self._said = ""
        self._silence: Timer | None = None
        self._writing: list[Path] = []
        """HTML logs that are being written."""
        self._exported: Path | None = None
        """The one that was written last."""

    @property
    def spec(self) -> Spec:
        """Of the run."""
        return self._looker.spec

    def body(self) -> ComposeResult:
        """Bars, curves, panels, one line of device and one of what matters."""
        yield Bars(id="bars")
        yield from self.charts()
        yield Panels(id="panels")
        yield Lines(id="device")
        yield Lines(id="message")

    def on_mount(self) -> None:
        """Look at once, and again and again."""
        self.console.follow([self.watched])
        self.heading(self._title)
        self.look()
        self.set_interval(EVERY, self._look_in_turn)

    def _look_in_turn(self) -> None:
        self._turn += 1
        over = self.seen is not None and self.seen.status not in live.UNENDED
        rest = RESTING if over else COVERED if self.app.screen is not self else 1
        if self._turn % rest == 0:
            self.look()

    def look(self) -> None:
        """Look at the run, beside the screen; not while another screen covers this one."""
        if not self._looking and self.is_current:
            self._looking = True
            self.run_worker(self._look, thread=True, exit_on_error=False, group="look")

    def _look(self) -> None:
        known = self.console.live if self.console.looked else None
        self.post_message(self.Looked(self._looker.look(known), self._looker.read))

    def on_live_screen_looked(self, message: Looked) -> None:
        """Show what is new; of a log that is long, first how much of it was read."""
        self._looking = False
        if message.look is None:
            if self.seen is None:
                self.heading(self._title, Text("reading its log", status_style("starting", self.console)))
                self.query_one(Bars).tell_reading(message.read)
            self.look()
            return
        before, self.seen = self.seen, message.look
        self._hear(before, message.look)
        if before is None or before.status != message.look.status:
            self._show_trouble(message.look)
            self.refresh_bindings()
        self.show(message.look)

    def _show_trouble(self, look: Look) -> None:
        """A run that has come to grief says why, and what to do, until it goes on."""
        panels = self.query_one(Panels)
        if look.status in ("new", "died", "failed") and look.result and panels.alone:
            panels.choose("findings")
        elif panels.chosen != "table" and not panels.opened:
            panels.choose("table")

    def _hear(self, before: Look | None, look: Look) -> None:
        """Tell what the worker has done on request and a notice when they come, and forget what was refused."""
        for applied in look.state.controls[len(before.state.controls) :] if before is not None else ():
            if words := live.obeyed(applied):
                self.say(words)
        known = len(before.state.notices) if before is not None else len(look.state.notices)
        for notice in look.state.notices[known:]:
            self._say_in_line(text.message(f"{notice.level}: {notice.text}", 400))  # the panel has all of it
            if notice.topic == "control":
                self.refused(notice.text)

    def on_worker_state_changed(self, message: Worker.StateChanged) -> None:
        """What cannot be read is said; the console goes on and looks again."""
        if message.state == WorkerState.ERROR:
            self._looking = self._looking and message.worker.group != "look"
            error = message.worker.error
            words = str(error) if isinstance(error, InputError | OSError) else f"{type(error).__name__}: {error}"
            say = self._say_in_line if message.worker.group == "look" else self.say  # not beside it, look after look
            say(text.plain(words, 400))
            if not self.watched.path.is_dir():
                self.heading(self._title, Text("folder gone", status_style("died", self.console)))

    def show(self, look: Look) -> None:
        """Everything, as it was seen."""
        state = look.state
        words = f"{status(look.status)}{self.pending(look)}"
        self.heading(self._title, Text(words, status_style(look.status, self.console)))
        self.query_one(Panels).tell(look)
        device = live.device_line(state, look.reading, look.status, max(1, self.size.width - 2))
        self.query_one("#device", Lines).show([Text(device, "dim")])
        self._show_around_panels()
        self.show_curves()

    def recolour(self) -> None:
        """In other colours."""
        super().recolour()
        if self.seen is not None:
            self.show(self.seen)

    def _show_around_panels(self) -> None:
        """The bars and the line of messages, which say nothing that is read in the panels."""
        if self.seen is not None:
            why = not self.query_one(Panels).findings_seen
            self.query_one(Bars).tell(self.seen, self.spec.strategy, why=why)
        self._show_message()

    def _show_message(self) -> None:
        """What was said, what is being done, or the first finding where the findings themselves are not seen."""
        look = self.seen
        line = Text(self._said, "bold")
        if not self._said and self._writing:
            line = Text(text.shortened(text.plain(f"Writing {self._writing[-1]} …", 400), self.size.width - 2), "bold")
        elif not self._said and look is not None and look.status == "full disk":
            line = Text(FULL_DISK, status_style(look.status, self.console))
        elif not self._said and look is not None and look.findings and self.query_one(Panels).alone != "findings":
            line = FindingLines.styled(self.console, look.findings[0], live.finding_line(look.findings))
        self.query_one("#message", Lines).show([line])

    def say(self, words: str) -> None:
        """Show a safe sentence for a few seconds: all of it, in the line of messages where it has room."""
        if text.cells(words) > self.size.width - 2:
            self._fall_silent()
            self.notify(words, markup=False)
        else:
            self._say_in_line(words)

    def _say_in_line(self, words: str) -> None:
        self._said = words
        if self._silence is not None:
            self._silence.stop()
        self._silence = self.set_timer(SAID, self._fall_silent)
        self._show_message()

    def warn(self, words: str) -> None:
        """In the line of messages where it has room, and covers nothing; after what is said there now."""
        if text.cells(words) > self.size.width - 2:
            super().warn(words)
        elif self._said:
            self.set_timer(SAID, lambda: self.warn(words))
        else:
            self.say(words)

    def _fall_silent(self) -> None:
        self._said = ""
        self._show_message()

    # what a person can do

    def possible(self, action: str) -> bool:
        """Requests need a live worker; other runs need other runs."""
        if action in ("pause", "stop", "checkpoint", "learning_rate"):
            return self.seen is not None and self.seen.alive
        if action == "resume":
            return self.seen is not None and self.seen.status in RESUMABLE
        if action in ("next_run", "previous_run"):
            return any(run.id != self.watched.id for run in self.console.live)
        if action == "table":
            return self.query_one(Panels).alone != "table"
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A panel can be closed on the first screen too, from which there is no way back."""
        return (action == "back" and self.query_one(Panels).closable) or super().check_action(action, parameters)

    def on_resize(self) -> None:
        """What esc closes depends on the width, and so does which panels are seen."""
        self.call_after_refresh(self.refresh_bindings)
        self.call_after_refresh(self._show_around_panels)

    def takes_back(self, action: str) -> bool:
        """A run that is paused can go on, and a panel can give its place back to the table."""
        if action == "pause":
            return self.seen is not None and self.seen.status == "paused"
        panels = self.query_one(Panels)
        opener = {"findings": "findings", "log": "worker_log"}.get(panels.alone)
        return action == opener or (action == "back" and panels.closable)

    def live_runs_changed(self) -> None:
        """The keys to other runs come and go; a run that is queued may wait for others."""
        self.refresh_bindings()
        if self.seen is not None and self.seen.status == "queued":
            self.look()

    def action_open_results(self) -> None:
        """Figures by class, confusions and mistakes."""
        self.console.open("results", run=self.watched)

    def action_export(self) -> None:
        """Ask where to."""
        offer_page(self, self.watched, self._write, self._written)

    def _write(self, file: Path) -> None:
        self._writing.append(file)
        self._fall_silent()  # it stands in the line of messages until it is done

    def _written(self, file: Path, fault: str) -> None:
        self._writing.remove(file)
        if not fault:
            self._exported = file
        self.tell(fault or text.plain(f"Written: {file}", 400))

    def action_copy(self) -> None:
        """Ask what to copy."""
        copies = of_runs([self.watched])
        look = self.seen
        if look is not None:
            state, listed = look.state, epochs.listed(look.state)
            copies += [
                Copy(
                    "t",
                    f"the figures of {listed}, as a table",
                    lambda: tab_separated(*epochs.figures(state)),
                ),
                Copy("w", "the curves in words", lambda: "\n".join(curves.sentences(state))),
            ]
        log = next((file for file in (self._exported, self.watched.path / "log.html") if file and file.exists()), None)
        if look is not None and look.log:
            copies.append(Copy("o", "the worker log, its end", lambda: "\n".join(look.log)))
        if log is not None:
            copies.append(Copy("l", "the name of the HTML log", lambda: text.plain(str(log), 4096)))
        offer(self, copies, self.say)

    def action_back(self) -> None:
        """Close the panel that was opened in place of the table, else leave the view."""
        if self.query_one(Panels).closable:
            self._turn_panel("table")
        else:
            super().action_back()

    def action_detach(self) -> None:
        """Leave the view."""
        leave = self.console.exit if self.console.at_home else self.console.pop_screen
        if self.console.screen is self:  # it was not left by the click before
            leave()

    def action_table(self) -> None:
        """The table of epochs."""
        self._turn_panel("table")

    def action_findings(self) -> None:
        """The findings, or back to the table."""
        self._turn_panel("findings")

    def action_worker_log(self) -> None:
        """The worker's log, or back to the table."""
        self._turn_panel("log")

    def _turn_panel(self, name: str) -> None:
        self.query_one(Panels).turn(name)
        self._show_around_panels()
        self.refresh_bindings()

    def action_next_run(self) -> None:
        """The next live run."""
        self._go(1)

    def action_previous_run(self) -> None:
        """The live run before this one."""
        self._go(-1)

    def _go(self, step: int) -> None:
        runs = list(self.console.live)
        here = next((index for index, run in enumerate(runs) if run.id == self.watched.id), -1 if step > 0 else 0)
        self.console.open("live", run=runs[(here + step) % len(runs)])
