"""Where presets lie, and reading them: built-in < installed packages < the user's < the project's.

A preset is `<folder>/<kind>/<name>.toml`. One of the same name in a later folder is laid over the earlier one, key by
key. The user's folder is `presets` in the configuration folder, a project's is `vislab-presets` beside `vislab.toml`,
and an installed package offers one by an entry point of the group `vislab.presets` that names a package.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from vislab.presets import keys
from vislab.presets.errors import InputError
from vislab.presets.layers import Layer, layer_of, read_toml, shown
from vislab.presets.own_code import closest, find_module
from vislab.presets.schema.recipe import Mark, Recipe
from vislab.presets.schema.study import Study
from vislab.presets.settings import Settings

Kind = Literal["recipes", "datasets", "architectures", "strategies", "studies"]
KINDS: dict[Kind, str] = {
    "recipes": "recipe",
    "datasets": "data set",
    "architectures": "architecture",
    "strategies": "strategy",
    "studies": "study",
}
"""Kind of preset, as its folder is called, to the word for one of them."""

SECTION: dict[Kind, str] = {"datasets": "dataset", "architectures": "architecture", "strategies": "strategy"}
"""Kind of preset to the table of a spec that it fills."""

MARKS: tuple[Mark, ...] = get_args(Mark)
_WORDS = tuple(name for name in Recipe.__struct_fields__ if name not in MARKS)
GROUP = "vislab.presets"
PROJECT_FOLDER = "vislab-presets"
BUILT_IN = Path(__file__).parent


@dataclass(frozen=True)
class PresetFile:
    """One file of one preset."""

    kind: Kind
    name: str
    file: Path

    @property
    def origin(self) -> str:
        """How origins of a spec name this file."""
        place = "built-in" if self.file.is_relative_to(BUILT_IN) else str(self.file)
        return f"{KINDS[self.kind]} preset {self.name} ({place})"


def user_folder(settings: Settings) -> Path:
    """The user's own presets."""
    return settings.config_dir / "presets"


def folders(settings: Settings) -> list[Path]:
    """All folders that may hold presets, later ones laid over earlier ones.

    Raises:
        InputError: an entry point names a package that is not there.
    """
    found = [BUILT_IN, *packages()]
    found.append(user_folder(settings))
    if settings.project is not None:
        found.append(settings.project / PROJECT_FOLDER)
    return found


def files(kind: Kind, settings: Settings) -> dict[str, list[PresetFile]]:
    """Names of the presets of a kind, sorted, each with its files, lowest layer first."""
    found: dict[str, list[PresetFile]] = {}
    for folder in folders(settings):
        if not os.path.isdir(folder / kind):  # noqa: PTH112 (glob would raise in a folder that may not be entered)
            continue
        for file in sorted((folder / kind).glob("*.toml")):
            found.setdefault(file.stem, []).append(PresetFile(kind, file.stem, file))
    return dict(sorted(found.items()))


def section_layers(found: list[PresetFile], problems: list[str]) -> list[Layer]:
    """Layers of a data set, architecture or strategy preset; may hold preprocessing as well."""
    layers = []
    for preset, table in _tables(found, problems):
        section = SECTION[preset.kind]
        own = {key: value for key, value in table.items() if key != "preprocessing"}
        both = {section: own, "preprocessing": table.get("preprocessing", {})}
        layers.append(layer_of(preset.origin, both, preset.file.parent, problems))
    return layers


def recipe(found: list[PresetFile], problems: list[str]) -> tuple[Recipe, list[Layer]]:
    """A recipe, later files laid over earlier ones key by key, and its layers: one for each mark of each file."""
    words: dict[str, str] = {}
    marked: dict[str, dict[str, Any]] = {mark: {} for mark in MARKS}
    layers = []
    for preset, table in _tables(found, problems):
        place = "" if preset.origin.endswith("(built-in)") else f" ({preset.file})"
        seen: set[str] = set()
        for key, value in table.items():
            if key in _WORDS and isinstance(value, str):
                words[key] = value
            elif key in MARKS and isinstance(value, Mapping):
                layer = layer_of(f"recipe {preset.name}: {key}{place}", value, preset.file.parent, problems)
                twice = sorted(seen & layer.values.keys())
                problems += [f"{preset.file}: {name} stands under two marks" for name in twice]
                seen |= layer.values.keys()
                layers.append(layer)
                marked = {mark: _without(values, layer.values) for mark, values in marked.items()}
                marked[key] |= layer.values
            else:
                problems.append(f"{preset.file}: {key} = {shown(value)}: {_misplaced(key, value)}")
                # Read as it was meant, so that what is wrong with the values is told as well.
                meant = closest(key, SECTION.values())
                if isinstance(value, str) and meant:
                    table = {meant: {"name": value}}
                elif isinstance(value, Mapping) and key not in keys.SECTIONS:
                    table = dict(value)
                else:
                    table = {key: value} if keys.find(key) or key in keys.SECTIONS else {}
                layers.append(layer_of(str(preset.file), table, preset.file.parent, problems))
    return msgspec.convert(words | marked, Recipe), layers


def study(found: list[PresetFile], problems: list[str]) -> Study:
    """A study; a later file replaces the keys it has."""
    merged: dict[str, Any] = {}
    for preset, table in _tables(found, problems):
        try:
            msgspec.convert(table, Study)
            merged |= table
        except msgspec.ValidationError as error:
            problems.append(f"{preset.file}: {error}")
    return msgspec.convert(merged, Study)


def _without(values: Mapping[str, Any], keys_: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys_}


def _misplaced(key: str, value: object) -> str:
    """Why a key cannot stand at the top of a recipe, and where it belongs."""
    meant = closest(key, [*MARKS, *_WORDS, *keys.SECTIONS, *(key for key in keys.KEYS if "." not in key)])
    text = f"a recipe has the texts {', '.join(_WORDS)} and the tables {', '.join(MARKS)}"
    if meant in (*MARKS, *_WORDS):
        return f"{text}; did you mean '{meant}'?" if meant != key else f"{text}, each of its kind"
    if meant:
        place = f"{meant}.name" if meant in SECTION.values() and not isinstance(value, Mapping) else meant
        return f"{text}; '{meant}' belongs in a table such as [ours], as {place}"
    return f"{text}; values of a run, such as dataset.name, belong in a table such as [ours]"


@cache
def packages() -> tuple[Path, ...]:
    """Folders of installed packages; looking through what is installed takes longer than everything else here."""
    found: list[Path] = []
    if not any(map(_may_offer, sys.path)):
        return ()
    from importlib.metadata import entry_points  # with the parser of e-mails: 1.4 MB, which the console does without

    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.value, entry.name)):
        module = find_module(entry.value)
        if module is None or not module.submodule_search_locations:
            raise InputError(f"entry point '{entry.name}' of the group {GROUP}: there is no package {entry.value}")
        found += [Path(place) for place in module.submodule_search_locations]
    return tuple(found)


def _may_offer(place: str) -> bool:
    """Whether a folder of `sys.path`, or what else stands there, may hold a package with an entry point of GROUP."""
    try:
        with os.scandir(place or ".") as entries:
            names = [entry.name for entry in entries]
    except NotADirectoryError:  # an archive
        return True
    except OSError:
        return False
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            with suppress(OSError):
                if GROUP.encode() in Path(place, name, "entry_points.txt").read_bytes():
                    return True
    return any(name.endswith(".egg") for name in names)


def _tables(found: list[PresetFile], problems: list[str]) -> Iterator[tuple[PresetFile, dict[str, Any]]]:
    for preset in found:
        try:
            table = read_toml(preset.file)
        except InputError as error:
            problems.append(str(error))
            continue
        if table.pop("name", preset.name) != preset.name:
            problems.append(f"{preset.file}: name: a preset is called as its file, {preset.name}; leave it out")
        yield preset, table
