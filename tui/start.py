"""Where `vislab` starts: bare, it goes straight to the console, which must not wait for the other commands."""

import gc
import sys
from pathlib import Path


def main() -> None:
    """Entry point of the console script."""
    match sys.argv[1:]:
        case []:
            _console(None)
        case ["--runs-dir", folder]:
            _console(Path(folder))
        case _:
            from vislab.tui.cli import main as command_line

            command_line()


def _console(runs_dir: Path | None) -> None:
    gc.disable()  # nothing that is made before the first frame is garbage; the console turns it on again
    from vislab.presets.errors import InputError
    from vislab.tui.commands.console import open_console

    try:
        open_console(runs_dir)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
