"""Asks what to copy, and copies it."""

from collections.abc import Callable, Sequence

from vislab.engine.runs.store import Run
from vislab.tui.copying import Copy, copy
from vislab.tui.screens.dialog import Answer, Question
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views.text import counted, plain


def offer(screen: ConsoleScreen, copies: Sequence[Copy], say: Callable[[str], None]) -> None:
    """Ask which of them is wanted.

    Args:
        say: tells what has happened; safe text.
    """
    by_key = {one.key: one for one in copies}

    def copy_it(key: str | None) -> None:
        if key:
            say(copy(by_key[key], screen.console.settings, screen.app.copy_to_clipboard))

    answers = [Answer(one.key, one.key, one.label) for one in copies]
    screen.app.push_screen(Question("Copy to the clipboard:", (*answers, Answer("", "n", "nothing"))), copy_it)


def of_runs(runs: Sequence[Run]) -> list[Copy]:
    """Ids and folders of runs."""
    what = "" if len(runs) == 1 else f" of {counted(len(runs), 'run')}"
    return [
        Copy("i", f"the id{what or ': ' + plain(runs[0].id, 60)}", lambda: "\n".join(run.id for run in runs)),
        Copy("p", f"the folder{what}", lambda: "\n".join(plain(str(run.path), 4096) for run in runs)),
    ]
