"""Writes new presets."""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from vislab.presets import keys, shelves
from vislab.presets.errors import InputError
from vislab.presets.layers import ResolveError, command_line_layer, layer_of, merge, shown
from vislab.presets.own_code import nearest
from vislab.presets.schema.study import Study
from vislab.presets.settings import Settings, load_settings
from vislab.presets.shelves import KINDS, PROJECT_FOLDER, SECTION, Kind


def parse_sets(sets: list[str], cwd: Path | None = None) -> dict[str, Any]:
    """Read `KEY=VALUE` texts as `resolve` does: dotted key of a spec to value.

    Raises:
        ResolveError: unknown keys or values that do not fit; all of them.
    """
    problems: list[str] = []
    layer = command_line_layer(sets, (cwd or Path.cwd()).absolute(), problems)
    if problems:
        raise ResolveError(problems)
    return layer.values


def name_trouble(name: str) -> str:
    """Why a name cannot be that of a preset and its file; empty where it can."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
        return ""
    return f"'{name}' cannot name a preset: use letters, digits, dots, dashes and underscores"


def new_preset(
    kind: Kind,
    name: str,
    *,
    like: str = "",
    folder: Path | None = None,
    values: Mapping[str, Any] | None = None,
    help: str = "",
    settings: Settings | None = None,
) -> Path:
    """Write a preset file.

    Args:
        kind: of preset.
        name: of the preset and its file: letters, digits, dots, dashes and underscores.
        like: a preset of the same kind whose values it starts from.
        folder: holds the folders of presets by kind; None: the project's, or the user's outside a project.
        values: dotted key of a spec (of a study: key of its file) to value; those of a recipe count as `ours`.
        help: one line; empty: that of `like`.
        settings: None: those that hold in the working directory.

    Returns:
        The file.

    Raises:
        InputError: the name cannot be a file's, or a preset has it, wherever that comes from: files of one name are
            merged, so the new one would change what others mean by it. Or there is no preset `like`, or the file
            cannot be written.
        ResolveError: keys that do not belong into this kind of preset, or values that do not fit; all of them.
    """
    settings = settings or load_settings()
    if trouble := name_trouble(name):
        raise InputError(trouble)
    if folder is None:
        folder = shelves.user_folder(settings) if settings.project is None else settings.project / PROJECT_FOLDER
    file = folder / kind / f"{name}.toml"
    if file.exists():
        raise InputError(f"{file} is there already: choose another name, or edit it")
    presets = shelves.files(kind, settings)
    if name in presets:
        raise InputError(_taken(name, kind, presets))
    if like and like not in presets:
        raise InputError(f"there is no {KINDS[kind]} '{like}'{nearest(like, presets, KINDS[kind] + ' presets')}")
    problems: list[str] = []
    table = _TABLES.get(kind, _section_table)(kind, presets.get(like, []), dict(values or {}), problems)
    if problems:
        raise ResolveError(problems)
    if help:
        table = {**table, "help": help}
    _write(file, tomli_w.dumps({"help": table.pop("help", ""), **table}))
    return file


def _write(file: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all: half of one would keep its name from a second try."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{file}: a preset is UTF-8, which {shown(error.object[error.start : error.end])} is not"
        ) from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as error:
        with contextlib.suppress(OSError):
            file.unlink()
        raise InputError(f"{file} cannot be written: {error.strerror}") from error


def _taken(name: str, kind: Kind, presets: Mapping[str, list[shelves.PresetFile]]) -> str:
    last = presets[name][-1].file
    holder = "is built in" if last.is_relative_to(shelves.BUILT_IN) else f"lies in {last}"
    free = next(way for way in (f"my-{name}", *(f"my-{name}-{n}" for n in range(2, 1000))) if way not in presets)
    return f"There is a {KINDS[kind]} '{name}' already, which {holder}: choose another name, such as {free}."


def _section_table(
    kind: Kind, like: list[shelves.PresetFile], values: dict[str, Any], problems: list[str]
) -> dict[str, Any]:
    section = SECTION[kind]
    base, _ = merge(shelves.section_layers(like, problems))
    given = _fitting(values, problems)
    for key in given:
        if not key.startswith((f"{section}.", "preprocessing.")) or key == f"{section}.name":
            problems.append(f"{key}: a {KINDS[kind]} preset holds keys of {section} and preprocessing only")
    nested = keys.nest({**base, **given})
    table = nested.get(section, {})
    return table | ({"preprocessing": nested["preprocessing"]} if "preprocessing" in nested else {})


def _recipe_table(
    kind: Kind, like: list[shelves.PresetFile], values: dict[str, Any], problems: list[str]
) -> dict[str, Any]:
    recipe, _ = shelves.recipe(like, problems)
    given = _fitting(values, problems)
    if "recipe" in given:
        problems.append("recipe: a recipe cannot name another one")
    table = msgspec.structs.asdict(recipe)
    for mark in shelves.MARKS:
        kept = {key: value for key, value in table[mark].items() if key not in given}
        table[mark] = keys.nest(kept | given if mark == "ours" else kept)
    return {key: value for key, value in table.items() if value}


def _study_table(
    kind: Kind, like: list[shelves.PresetFile], values: dict[str, Any], problems: list[str]
) -> dict[str, Any]:
    table = msgspec.to_builtins(shelves.study(like, problems)) | values
    try:
        msgspec.convert(table, Study)
    except msgspec.ValidationError as error:
        problems.append(f"study: {error}")
    return table


def _fitting(values: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    return layer_of("new preset", keys.nest(values), Path.cwd(), problems).values


_TABLES = {"recipes": _recipe_table, "studies": _study_table}
