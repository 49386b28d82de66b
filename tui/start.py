"""Where `vislab` starts: bare, it goes straight to the console, which must not wait for the other commands."""

import sys


def main() -> None:
    """Entry point of the console script."""
    if len(sys.argv) > 1:
        from vislab.tui.cli import main as command_line

        command_line()
        return
    from vislab.presets.errors import InputError
    from vislab.tui.commands.console import open_console

    try:
        sys.exit(open_console(None))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
