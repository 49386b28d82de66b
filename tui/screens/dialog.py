"""Small windows over a screen: a question with a key for each answer, and a line to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from vislab.tui.screens.window import Window
from vislab.tui.widgets.lines import Lines


@dataclass(frozen=True)
class Answer:
    """One answer to a question.

    Attributes:
        id: what the question returns.
        key: a letter that chooses it.
        label: safe text.
    """

    id: str
    key: str
    label: str


class Question(Window[str]):
    """Asks once. Returns the answer's id; empty when the person went back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", show=False)]

    def __init__(self, question: str, answers: Sequence[Answer]) -> None:
        """A question; safe text."""
        super().__init__()
        self._question = question
        self._answers = tuple(answers)

    def compose(self) -> ComposeResult:
        """The question, an answer a line."""
        with Vertical(classes="window"):
            yield Lines(classes="question")
            yield OptionList(*(Option(_answer_line(answer), id=answer.id) for answer in self._answers))

    def on_mount(self) -> None:
        """Show the question."""
        width = max(20, min(66, self.app.size.width - 6))
        self.query_one(Lines).show(list(Text(self._question).wrap(self.app.console, width)))

    def on_key(self, event: Key) -> None:
        """Choose by letter."""
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                self.dismiss(answer.id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose by Enter or mouse."""
        self.dismiss(event.option.id or "")

    def action_back(self) -> None:
        """Choose nothing."""
        self.dismiss("")


class Prompt(Window[str | None]):
    """Asks for one line of text. Returns it as it was written; None when the person went back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", show=False)]

    def __init__(self, question: str, value: str = "") -> None:
        """A question and what stands in the field at first; the question is safe text."""
        super().__init__()
        self._question = question
        self._value = value

    def compose(self) -> ComposeResult:
        """The question and the field."""
        with Vertical(classes="window"):
            yield Lines(classes="question")
            field = Input(self._value, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Lines(classes="hint")

    def on_mount(self) -> None:
        """Show the question."""
        width = max(20, min(66, self.app.size.width - 6))
        question, hint = self.query(Lines)
        question.show(list(Text(self._question).wrap(self.app.console, width)))
        hint.show([Text("↵ accept   esc back", "dim")])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line."""
        self.dismiss(event.value)

    def action_back(self) -> None:
        """Take nothing."""
        self.dismiss(None)


def _answer_line(answer: Answer) -> Text:
    return Text.assemble((answer.key, "bold"), f"  {answer.label}")
