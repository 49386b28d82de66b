"""Asks which file to write."""

from collections.abc import Callable, Collection
from pathlib import Path

from vislab.presets.layers import expanded
from vislab.tui import html_file
from vislab.tui.screens.dialog import NO_NAME, Answer, Prompt, Question
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views.text import plain


def ask_for_file(
    screen: ConsoleScreen,
    question: str,
    name: str,
    write: Callable[[Path], None],
    endings: Collection[str] = (),
) -> None:
    """Ask for a file, and whether one that is there may be replaced; then write it.

    Args:
        question: safe text.
        name: stands in the field at first.
        write: is given the whole path.
        endings: one of them ends the name, in small or capital letters; empty: any name will do.
    """

    def refusal(name: str) -> str:
        if not name.strip():
            return NO_NAME
        if endings and Path(name.strip()).suffix.lower() not in endings:
            return f"end the name in {', '.join(endings)}: that says what is written"
        return html_file.refusal(name)

    def chosen(answer: str | None) -> None:
        if answer is None:
            return
        file = expanded(answer.strip()).absolute()
        if not file.exists():
            write(file)
            return
        replace_it = Question(
            plain(f"{file} is there already.", 400),
            (Answer("yes", "r", "replace it"), Answer("", "n", "no")),
            irreversible=True,
        )
        screen.app.push_screen(replace_it, lambda said: write(file) if said else None)

    screen.app.push_screen(Prompt(question, name, do=refusal, note=html_file.missing_folder), chosen)
