"""Where `vislab` starts: bare, and to attach, it goes straight to the console, which needs no other command.

Next to nothing is imported here: until `main` begins, Python answers Ctrl+C with a traceback. `_signal` is the part of
`signal` that is written in C; the other part imports `enum` and more, which takes longer than all that stands here.
"""

import _signal as signal  # type: ignore[import-not-found]
import gc
import os
import sys


def main() -> None:
    """Entry point of the console script."""
    _open_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    match sys.argv[1:]:
        case []:
            _console(None)
        case ["--runs-dir", folder]:
            _console(folder)
        case ["attach"]:
            _attach("", None)
        case ["attach", "--runs-dir", folder]:
            _attach("", folder)
        case ["attach", run] if not run.startswith("-"):
            _attach(run, None)
        case ["attach", run, "--runs-dir", folder] | ["attach", "--runs-dir", folder, run] if not run.startswith("-"):
            _attach(run, folder)
        case _:
            _command_line()


def _open_streams() -> None:
    """A stream that the shell closed (`>&-`) is None, and the next file that is opened would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  (pathlib is not imported yet)


def _command_line() -> None:
    from vislab.tui.cli import main as command_line

    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # commands say what they leave behind
    command_line()


def _end(number: int, frame: object) -> None:
    """Ctrl+C while modules are imported: nothing has begun, and there is nothing to say."""
    os._exit(128 + number)


def _attach(run: str, folder: str | None) -> None:
    from vislab.tui.commands.console import no_terminal

    if no_terminal():
        _command_line()
    else:
        _console(folder, run, attach=True)


def _console(folder: str | None, run: str = "", *, attach: bool = False) -> None:
    gc.disable()  # nothing that is made before the first frame is garbage; the console turns it on again
    from pathlib import Path

    from vislab.presets.errors import InputError, unusable
    from vislab.tui.commands.console import open_console, refuse

    runs_dir = None if folder is None else Path(folder)
    try:
        if attach and not run:
            from vislab.tui.living import newest_live

            run = newest_live(runs_dir).id
        open_console(runs_dir, attach=run)
    except InputError as error:
        refuse(error, on_screen=True)
        sys.exit(2)
    except OSError as error:
        if not unusable(error):
            raise
        refuse(unusable(error), on_screen=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
