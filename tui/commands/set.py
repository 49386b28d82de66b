"""`vislab set RUN KEY=VALUE`: change a live run."""

import math
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run

RATE = "strategy.learning_rate"


def command(
    run: RunReference,
    change: Annotated[str, typer.Argument(metavar="KEY=VALUE", help=f"Such as {RATE}=0.0003.", show_default=False)],
    runs_dir: RunsDir = None,
) -> None:
    """Change the learning rate of a run from its next step on.

    It takes the place of the base rate: schedule and layer decay go on. The change is recorded, and a resumed run
    keeps it.
    """
    from vislab.tui.requests import obeyed

    rate = learning_rate(change)
    found = find_run(run, runs_dir)
    applied = obeyed(found, "set_learning_rate", repr(rate))
    typer.echo(f"{found.id}: {RATE} = {rate:g} after step {applied.step}")


def learning_rate(change: str) -> float:
    """The rate that KEY=VALUE means.

    Raises:
        InputError: another key, or no number above 0.
    """
    from vislab.presets.errors import InputError

    key, equals, value = (part.strip() for part in change.partition("="))
    if not equals:
        raise InputError(f"{change}: give KEY=VALUE, such as {RATE}=0.0003.")
    if key != RATE:
        raise InputError(
            f"{key} cannot be changed in a live run; {RATE} can. For another value of {key} start a new run: "
            f"vislab run --like RUN --set {change}"
        )
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise InputError(f"{key} = {value}: must be a number above 0.")
    return rate
