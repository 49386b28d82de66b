"""`vislab presets`: list what can be trained, show one preset resolved, write a new one."""

import json as json_
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson, at_home

if TYPE_CHECKING:
    from vislab.presets.explain import PresetInfo, Row


class PresetKind(StrEnum):
    """Kinds of presets, as their folders are called."""

    RECIPES = "recipes"
    DATASETS = "datasets"
    ARCHITECTURES = "architectures"
    STRATEGIES = "strategies"
    STUDIES = "studies"


FACTS: dict[PresetKind, tuple[str, ...]] = {
    PresetKind.RECIPES: ("dataset", "architecture", "strategy"),
    PresetKind.DATASETS: ("images", "classes"),
    PresetKind.ARCHITECTURES: ("parameters", "image_size", "pretrained"),
    PresetKind.STRATEGIES: ("epochs", "pretrained", "freeze"),
    PresetKind.STUDIES: ("recipes",),
}
"""Facts that a list shows beside name and help."""

ROOM_FOR_FACTS = 100
"""Cells of a line from which there is room for them."""

app = typer.Typer(help="List presets, show one, write a new one.")

OptionalKind = Annotated[
    PresetKind | None, typer.Option("--kind", help="Its kind, where several have the name.", show_default=False)
]


@app.callback(invoke_without_command=True)
def every(context: typer.Context, json: AsJson = False) -> None:
    """List all presets; with a kind, those of one kind."""
    if context.invoked_subcommand is None:
        _list(list(PresetKind), json)


def _lister(kind: PresetKind) -> Callable[..., None]:
    def command(json: AsJson = False) -> None:
        _list([kind], json)

    command.__doc__ = f"List {kind}."
    return command


for _kind in PresetKind:
    app.command(str(_kind))(_lister(_kind))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    kind: OptionalKind = None,
    json: AsJson = False,
) -> None:
    """Show a preset, or a timm model, resolved: each value with where it came from."""
    import msgspec

    from vislab.presets import explain

    info, rows = explain.show(name, kind.value if kind else None)
    if json:
        typer.echo(json_.dumps(msgspec.to_builtins({"preset": info, "values": rows}), indent=2))
        return
    for line in _description(info) + _values([row for row in rows if not row.key.endswith(".help")]):
        typer.echo(line)


@app.command("new")
def new(
    kind: Annotated[PresetKind, typer.Argument(metavar="KIND", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    like: Annotated[str, typer.Option(metavar="NAME", help="Begin from the values of this preset.")] = "",
    set: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="One value; may be repeated.")
    ] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="One line: what it is for.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Instead of the project's folder, or yours.", show_default=False, callback=at_home
        ),
    ] = None,
) -> None:
    """Write a preset into the project's folder of presets, or into yours; prints the file's name."""
    from vislab.presets.authoring import new_preset, parse_sets

    values = _study_values(set or []) if kind is PresetKind.STUDIES else parse_sets(set or [])
    typer.echo(str(new_preset(kind.value, name, like=like, folder=folder, values=values, help=description)))


def _list(kinds: Sequence[PresetKind], json: bool) -> None:
    import msgspec

    from vislab.presets.explain import list_presets

    found = {kind: list_presets(kind.value) for kind in kinds}
    if json:
        every = [info for infos in found.values() for info in infos]
        typer.echo(json_.dumps(msgspec.to_builtins(every), indent=2))
        return
    for kind, infos in found.items():
        if len(kinds) > 1:
            typer.echo(f"{kind}:")
        for line in _table(kind, infos):
            typer.echo(line)
        if len(kinds) > 1:
            typer.echo()


def _table(kind: PresetKind, infos: Sequence["PresetInfo"]) -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views.text import plain

    width = tables.width()
    wanted = FACTS[kind] if width >= ROOM_FOR_FACTS else ()
    facts = [fact for fact in wanted if any(fact in info.facts for info in infos)]
    rows = [
        [
            plain(info.name),
            *(plain(_fact(fact, info.facts.get(fact))) for fact in facts),
            plain(f"problem: {info.problem}" if info.problem else info.help),
        ]
        for info in infos
    ]
    titles = ["name", *(fact.replace("_", " ") for fact in facts), ""]
    right = ("images", "classes", "parameters", "image size", "epochs")
    return tables.lines(titles, rows, width, right=right, whole=("name",))


def _fact(fact: str, value: Any) -> str:
    from vislab.tui.views import text

    match value:
        case None:
            return text.MISSING
        case bool():
            return "yes" if value else "no"
        case int() if fact == "parameters":
            return text.millions(value)
        case int():
            return text.count(value)
        case list() | tuple():
            return text.counted(len(value), "recipe")
    return str(value)


def _description(info: "PresetInfo") -> list[str]:
    from vislab.presets.shelves import KINDS
    from vislab.tui.views.text import plain

    lines = [f"{info.name} ({KINDS[info.kind]}, {plain(info.origin, limit=1000)})", plain(info.help, limit=1000)]
    lines += [plain(f"{fact}: {info.facts[fact]}", limit=1000) for fact in ("study", "printed") if fact in info.facts]
    return [line for line in lines if line] + [""]


def _values(rows: Sequence["Row"]) -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views.spec import value_text
    from vislab.tui.views.text import plain

    values = [(row.key, plain(value_text(row.value), 1000) or '""', plain(row.origin, 1000)) for row in rows]
    return tables.settings(values, tables.width())


def _study_values(sets: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` texts with the keys of a study's file; `recipes` is a list, its items parted by commas."""
    from vislab.presets.errors import InputError

    values: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text}: write KEY=VALUE, such as recipes=study-b-cnn,study-b-transfer")
        values[key] = [item.strip() for item in value.split(",") if item.strip()] if key == "recipes" else value
    return values
