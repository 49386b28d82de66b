"""A window that offers the runs that train now."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from vislab.engine.runs.store import Run
from vislab.tui.living import is_paused
from vislab.tui.screens.window import Window
from vislab.tui.views import text
from vislab.tui.views.named import training
from vislab.tui.widgets.lines import Lines


class LiveRuns(Window[Run | None]):
    """Choose one of the live runs, or none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("q", "app.leave", show=False),
    ]
    KEYS = (
        ("", "Keys of the live runs"),
        ("↑ ↓", "Go to another run."),
        ("↵", "Watch the run."),
        ("esc", "Go back, and watch none."),
        ("q", "Leave the console; runs go on unless you choose otherwise."),
    )

    def __init__(self, runs: Sequence[Run]) -> None:
        """Runs, in the order shown."""
        super().__init__()
        self._runs = tuple(runs)

    def compose(self) -> ComposeResult:
        """Each run by its name, epoch and id, and below what it trains."""
        with Vertical(classes="window"):
            yield Lines(classes="question")
            yield OptionList(*map(_option, self._runs))
            yield Lines(classes="hint")

    def on_mount(self) -> None:
        """Say what this is."""
        self.query(Lines).last().show([Text("↵ attach   esc not now   q quit", "dim")])
        self._count()

    def live_runs_changed(self, runs: Sequence[Run]) -> None:
        """Offer what trains now, the cursor on the run where it was; nothing is left to offer where none does."""
        if not runs:
            self.dismiss(None)
            return
        choices = self.query_one(OptionList)
        here = self._runs[choices.highlighted].id if choices.highlighted is not None else ""
        self._runs = tuple(runs)
        choices.set_options(map(_option, self._runs))
        choices.highlighted = next((index for index, run in enumerate(self._runs) if run.id == here), 0)
        self._count()

    def _count(self) -> None:
        paused = sum(map(is_paused, self._runs))
        self.query(Lines).first().show([Text(f"{text.activity(len(self._runs) - paused, paused)} now", "bold")])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Attach."""
        self.dismiss(self._runs[event.option_index])

    def action_back(self) -> None:
        """Not now."""
        self.dismiss(None)


def _option(run: Run) -> Option:
    head, *work = training(run)
    return Option(Text("\n").join([Text(head), *(Text(line, "dim") for line in work)]))
