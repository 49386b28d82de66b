"""Asks where the HTML log of a run is to be written, and has it written."""

from collections.abc import Callable
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.own_command import run_command
from vislab.tui.screens.file_prompt import ask_for_file
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views.text import plain


def offer_page(
    screen: ConsoleScreen, run: Run, begun: Callable[[Path], None], ended: Callable[[Path, str], None]
) -> None:
    """Ask for a file, and write the HTML log of a run to it, beside the screen.

    Args:
        begun: told of the file that is being written.
        ended: told of it, and of why it could not be written: safe text, empty where it was; in the console's thread.
    """
    console = screen.console

    def write(file: Path) -> None:
        fault = ""
        try:
            run_command(("export", "--html", str(file), "--", run.id), console.settings)
        except (InputError, OSError) as error:
            fault = plain(str(error), 400)
        console.call_later(ended, file, fault)

    def begin(file: Path) -> None:
        begun(file)
        screen.act(lambda: write(file), "export")

    ask_for_file(screen, "Write this run as one HTML file to:", str(Path.cwd() / f"{run.id}.html"), begin)
