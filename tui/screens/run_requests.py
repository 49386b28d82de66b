"""What a person asks of a run that trains: to pause, to save, to stop, another learning rate."""

import math
from collections.abc import Sequence

from vislab.engine.runs import control, start
from vislab.engine.runs.events import ControlApplied
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui.following import Look
from vislab.tui.requests import require_room
from vislab.tui.screens.dialog import Answer, Prompt, Question
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views import text

SOON = 0.3
"""Seconds after a request until the next look: a worker between two steps has answered by then."""

STOPPING = {"stop": "stopping", "stop_after_epoch": "stopping after this epoch"}
"""What a run does that was asked to stop, by the request."""


class RunRequests(ConsoleScreen):
    """A screen that watches a run and passes requests on to its worker.

    Attributes:
        watched: the run.
        seen: the newest look at it.
    """

    watched: Run
    seen: Look | None

    def __init__(self) -> None:
        """Nothing was asked yet."""
        super().__init__()
        self._asked: dict[str, str] = {}
        """What was asked for, in words, by the request's id."""

    @property
    def spec(self) -> Spec:
        """Of the run."""
        raise NotImplementedError

    def look(self) -> None:
        """Look at the run, beside the screen."""
        raise NotImplementedError

    def show(self, look: Look) -> None:
        """Show what was seen, and what was asked for."""
        raise NotImplementedError

    def refused(self, words: str) -> None:
        """Forget the request that a notice of the worker names."""
        for request in [request for request in self._asked if request in words]:
            del self._asked[request]

    def pending(self, look: Look) -> str:
        """What was asked for from here and is not done yet, and that the run is to stop, whoever asked for it."""
        for applied in look.state.controls if self._asked else ():
            self._asked.pop(applied.request, None)
        if not look.alive:
            self._asked.clear()
        told = [*self._asked.values()]
        starting = look.progress is None or look.status == "starting"
        stopping = look.state.stopping_once_begun if starting else look.state.stopping
        if look.alive and stopping:
            told.append(STOPPING[stopping])
        return "".join(f", {words} …" for words in dict.fromkeys(told))

    def _ask(self, action: control.Action, words: str, value: str = "") -> None:
        try:
            request = control.send(self.watched.control, action, value)
        except OSError as error:
            self.say(text.plain(f"The request could not be written: {error.strerror}", 400))
            return
        self._asked[request.id] = words
        self.set_timer(SOON, self.look)
        if self.seen is not None:
            self.show(self.seen)

    def action_pause(self) -> None:
        """Pause, or go on."""
        paused = self.seen is not None and self.seen.status == "paused"
        self._ask("unpause", "going on") if paused else self._ask("pause", "pausing")

    def action_resume(self) -> None:
        """Go on with a run that ended early."""
        run, console = self.watched, self.console
        self.say("starting a worker …")

        def resume() -> None:
            try:
                start.start(run, console.settings)
            except (InputError, OSError) as error:
                console.call_later(self.tell, text.plain(str(error), 400))
            else:
                console.call_later(self._resumed)

        self.act(resume, "resume")

    def _resumed(self) -> None:
        self.console.has_started([self.watched])
        self.tell("The run goes on.")
        self.look()

    def action_checkpoint(self) -> None:
        """Save now."""
        self._ask("checkpoint", "saving")

    def action_learning_rate(self) -> None:
        """Ask for another base rate."""
        spec = self.spec.strategy
        changed = [applied.value for applied in self._controls() if applied.action == "set_learning_rate"]
        now = changed[-1] if changed else f"{spec.learning_rate:g}"
        question = f"New base learning rate; the schedule ({spec.schedule}) goes on from it. Now: {text.plain(now, 40)}"
        self.app.push_screen(Prompt(question, now, _wrong_rate), self._set_learning_rate)

    def _set_learning_rate(self, answer: str | None) -> None:
        if answer is not None:
            rate = float(answer)
            self._ask("set_learning_rate", f"learning rate {rate:g}", f"{rate:g}")

    def _controls(self) -> Sequence[ControlApplied]:
        return self.seen.state.controls if self.seen is not None else ()

    def action_stop(self) -> None:
        """Ask once which way."""
        answers = (
            Answer("stop", "s", "after this step, with a checkpoint"),
            Answer("stop_after_epoch", "e", "after this epoch"),
            Answer("", "n", "let it train"),
        )
        self.app.push_screen(Question("Stop this run? It can be resumed later.", answers), self._stop)

    def _stop(self, answer: str | None) -> None:
        if answer:
            try:
                require_room(self.watched)
            except (InputError, OSError) as error:
                self.notify(text.plain(str(error), 1000), severity="warning", markup=False, timeout=30)
                return
        if answer == "stop":
            self._ask("stop", STOPPING["stop"])
        elif answer == "stop_after_epoch":
            self._ask("stop_after_epoch", STOPPING["stop_after_epoch"])


def _wrong_rate(answer: str) -> str:
    """What is wrong with a learning rate as it was written; empty where nothing is."""
    try:
        rate = float(answer)
    except ValueError:
        rate = 0.0
    return "" if 0 < rate < math.inf else "A learning rate is a number above 0, such as 1e-3."
