"""Layers become one spec, with the origin of each value and everything that is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vislab.presets import keys, shelves, timm_index
from vislab.presets.base import DERIVED_NAME, Base, base_of
from vislab.presets.checks import problems_of
from vislab.presets.choices import DIGITS, ZOO, Choice, Chosen, choose, folder_of_images
from vislab.presets.errors import InputError
from vislab.presets.guess import FOLDER, TABLE
from vislab.presets.layers import (
    COMMAND_LINE,
    SCHEMA_DEFAULT,
    Layer,
    ResolveError,
    absolute,
    command_line_layer,
    exists,
    layer_of,
    merge,
)
from vislab.presets.own_code import did_you_mean
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings, load_settings, working_directory
from vislab.presets.shelves import Kind

SECTION_KINDS: dict[str, Kind] = {section: kind for kind, section in shelves.SECTION.items()}
"""Section of a spec to the kind of preset that fills it."""

SOURCE = "dataset.source"
_PUBLISHED_AS_FILES = frozenset(
    f"vislab.engine.data.sources.torchvision_sets:{name}"
    for name in ("mnist", "fashionmnist", "kmnist", "emnist", "cifar10", "cifar100", "svhn", "stl10")
)
"""Sources of published sets that are IDX or binary files: a folder of pictures given for one is the user's own set."""

DEFAULT_STRATEGY = "scratch"
NAMES = tuple(f"{section}.name" for section in SECTION_KINDS)


@dataclass(frozen=True)
class Request:
    """What a spec is asked to be; see `vislab.presets.library.resolve` for the meaning of each."""

    recipe: str = ""
    dataset: str = ""
    architecture: str = ""
    strategy: str = ""
    data: str = ""
    sets: Sequence[str] = ()
    name: str = ""
    settings: Settings | None = None
    cwd: Path | None = None
    like: Spec | None = None
    spec_file: Path | None = None


@dataclass(frozen=True)
class Composition:
    """A spec as far as it could be put together, and all that is wrong with it."""

    spec: Spec
    problems: tuple[str, ...]


def compose(request: Request) -> Composition:
    """Put a spec together.

    Raises:
        ResolveError: settings, or the spec file to start from, cannot be read at all.
    """
    problems: list[str] = []
    try:
        cwd = (request.cwd or working_directory()).absolute()
        settings = request.settings or load_settings(cwd, strict=False)
        problems += settings.problems
        base = base_of(request.recipe, request.like, request.spec_file, settings, cwd, problems)
        command = command_line_layer(request.sets, cwd, problems)
        defaults = [layer_of(table.origin, table.values, table.folder, problems) for table in settings.defaults]
        if not request.name.isprintable():
            problems.append(f"{COMMAND_LINE}: name = {request.name!r:.200}: must be one line of printable text")
        if "recipe" in command.values:
            problems.append(f"{COMMAND_LINE}: recipe: a recipe is chosen by --preset, not set")
        chosen = {
            section: _section(section, request, command, base, defaults, settings, cwd, problems)
            for section in SECTION_KINDS
        }
    except InputError as error:
        raise ResolveError([*problems, *str(error).splitlines()]) from error

    defaults = [layer.without("recipe", *NAMES) for layer in defaults]
    above = [*base.layers, *defaults, command.without("recipe", *NAMES), *chosen["dataset"].above]
    below = [layer for section in ("dataset", "strategy", "architecture") for layer in chosen[section].layers]
    below = [_schema_defaults(), *below]
    values, _ = merge([*below, *above])
    if (weights := _pretrained(values, problems)) is not None:
        if base.whole and base.given("strategy.pretrained")[0] != "True":
            base.drop_preprocessing((SCHEMA_DEFAULT, "data set preset", "architecture preset"))
        below.append(weights)
    names = [Layer(part.origin, {f"{section}.name": part.name}) for section, part in chosen.items() if part.name]
    values, origins = merge([*below, *above, *names])
    _name(request, base, values, origins)
    # A file that an origin names may have a name that is not UTF-8, as spec.toml is.
    origins = {key: origin.encode(errors="replace").decode() for key, origin in origins.items()}
    spec = msgspec.convert(keys.nest(values) | {"origins": origins}, Spec)
    return Composition(spec, tuple(dict.fromkeys([*problems, *problems_of(spec)])))


def _section(
    section: str,
    request: Request,
    command: Layer,
    base: Base,
    defaults: Sequence[Layer],
    settings: Settings,
    cwd: Path,
    problems: list[str],
) -> Chosen:
    """Choose the layers of one section; a choice on the command line replaces what the base has for it."""
    key = f"{section}.name"
    asked, also = getattr(request, section), str(command.values.get(key, ""))
    if asked and also and asked != also:
        problems.append(f"{COMMAND_LINE}: {key} = '{also}' and --{section} {asked}: give one of them")
    asked = asked or also
    from_base, base_origin = base.given(key)
    if asked and asked != from_base:
        base.drop_section(section)
        choice = Choice(asked, COMMAND_LINE, cwd)
    elif from_base and base.has_section(section):
        return _with_data(Chosen(from_base, base_origin), section, request, base, cwd, problems)
    elif from_base:
        choice = Choice(from_base, base_origin, base.folder)
    elif section == "dataset" and request.data:
        return folder_of_images(Path(absolute(request.data, cwd)), COMMAND_LINE, problems)
    else:
        fallback = _fallback(section, request, base, defaults, settings, problems)
        if fallback is None:
            return Chosen()
        choice = fallback
    return _with_data(choose(SECTION_KINDS[section], choice, settings, problems), section, request, base, cwd, problems)


def _fallback(
    section: str,
    request: Request,
    base: Base,
    defaults: Sequence[Layer],
    settings: Settings,
    problems: list[str],
) -> Choice | None:
    """What the settings choose where nothing else does; they never complete a recipe."""
    key = f"{section}.name"
    holders = [(layer, table) for layer, table in zip(defaults, settings.defaults, strict=True) if key in layer.values]
    if holders and not base.layers:
        layer, table = holders[-1]
        return Choice(layer.values[key], layer.origin, table.folder)
    if section == "strategy":
        return Choice(DEFAULT_STRATEGY, SCHEMA_DEFAULT, Path())
    if base.known:
        what = f"recipe {request.recipe}" if request.recipe else "the run"
        problems.append(
            f"{what} needs images: give --data PATH (a folder with a folder of images for each class, or a CSV file of "
            "path,label), or --dataset NAME"
            if section == "dataset"
            else f"{what} needs an architecture: give --architecture NAME"
        )
    return None


def _with_data(chosen: Chosen, section: str, request: Request, base: Base, cwd: Path, problems: list[str]) -> Chosen:
    """Point a data set at the images that `data` names."""
    if section == "dataset" and request.data and chosen.name:
        path = absolute(request.data, cwd)
        if not exists(path):
            problems.append(f"{COMMAND_LINE}: there is no file or folder {path}")
            return chosen
        source = base.given(SOURCE)[0] if base.has_section(section) else _source(chosen)
        own = _images_instead(source, path, problems)
        if own is not None:
            base.drop_section(section)
            return own
        chosen.above.append(Layer(COMMAND_LINE, {"dataset.path": path}))
    return chosen


def _images_instead(source: str, path: str, problems: list[str]) -> Chosen | None:
    """The user's own images, where the chosen set reads no path, or is published as other files than these."""
    if source == DIGITS:
        found: list[str] = []
        own = folder_of_images(Path(path), COMMAND_LINE, found)
        problems += [f"{problem}; the set digits itself reads no path" for problem in found]
        return own
    if source not in _PUBLISHED_AS_FILES:
        return None
    own = folder_of_images(Path(path), COMMAND_LINE, [])
    return own if _source(own) in (FOLDER, TABLE) else None


def _source(chosen: Chosen) -> str:
    return next((layer.values[SOURCE] for layer in reversed(chosen.layers) if SOURCE in layer.values), "")


def _schema_defaults() -> Layer:
    return Layer(SCHEMA_DEFAULT, {key: entry.default for key, entry in keys.KEYS.items() if not entry.open})


def _pretrained(values: dict[str, Any], problems: list[str]) -> Layer | None:
    """The preprocessing that pretrained weights of a timm model were trained with."""
    if not values["strategy.pretrained"] or values["architecture.build"] != ZOO:
        return None
    name = str(values.get("architecture.options.model", ""))
    model = timm_index.find(name)
    if model is None:
        problems.append(
            f"architecture.options.model = '{name}': timm has no such model{did_you_mean(name, timm_index.names())}"
        )
        return None
    if not model.pretrained and values["architecture.weights"] == "default":
        problems.append(
            f"architecture {name}: no pretrained weights are published; choose strategy scratch, or name a file: "
            "architecture.weights=FILE.safetensors"
        )
    facts = {
        "image_size": model.image_size,
        "mean": model.mean,
        "std": model.std,
        "interpolation": model.interpolation,
        "crop_fraction": model.crop_fraction,
        "channels": 3,
    }
    return Layer(f"pretrained weights of {name}", {f"preprocessing.{key}": value for key, value in facts.items()})


def _name(request: Request, base: Base, values: dict[str, Any], origins: dict[str, str]) -> None:
    """Name the run and its recipe."""
    values["recipe"], origins["recipe"] = base.recipe, COMMAND_LINE if request.recipe else SCHEMA_DEFAULT
    if request.name:
        values["name"], origins["name"] = request.name, COMMAND_LINE
    if not values["name"]:
        parts = [values[name] or "?" for name in NAMES]
        values["name"], origins["name"] = base.recipe or "-".join(parts), DERIVED_NAME
