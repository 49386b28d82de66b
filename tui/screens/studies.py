"""A window that offers the studies of which there are runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from vislab.engine.runs import studies
from vislab.engine.runs.store import Run
from vislab.engine.runs.studies import Record
from vislab.presets.explain import list_presets
from vislab.presets.settings import Settings
from vislab.tui.screens.window import LEAVE, LEAVES, Window
from vislab.tui.views.text import counted, plain
from vislab.tui.widgets.key_words import key_words
from vislab.tui.widgets.lines import Lines


@dataclass(frozen=True)
class Study:
    """Runs that answer one question together.

    Attributes:
        noted: they were made as this study; else they are the newest runs of its recipes, whatever these were made for.
    """

    record: Record
    runs: tuple[Run, ...]
    noted: bool = True


def found(settings: Settings, newest: Mapping[str, Run]) -> list[Study]:
    """Studies with two runs or more: those that were run as such, then presets whose recipes have run.

    Args:
        newest: name of a recipe to its newest run.
    """
    made = [
        Study(record, tuple(studies.runs_of(settings.runs_dir, record)))
        for record in studies.records(settings.runs_dir)
    ]
    known = {study.record.name for study in made}
    for info in list_presets("studies", settings):
        runs = tuple(newest[recipe] for recipe in info.facts.get("recipes", ()) if recipe in newest)
        if info.name not in known:
            question = str(info.facts.get("question", ""))
            record = Record(name=info.name, question=question, command=("vislab", "study", info.name))
            made.append(Study(record, runs, noted=False))
    return [study for study in made if len(study.runs) > 1]


class Studies(Window[Study | None]):
    """Choose one, or none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", show=False), LEAVE]
    KEYS = (
        ("", "Keys of the studies"),
        ("↑ ↓", "Go to another study."),
        ("↵", "Compare the runs of the study."),
        ("esc", "Go back, and compare none."),
        LEAVES,
    )

    def __init__(self, choice: Sequence[Study]) -> None:
        """Studies, in the order shown."""
        super().__init__()
        self._choice = tuple(choice)

    def compose(self) -> ComposeResult:
        """A line a study."""
        with Vertical(classes="window"):
            yield Lines(classes="question")
            yield OptionList(*(Option(_line(study)) for study in self._choice))
            yield Lines(classes="hint")

    def on_mount(self) -> None:
        """Say what this is."""
        question, hint = self.query(Lines)
        question.show([Text("Compare the runs of a study", "bold")])
        hint.show([key_words(("enter", "compare"), ("esc", "back"), ("q", "quit"))])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Compare."""
        self.dismiss(self._choice[event.option_index])

    def action_back(self) -> None:
        """Not now."""
        self.dismiss(None)


def _line(study: Study) -> Text:
    of = "" if study.noted else ", the newest of each recipe"
    words = f"{plain(study.record.name, 30)}  {counted(len(study.runs), 'run')}{of}"
    return Text(f"{words}  {plain(study.record.question, 200)}", no_wrap=True, overflow="ellipsis")
