"""`vislab bench`: how fast a spec trains here, and where the time goes."""

import json as json_
from typing import Annotated

import typer

from vislab.tui.commands.arguments import ArchitectureName, AsJson, DataPath, DatasetName, StrategyName


def command(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", show_default=False, help="A recipe: `vislab presets`.")
    ] = "",
    dataset: DatasetName = "",
    architecture: ArchitectureName = "",
    strategy: StrategyName = "",
    data: DataPath = "",
    set: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="One value of the spec, such as precision=bf16."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, max=3600, help="Seconds to train; at most the whole run.")
    ] = 10.0,
    json: AsJson = False,
) -> None:
    """Measure how fast a recipe trains here: images a second, and where the time goes.

    Batches alone, updates on one batch alone, and the run itself with its evaluation, for some seconds. Leaves no run
    behind; images that were decoded, features that were taken and choices that were measured stay in the cache, as
    after a run. Where the head alone trains, on features, the pass of the frozen part stands by itself.
    """
    import msgspec

    from vislab.presets.library import resolve
    from vislab.presets.settings import load_settings
    from vislab.tui import tables
    from vislab.tui.asking import asked
    from vislab.tui.commands.run import own_files
    from vislab.tui.views import bench

    settings = load_settings(strict=False)  # `resolve` tells its problems among all others
    resolved = resolve(
        recipe=recipe,
        dataset=dataset,
        architecture=architecture,
        strategy=strategy,
        data=data,
        sets=tuple(set or ()),
        settings=settings,
    )
    request = {
        "spec": msgspec.to_builtins(resolved),
        "code": [str(file.absolute()) for file in own_files(resolved)],
        "seconds": seconds,
    }
    found = asked("bench", request)
    if json:
        typer.echo(json_.dumps(found, indent=2))
        return
    for line in bench.lines(found, tables.width()):
        typer.echo(line)
