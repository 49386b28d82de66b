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
from vislab.tui.screens.window import LEAVE, LEAVES, Window
from vislab.tui.views import text
from vislab.tui.views.named import training
from vislab.tui.widgets.key_words import key_words
from vislab.tui.widgets.lines import Lines

EVERY = 2.0
"""Seconds between two looks at the runs."""


class LiveRuns(Window[Run | None]):
    """Choose one of the live runs, or none. Epochs go on while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        LEAVE,
    ]
    KEYS = (
        ("", "Keys of the live runs"),
        ("↑ ↓", "Go to another run."),
        ("↵", "Watch the run."),
        ("esc", "Go back, and watch none."),
        LEAVES,
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
        """Say what this is, and look again and again."""
        self.query(Lines).last().show([key_words(("enter", "attach"), ("esc", "not now"), ("q", "quit"))])
        self._count(sum(map(is_paused, self._runs)))
        self.set_interval(EVERY, self.look)

    def look(self) -> None:
        """Look at the runs, beside the screen."""
        runs, app = self._runs, self.app

        def look() -> None:
            app.call_later(self._show, runs, list(map(_words, runs)), sum(map(is_paused, runs)))

        self.run_worker(look, thread=True, exit_on_error=False, group="look")

    def _show(self, runs: Sequence[Run], rows: Sequence[Text], paused: int) -> None:
        """Paint what has changed; the cursor stays."""
        if runs is not self._runs or not self.is_active:
            return  # others are offered by now, or none
        choices = self.query_one(OptionList)
        for index, words in enumerate(rows):
            if choices.get_option_at_index(index).prompt != words:
                choices.replace_option_prompt_at_index(index, words)
        self._count(paused)

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
        self._count(sum(map(is_paused, runs)))

    def _count(self, paused: int) -> None:
        self.query(Lines).first().show([Text(f"{text.activity(len(self._runs) - paused, paused)} now", "bold")])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Attach."""
        self.dismiss(self._runs[event.option_index])

    def action_back(self) -> None:
        """Not now."""
        self.dismiss(None)


def _option(run: Run) -> Option:
    return Option(_words(run))


def _words(run: Run) -> Text:
    head, *work = training(run)
    return Text("\n").join([Text(head), *(Text(line, "dim") for line in work)])
