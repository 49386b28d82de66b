"""Where `vislab` starts: bare, and to attach, it goes straight to the console, which needs no other command."""

import gc
import os
import signal
import sys
from pathlib import Path
from types import FrameType


def main() -> None:
    """Entry point of the console script."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    match sys.argv[1:]:
        case []:
            _console(None)
        case ["--runs-dir", folder]:
            _console(Path(folder))
        case ["attach"]:
            _attach("", None)
        case ["attach", "--runs-dir", folder]:
            _attach("", Path(folder))
        case ["attach", run] if not run.startswith("-"):
            _attach(run, None)
        case ["attach", run, "--runs-dir", folder] | ["attach", "--runs-dir", folder, run] if not run.startswith("-"):
            _attach(run, Path(folder))
        case _:
            _command_line()


def _command_line() -> None:
    from vislab.tui.cli import main as command_line

    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # commands say what they leave behind
    command_line()


def _end(number: int, frame: FrameType | None) -> None:
    """Ctrl+C while modules are imported: nothing has begun, and there is nothing to say."""
    os._exit(128 + number)


def _attach(run: str, folder: Path | None) -> None:
    from vislab.tui.commands.console import no_terminal

    if no_terminal():
        _command_line()
    else:
        _console(folder, run, attach=True)


def _console(folder: Path | None, run: str = "", *, attach: bool = False) -> None:
    gc.disable()  # nothing that is made before the first frame is garbage; the console turns it on again
    from vislab.presets.errors import InputError
    from vislab.tui.commands.console import open_console

    try:
        if attach and not run:
            from vislab.tui.living import newest_live

            run = newest_live(folder).id
        open_console(folder, attach=run)
    except InputError as error:
        from vislab.tui.views.text import plain

        print("\n".join(plain(line, 10_000) for line in f"error: {error}".split("\n")), file=sys.stderr)
        sys.exit(2)
