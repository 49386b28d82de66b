"""Bare `vislab`: the console."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from vislab.tui.escapes import UNKNOWING

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run

INSTEAD = "Commands that need none: vislab run, vislab runs, vislab show latest; see vislab --help"


ESCAPE_DELAY = "20"
"""Milliseconds that an escape waits for the rest of a sequence until it is a key; a person can set ESCDELAY.

Terminals write a sequence in one piece, and SSH sends it in one; the person waits for Esc as long as this.
"""


def open_console(runs_dir: Path | None, *, attach: str = "") -> NoReturn:
    """Open the console; the process ends with it.

    Args:
        runs_dir: as given on the command line.
        attach: the RUN whose live view is opened first; empty: the launch screen.

    Raises:
        InputError: there is no terminal to draw on, or no such run.
    """
    from vislab.presets.errors import InputError

    if trouble := no_terminal():
        raise InputError(f"The console needs a terminal, and {trouble}. {INSTEAD}")
    from vislab.presets.settings import load_settings

    settings = load_settings(runs_dir=runs_dir, strict=False)  # the console tells what is wrong with the files
    run: Run | None = None
    if attach:
        from vislab.engine.runs.store import find

        run = find(settings.runs_dir, attach)
        run.spec()  # what is wrong with it is told here

    prepare_environment()
    from vislab.engine.runs import cards
    from vislab.tui import allocator

    allocator.set_up()
    cards.ask_beside()
    with _without("ssl"):
        import asyncio  # noqa: F401
    from vislab.tui.session import run_console

    code = run_console(settings, run)
    with contextlib.suppress(OSError):  # a terminal that is gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # threads that look at something are not waited for, and nothing is left to be cleared up


def prepare_environment() -> None:
    """Set the variables that Textual looks at to what the console wants, unless the person has set them.

    Textual takes colours away for any NO_COLOR; an empty one means nothing (https://no-color.org).
    """
    os.environ.setdefault("ESCDELAY", ESCAPE_DELAY)
    if os.environ.get("NO_COLOR") == "":
        del os.environ["NO_COLOR"]


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Import as if a module were not installed: asyncio does without OpenSSL, which takes 4 MB and 10 ms."""
    if module in sys.modules:
        yield
    else:
        sys.modules[module] = None  # type: ignore[assignment]
        try:
            yield
        finally:
            del sys.modules[module]


def refuse(error: Exception | str, *, on_screen: bool = False) -> None:
    """Print on stderr what is wrong.

    Args:
        on_screen: of something that would draw: also on a terminal that only stderr does not go to, where the person
            would see nothing at all.
    """
    from vislab.tui.views.text import plain

    words = "\n".join(plain(line, 10_000) for line in f"error: {error}".split("\n"))
    print(words, file=sys.stderr)
    if on_screen and sys.stdout.isatty() and not sys.stderr.isatty():
        print(words)


def no_terminal() -> str:
    """Why nothing can be drawn here, in a few words; empty when it can."""
    for name, stream in (("input", sys.stdin), ("output", sys.stdout), ("stderr", sys.stderr)):
        if not stream.isatty():
            return f"{name} is redirected" + (" (it draws on stderr)" if name == "stderr" else "")
    terminal = os.environ.get("TERM", "")
    return "" if terminal not in UNKNOWING else f"TERM is {terminal or 'not set'}"
