"""`vislab wait RUN…`: until runs have ended."""

from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunsDir, find_run


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", show_default=False)], runs_dir: RunsDir = None
) -> None:
    """Wait until runs have ended, and end with their exit code.

    0 done, 1 failed or died, 2 refused its input, 130 stopped, 143 terminated. Of several runs the worst counts: 1,
    then 2, then 143, then 130.
    """
    from vislab.tui.waiting import wait, worst

    chosen = {found.id: found for found in (find_run(reference, runs_dir) for reference in runs)}
    raise typer.Exit(worst(wait(list(chosen.values()))))
