"""Bare `vislab`: the console."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vislab.engine.runs.store import Run

INSTEAD = "Commands that need none: vislab run, vislab runs, vislab show latest; see vislab --help"


def open_console(runs_dir: Path | None, *, attach: str = "") -> int:
    """Open the console and wait until it is left.

    Args:
        runs_dir: as given on the command line.
        attach: the RUN whose live view is opened first; empty: the launch screen.

    Returns:
        The exit code.

    Raises:
        InputError: there is no terminal to draw on, or no such run.
    """
    from vislab.presets.errors import InputError

    if trouble := no_terminal():
        raise InputError(f"The console needs a terminal, and {trouble}. {INSTEAD}")
    from vislab.presets.settings import load_settings

    settings = load_settings(runs_dir=runs_dir)
    run: Run | None = None
    if attach:
        from vislab.engine.runs.store import find

        run = find(settings.runs_dir, attach)

    from vislab.tui.app import run_console

    return run_console(settings, run)


def no_terminal() -> str:
    """Why nothing can be drawn here, in a few words; empty when it can."""
    for name, stream in (("input", sys.stdin), ("output", sys.stdout), ("stderr", sys.stderr)):
        if not stream.isatty():
            return f"{name} is redirected" + (" (it draws on stderr)" if name == "stderr" else "")
    terminal = os.environ.get("TERM", "")
    return "" if terminal not in ("", "dumb", "unknown") else f"TERM is {terminal or 'not set'}"
