"""Starting runs from a screen, and telling what became of them."""

from typing import TYPE_CHECKING

from vislab.presets.settings import Settings
from vislab.tui.draft import Draft
from vislab.tui.screens.launch_messages import HasLaunched
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views.text import plain

if TYPE_CHECKING:
    from vislab.tui.screens.launching import How


class RunLaunches(ConsoleScreen):
    """A screen that puts runs together and starts them.

    Attributes:
        draft: what the next run is made of.
        launching: whether runs are being started now.
    """

    draft: Draft

    def __init__(self) -> None:
        """Nothing is started yet."""
        super().__init__()
        self.launching = False

    @property
    def settings(self) -> Settings:
        """Folders."""
        return self.console.settings

    def look(self) -> None:
        """Look at devices and queue, beside the screen."""
        raise NotImplementedError

    def action_start(self) -> None:
        """Start the run and watch it."""
        self.launch([self.draft], "watch")

    def action_start_background(self) -> None:
        """Start the run and stay here."""
        self.launch([self.draft], "background")

    def action_queue(self) -> None:
        """Let the run wait for its turn."""
        self.launch([self.draft], "queue")

    def launch(self, drafts: list[Draft], how: "How") -> None:
        """Start or queue runs, in a thread."""
        settings = self.settings
        self.launching = True
        self.refresh_bindings()

        def work() -> None:
            from vislab.tui.screens.launching import launch

            self.post_message(HasLaunched(launch(drafts, settings, how), how))

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
