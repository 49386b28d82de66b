"""`vislab find-lr`: which learning rate suits a spec."""

import json as json_
import sys
from typing import Annotated

import typer

from vislab.tui.commands.arguments import (
    ArchitectureName,
    AsJson,
    DataPath,
    DatasetName,
    Preset,
    RunsDir,
    StrategyName,
    spec_like,
)

_HEIGHT = 16  # lines of the figure


def command(
    preset: Preset = "",
    dataset: DatasetName = "",
    architecture: ArchitectureName = "",
    strategy: StrategyName = "",
    data: DataPath = "",
    set: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="One value of the spec, such as strategy.batch_size=32."),
    ] = None,
    like: Annotated[str, typer.Option(metavar="RUN", help="The spec of an earlier run.")] = "",
    steps: Annotated[int, typer.Option(metavar="N", min=10, max=10_000, help="Updates that are made.")] = 100,
    lowest: Annotated[float, typer.Option(metavar="RATE", help="The rate to begin with.")] = 1e-6,
    highest: Annotated[float, typer.Option(metavar="RATE", help="The rate to end with.")] = 10.0,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Find a learning rate: train a little while it rises, and look where the loss falls and where it leaves.

    Takes what `vislab run` takes and makes no run; the images it has decoded stay in the cache for the run that
    follows. After Smith's range test and fastai's lr_find.
    """
    import msgspec

    from vislab.presets.errors import InputError
    from vislab.presets.library import resolve
    from vislab.presets.settings import load_settings
    from vislab.tui import escapes, tables
    from vislab.tui.asking import asked
    from vislab.tui.views import learning_rates
    from vislab.tui.widgets.curves import draw

    if not 0 < lowest < highest < float("inf"):
        raise InputError(f"--lowest {lowest:g} --highest {highest:g}: rates are above 0, the lowest below the highest.")
    settings = load_settings(runs_dir=runs_dir, strict=False)  # `resolve` tells its problems among all others
    resolved = resolve(
        recipe=preset,
        dataset=dataset,
        architecture=architecture,
        strategy=strategy,
        data=data,
        sets=tuple(set or ()),
        settings=settings,
        like=spec_like(like, settings),
    )
    request = {
        "spec": msgspec.to_builtins(resolved),
        "data_dir": str(settings.data_dir),
        "runs_dir": str(settings.runs_dir),
        "lowest": lowest,
        "highest": highest,
        "steps": steps,
    }
    found = asked("find_lr", request)
    if json:
        typer.echo(json_.dumps(found, indent=2))
        return
    figure = draw(
        learning_rates.curves(found),
        width=tables.width(),
        height=_HEIGHT,
        title="loss",
        x_label="log10 of the learning rate",
        colour=escapes.coloured(sys.stdout),
    )
    for line in [*(line.rstrip() for line in figure), *learning_rates.words(found)]:
        typer.echo(line)
    if resolved.strategy.batch_size == "auto":
        typer.echo("a run may decide on another batch size: vislab find-lr --like RUN takes what RUN decided")
