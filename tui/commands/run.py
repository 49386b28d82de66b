"""`vislab run`: make a run, start its worker, follow it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vislab.tui.commands.arguments import (
    AsJson,
    DataPath,
    Detach,
    Foreground,
    Html,
    Plain,
    Preset,
    Quiet,
    RunsDir,
    StrategyName,
    check_detach,
    spec_like,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vislab.engine.runs.store import Run
    from vislab.presets.schema.spec import Spec


def command(
    preset: Preset = "",
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="A data set: preset, folder, file, hf:NAME or mine.py:source.")
    ] = "",
    architecture: Annotated[
        str, typer.Option(metavar="NAME", help="An architecture: preset, timm model or mine.py:build.")
    ] = "",
    strategy: StrategyName = "",
    data: DataPath = "",
    set: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="One value of the spec, such as strategy.epochs=5."),
    ] = None,
    like: Annotated[str, typer.Option(metavar="RUN", help="Begin from the spec of an earlier run.")] = "",
    spec: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Begin from a spec.toml.", show_default=False)
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the run is called.")] = "",
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A label, to find the run again.")] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="A note, kept with the run.")] = "",
    id: Annotated[
        str,
        typer.Option(
            "--id", metavar="NAME", help="The run's id. Unfinished, it goes on; finished, it is only reported."
        ),
    ] = "",
    checkpoint_every: Annotated[
        str, typer.Option(metavar="EVERY", help="Such as 20steps, 5min, 1epoch; auto: less than 2 % of the time.")
    ] = "",
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read, and list them.")
    ] = False,
    seeds: Annotated[int, typer.Option(metavar="N", help="Train with so many seeds, and tell mean and spread.")] = 1,
    folds: Annotated[
        int, typer.Option(metavar="K", help="Train on K folds, each validated once; 0: the split of the spec.")
    ] = 0,
    tensorboard: Annotated[
        str, typer.Option(metavar="DIR", help="Write TensorBoard files there, in a folder a run.")
    ] = "",
    wandb: Annotated[str, typer.Option(metavar="PROJECT", help="Log to a project of Weights & Biases.")] = "",
    detach: Detach = False,
    foreground: Foreground = False,
    html: Html = None,
    quiet: Quiet = False,
    plain: Plain = False,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Train, and follow it here. --set, --tag may be given several times.

    Ctrl+C asks the run to stop after the present step, with a checkpoint; pressed again it stops at once (exit code
    130). SIGTERM and SIGUSR1 are passed on, the run is saved, and the exit code is 143. A run whose terminal has gone,
    or whose follower was killed, goes on. With --seeds or --folds several runs are trained in turn; the same command
    goes on.
    """
    from vislab.engine.runs import store
    from vislab.engine.trackers.tracker import check as check_tracker
    from vislab.engine.trackers.tracker import targets
    from vislab.presets.errors import InputError
    from vislab.presets.library import resolve
    from vislab.presets.settings import load_settings
    from vislab.tui import headless, html_file
    from vislab.tui import study as studying
    from vislab.tui.commands import study as several

    check_detach(detach, foreground, html)
    html_file.check(html)
    settings = load_settings(runs_dir=runs_dir, strict=False)  # `resolve` tells its problems among all others
    sets = [
        *(set or ()),
        *([f"checkpoint_every={checkpoint_every}"] if checkpoint_every else []),
        *(["dataset.skip_unreadable=true"] if skip_unreadable else []),
        *([f"tensorboard={tensorboard}"] if tensorboard else []),
        *([f"wandb={wandb}"] if wandb else []),
    ]
    like_spec = spec_like(like, settings)

    def resolve_with(sets: "Sequence[str]") -> "Spec":
        return resolve(
            recipe=preset,
            dataset=dataset,
            architecture=architecture,
            strategy=strategy,
            data=data,
            sets=tuple(sets),
            name=name,
            settings=settings,
            like=like_spec,
            spec_file=spec,
        )

    if seeds != 1 or folds:
        if id or foreground:
            raise InputError("--seeds and --folds make several runs: leave out --id and --foreground.")
        asked = studying.Asked(sets=tuple(sets), seeds=seeds, folds=folds)
        planned = studying.repeats(resolve_with, asked, settings)
        studying.make(planned, settings, tags=tag or (), note=note)
        raise typer.Exit(
            several.follow(planned, settings, html=html, quiet=quiet, plain=plain, json=json, detach=detach)
        )
    resolved = resolve_with(sets)
    for kind in targets(resolved):
        check_tracker(kind)
    output = headless.Output(quiet=quiet, plain=plain, json=json, html=html)
    if id and (found := store.named(settings.runs_dir, id)) is not None:
        require_same(found, resolved)
        if found.status() == "done":
            raise typer.Exit(headless.report_end(found, output))
        made = found
    else:
        labels = store.Labels(name=name, tags=tuple(tag or ()), note=note)
        made = store.create(settings.runs_dir, resolved, code=own_files(resolved), labels=labels, identity=id)
    if detach:
        raise typer.Exit(headless.begin(made, settings, output))
    raise typer.Exit(headless.train(made, settings, output, foreground=foreground))


def require_same(run: "Run", spec: "Spec") -> None:
    """Refuse a spec that is not the run's.

    Raises:
        InputError: it differs; all differing keys are named.
    """
    from vislab.engine.analysis.comparison import chosen, differences
    from vislab.presets.errors import InputError
    from vislab.tui.views.spec import value_text
    from vislab.tui.views.text import plain

    lines = [
        f"  {plain(row.key)}: {plain(value_text(row.values[0]))} there, {plain(value_text(row.values[1]))} asked for"
        for row in differences([chosen(run.spec()), chosen(spec)])
    ]
    if lines:
        raise InputError(
            "\n".join([f"Run {run.id} has another spec. Choose another --id, or ask for the same:", *lines])
        )


def own_files(spec: "Spec") -> list[Path]:
    """The user's own files that a spec names; the run keeps a copy of each under its base name.

    Raises:
        InputError: one of them is missing, or two different ones have the same base name.
    """
    from vislab.presets.errors import InputError
    from vislab.presets.own_code import file_of

    strategy = spec.strategy
    references = [spec.dataset.source, spec.architecture.build, spec.architecture.head, strategy.loss]
    references += [item for items in (strategy.augment, strategy.balance_augment) if items != "none" for item in items]
    found: dict[str, Path] = {}
    for reference in references:
        file, dot_py, function = reference.partition(".py:")
        if not dot_py:
            continue
        path = file_of(f"{file}.py:{function.partition('(')[0].strip()}")
        assert path is not None, reference
        if found.setdefault(path.name, path) != path:
            raise InputError(
                f"{found[path.name]} and {path} have the same name, and a run keeps its code in one folder. "
                "Rename one of them."
            )
    return list(found.values())
