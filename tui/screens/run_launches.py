"""Starting runs from a screen, and telling what became of them."""

from typing import TYPE_CHECKING

from textual.notifications import Notification, Notify

from vislab.presets.settings import Settings
from vislab.tui.draft import Draft, Resolved
from vislab.tui.screens.launch_messages import HasLaunched
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views import text
from vislab.tui.views.text import plain

if TYPE_CHECKING:
    from vislab.tui.screens.launching import How

_NOT_DONE = {
    "start": "Not started",
    "start_background": "Not started",
    "queue": "Not queued",
    "save_preset": "Not saved",
}
"""What is said, before the reason, of a key that cannot do its action now."""


class RunLaunches(ConsoleScreen):
    """A screen that puts runs together and starts them.

    Attributes:
        draft: what the next run is made of.
        resolved: what that came to when it was last put together.
        launching: whether runs are being started now.
    """

    draft: Draft
    resolved: Resolved

    def __init__(self) -> None:
        """Nothing is started yet."""
        super().__init__()
        self.launching = False
        self._refusal = Notification("")  # what was said last of a key that could do nothing

    @property
    def settings(self) -> Settings:
        """Folders."""
        return self.console.settings

    def look(self) -> None:
        """Look at devices and queue, beside the screen."""
        raise NotImplementedError

    @property
    def obstacles(self) -> tuple[str, ...]:
        """What stands in the way of a run, one sentence each."""
        raise NotImplementedError

    def settle(self) -> None:
        """Put the draft together at once, where that was to be done a moment later."""
        raise NotImplementedError

    def possible(self, action: str) -> bool:
        """A run can be started when nothing stands in the way."""
        if action in ("start", "start_background", "queue"):
            return self.resolved.spec is not None and not self.obstacles and not self.launching
        if action == "save_preset":
            return self.resolved.ready is not None
        return action != "reset" or self.draft != self.draft.taken_back()

    def why_not(self, action: str) -> str:
        """The first thing that stands in the way of a run, or of a recipe."""
        if action not in _NOT_DONE or self.possible(action):
            return ""
        reason = "one is being started already"
        if self.resolved.spec is None and not self.resolved.problems:
            reason = "what is chosen is still being read; press the key again in a moment"
        elif reasons := self.resolved.problems if action == "save_preset" else self.obstacles:
            reason = text.message(reasons[0], 240)
        return f"{_NOT_DONE[action]}: {reason}"

    def refuses(self, action: str) -> bool:
        """Whether something stands in the way of what is chosen now; it is told."""
        self.settle()
        reason = self.why_not(action)
        if reason:
            self.console._unnotify(self._refusal)  # each takes room from what is above them
            self._refusal = Notification(reason, markup=False)
            self.console.post_message(Notify(self._refusal))
        return bool(reason)

    def action_start(self) -> None:
        """Start the run and watch it, or say what stands in the way."""
        if not self.refuses("start"):
            self.launch([self.draft], "watch")

    def action_start_background(self) -> None:
        """Start the run and stay here, or say what stands in the way."""
        if not self.refuses("start_background"):
            self.launch([self.draft], "background")

    def action_queue(self) -> None:
        """Let the run wait for its turn, or say what stands in the way."""
        if not self.refuses("queue"):
            self.launch([self.draft], "queue")

    def launch(self, drafts: list[Draft], how: "How", study: str = "") -> None:
        """Start or queue runs, in a thread; `study` as `launching.launch` has it."""
        settings = self.settings
        self.launching = True
        self.refresh_bindings()

        def work() -> None:
            from vislab.tui.screens.launching import launch

            self.post_message(HasLaunched(launch(drafts, settings, how, study), how))

        if how == "watch":
            self.act(work, "launch")  # keys wait for the screen that is opened then
        else:
            self.act(work, "enqueue")

    def on_has_launched(self, event: HasLaunched) -> None:
        """Say what became of it, and watch a run that is to be watched, unless there is a window over this by now."""
        self.launching = False
        self.refresh_bindings()
        runs, problems = event.launched.runs, event.launched.problems
        for problem in problems:
            self.say(problem, error=True)
        self.console.has_started(runs)
        self.console.look_for_live_runs()
        if event.how == "watch" and runs and self.is_active and self.console.offers("live"):
            self.console.open("live", run=runs[0])
        elif runs:
            did = "Waits for its turn" if event.how == "queue" else "Started"
            self.say(f"{did}: {', '.join(run.id for run in runs)}")
        self.look()

    def say(self, words: str, *, error: bool = False) -> None:
        """A notice in the corner."""
        self.notify(plain(words, 500), severity="error" if error else "information", markup=False)
