"""Lists presets, and shows one resolved: each value with where it came from, its help and its unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from vislab.presets import keys, shelves, timm_index
from vislab.presets.choices import ZOO, Choice, choose
from vislab.presets.composition import Request, compose
from vislab.presets.errors import InputError
from vislab.presets.layers import ResolveError, merge
from vislab.presets.own_code import nearest
from vislab.presets.schema.study import Study
from vislab.presets.settings import Settings, load_settings
from vislab.presets.shelves import KINDS, SECTION, Kind, PresetFile


@dataclass(frozen=True)
class PresetInfo:
    """One preset in a list.

    Attributes:
        name, kind: what it is called and what it is.
        help: one line.
        origin: `built-in`, or the file that came last.
        facts: what a list may show besides: for data sets images, classes, licence; for architectures parameters,
            image_size, pretrained; for strategies epochs, pretrained, freeze; for recipes study, dataset, architecture,
            strategy, printed; for studies question, recipes. A fact that is not known is left out.
        problem: why it cannot be used; empty when it can.
    """

    name: str
    kind: Kind
    help: str
    origin: str
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """One value of a preset that is shown.

    Attributes:
        key: dotted, as for `--set`.
        value: as in the spec.
        origin: where it came from.
        help, unit: of the schema.
    """

    key: str
    value: Any
    origin: str
    help: str
    unit: str


def list_presets(kind: Kind | None = None, settings: Settings | None = None) -> list[PresetInfo]:
    """All presets of a kind, or of every kind, by name. One that cannot be read is listed with its problem.

    Raises:
        InputError: the settings cannot be read.
    """
    settings = settings or load_settings()
    kinds = [kind] if kind else list(KINDS)
    return [_info(found) for each in kinds for found in shelves.files(each, settings).values()]


def show(name: str, kind: Kind | None = None, settings: Settings | None = None) -> tuple[PresetInfo, list[Row]]:
    """One preset, resolved. A timm model without a preset of its own is shown as an architecture.

    Without a `kind`, a name that several kinds have is the recipe's, or else that of the first in the order of `KINDS`.

    Raises:
        InputError: no preset has this name.
        ResolveError: its files are wrong.
    """
    settings = settings or load_settings()
    found = {each: shelves.files(each, settings) for each in ([kind] if kind else KINDS)}
    holders = [each for each, presets in found.items() if name in presets]
    if not holders:
        if kind in (None, "architectures") and timm_index.find(name):
            return _timm_model(name, settings)
        known = [preset for presets in found.values() for preset in presets]
        raise InputError(f"there is no preset '{name}'{nearest(name, known, 'presets')}")
    files = found[holders[0]][name]
    info = _info(files)
    if info.problem:
        raise ResolveError(info.problem.splitlines())
    if holders[0] == "studies":
        return info, [_study_row(files[-1], key, value) for key, value in {"help": info.help, **info.facts}.items()]
    if holders[0] == "recipes":
        spec = compose(Request(recipe=name, settings=settings)).spec
        values = dict(keys.flatten(msgspec.to_builtins(spec)))
        return info, [_row(key, values[key], origin) for key, origin in spec.origins.items()]
    values, origins = merge(shelves.section_layers(files, []))
    return info, _section_rows(SECTION[holders[0]], values, origins)


def _info(files: list[PresetFile]) -> PresetInfo:
    last, problems = files[-1], list[str]()
    origin = "built-in" if last.file.is_relative_to(shelves.BUILT_IN) else str(last.file)
    facts: dict[str, Any]
    if last.kind == "studies":
        study = shelves.study(files, problems)
        words, facts = study.help, {"question": study.question, "recipes": study.recipes}
    elif last.kind == "recipes":
        recipe, layers = shelves.recipe(files, problems)
        values, _ = merge(layers)
        words, facts = recipe.help, {section: values.get(f"{section}.name", "") for section in SECTION.values()}
        facts |= {"study": recipe.study, "printed": recipe.printed}
    else:
        values, _ = merge(shelves.section_layers(files, problems))
        section = SECTION[last.kind]
        words = values.get(f"{section}.help", "")
        facts = {fact: values.get(key) for fact, key in _FACTS[last.kind].items()}
        if last.kind == "architectures" and values.get("architecture.build") == ZOO:
            model = timm_index.find(str(values.get("architecture.options.model", "")))
            facts["pretrained"] = model is not None and model.pretrained
    known = {fact: value for fact, value in facts.items() if value not in (None, "", ())}
    return PresetInfo(last.name, last.kind, words, origin, known, "\n".join(problems))


def _timm_model(name: str, settings: Settings) -> tuple[PresetInfo, list[Row]]:
    model = timm_index.find(name)
    assert model is not None
    values, origins = merge(choose("architectures", Choice(name, "timm", Path()), settings, []).layers)
    facts = {"parameters": model.parameters, "image_size": model.image_size, "pretrained": model.pretrained}
    return PresetInfo(name, "architectures", "a model of timm", "timm", facts), _section_rows(
        "architecture", values, origins
    )


def _section_rows(section: str, values: Mapping[str, Any], origins: Mapping[str, str]) -> list[Row]:
    """All keys of the section, those that the preset leaves alone with the schema's default, and its other keys."""
    own = [key for key, entry in keys.KEYS.items() if key.startswith(f"{section}.") and not entry.open]
    every = [key for key in dict.fromkeys([*own, *values]) if key not in (f"{section}.name", f"{section}.help")]
    return [
        _row(
            key,
            values.get(key, keys.KEYS[key].default if key in keys.KEYS else None),
            origins.get(key, "schema default"),
        )
        for key in every
    ]


def _row(key: str, value: Any, origin: str) -> Row:
    entry = keys.find(key)
    assert entry is not None, key
    return Row(key, value, origin, entry.help, entry.unit)


def _study_row(file: PresetFile, key: str, value: Any) -> Row:
    return Row(key, value, file.origin, _STUDY_KEYS[key].help, "")


_STUDY_KEYS = keys.keys_of(Study)
_FACTS: dict[Kind, dict[str, str]] = {
    "datasets": {name: f"dataset.{name}" for name in ("images", "classes", "licence")},
    "architectures": {"parameters": "architecture.parameters", "image_size": "preprocessing.image_size"},
    "strategies": {name: f"strategy.{name}" for name in ("epochs", "pretrained", "freeze")},
}
