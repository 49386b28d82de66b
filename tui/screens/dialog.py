"""Small windows over a screen: a question with a key for each answer, and a line to write."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from vislab.tui.screens.window import T, Window
from vislab.tui.widgets.key_words import key_words
from vislab.tui.widgets.lines import Sentences

_KEYS = key_words(("enter", "accept"), ("esc", "back"))

SEEN = 0.5
"""Seconds after which a question that was painted has been seen, over a slow link too."""


@dataclass(frozen=True)
class Answer:
    """One answer to a question.

    Attributes:
        id: what the question returns; empty: nothing is done, as when the person goes back.
        key: a letter that chooses it.
        label: safe text.
    """

    id: str
    key: str
    label: str


class _Asked(Sentences):
    """A question. Where not all of it has room it can be scrolled: what answers it has its room first."""

    def __init__(self, question: str) -> None:
        """Safe text."""
        super().__init__(classes="question")
        self._sentences = [Text(question)]

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The question, wrapped; a cell is left for the scroll bar where there is one."""
        lines = super().lines_at(width, height)
        return super().lines_at(width - 1, height) if 0 < height < len(lines) else lines


class _Asking(Window[T]):
    """A window with a question."""

    def __init__(self, question: str) -> None:
        """A question; safe text."""
        super().__init__()
        self._question = question

    def action_page(self, pages: int) -> None:
        """Scroll the question."""
        for asked in self.query(_Asked):  # none before the window is composed
            asked.scroll_relative(y=pages * asked.size.height, animate=False)


class Question(_Asking[str]):
    """Asks once. Returns the answer's id; empty when the person went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("k,pageup", "page(-1)", show=False, priority=True),  # not the answers': all of them are seen
        Binding("j,pagedown", "page(1)", show=False, priority=True),
    ]
    KEYS = (
        ("", "Keys of a question"),
        ("a letter", "Give the answer that it stands before."),
        ("↑ ↓", "Go to another answer."),
        ("↵", "Give the answer under the cursor."),
        ("k j", "Scroll a question that has not room for all its lines; so do pgup and pgdn."),
        ("esc", "Go back, and do nothing."),
    )

    def __init__(self, question: str, answers: Sequence[Answer], *, irreversible: bool = False) -> None:
        """A question; safe text.

        Args:
            irreversible: an answer cannot be taken back: keys and clicks that came before the question was seen are
                not given to it, see `ignores`.
        """
        super().__init__(question)
        assert not {"h", "?", "k", "j"} & {answer.key for answer in answers}, "these explain the keys, and scroll"
        self._answers = tuple(answers)
        self._irreversible = irreversible
        self._painted = math.inf

    def ignores(self, key: str, moment: float) -> bool:
        """Whether a key must not reach this question: it may do harm, and cannot have been meant for what it asks.

        Args:
            key: as Textual names it; empty for pasted text.
            moment: when it was pressed, by the monotonic clock.
        """
        harmless = {"escape", *(answer.key for answer in self._answers if not answer.id)}
        return self._irreversible and key not in harmless and moment < self._painted + SEEN

    def on_mount(self) -> None:
        """Know when it was painted."""
        self.call_after_refresh(self._is_painted)

    def _is_painted(self) -> None:
        self._painted = time.monotonic()

    def compose(self) -> ComposeResult:
        """The question, an answer a line."""
        with Vertical(classes="window"):
            yield _Asked(self._question)
            yield OptionList(*(Option(_answer_line(answer), id=answer.id) for answer in self._answers))

    def on_key(self, event: Key) -> None:
        """Choose by letter."""
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                self.dismiss(answer.id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose by Enter or mouse; a click may be ignored as the answer's key is."""
        answer = self._answers[event.option_index]
        if not self.ignores(answer.key, event.time):
            self.dismiss(answer.id)

    def action_back(self) -> None:
        """Choose nothing."""
        self.dismiss("")


NO_NAME = "write a name, or leave with esc"
"""Why an empty line is not taken that was to name something."""


class Prompt(_Asking[str | None]):
    """Asks for one line of text. Returns it as it was written; None when the person went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("up,pageup", "page(-1)", show=False),
        Binding("down,pagedown", "page(1)", show=False),
    ]

    def __init__(
        self,
        question: str,
        value: str = "",
        problem: Callable[[str], str] | None = None,
        do: Callable[[str], str] | None = None,
        note: Callable[[str], str] | None = None,
    ) -> None:
        """A question and what stands in the field at first; the question is safe text.

        Args:
            problem: says what is wrong with a line, in safe text, empty where nothing is; it is asked while the line
                is written, and a wrong line is not taken.
            do: does, or judges, what a line asks for when it is taken, and says in safe text why that cannot be, empty
                where it can; the window stays open with what it says.
            note: says in safe text what else taking a line would do, empty for nothing; asked while it is written.
        """
        super().__init__(question)
        self._value = value
        self._problem = problem
        self._do = do
        self._note = note

    def compose(self) -> ComposeResult:
        """The question and the field."""
        with Vertical(classes="window"):
            yield _Asked(self._question)
            with Vertical(classes="foot"):
                field = Input(self._value, select_on_focus=False)
                field.cursor_blink = False
                yield field
                yield Sentences(classes="hint")

    def on_mount(self) -> None:
        """Say what the keys do."""
        self._judge(self._value)

    def _judge(self, line: str) -> str:
        """Say what is wrong with a line, if anything."""
        wrong = self._problem(line) if self._problem is not None else ""
        self.complain(wrong)
        return wrong

    def complain(self, wrong: str) -> None:
        """Show why a line was not taken, in safe text, empty where it may be; and what the keys do."""
        if wrong:
            told = [Text(f"✖ {wrong}", self.app.theme_variables["text-error"])]
        else:
            note = self._note(self.query_one(Input).value) if self._note is not None else ""
            told = [Text(note)] * bool(note)
        self.query(Sentences).last().tell([*told, _KEYS])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Judge the line while it is written."""
        self._judge(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line, unless something is wrong with it."""
        if self._judge(event.value):
            return
        wrong = self._do(event.value) if self._do is not None else ""
        if wrong:
            self.complain(wrong)
        else:
            self.dismiss(event.value)

    def action_back(self) -> None:
        """Take nothing."""
        self.dismiss(None)


def _answer_line(answer: Answer) -> Text:
    return Text.assemble((answer.key, "bold"), f"  {answer.label}")
