"""What a spec starts from: a recipe, the spec of a run, or a spec file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from vislab.presets import shelves
from vislab.presets.layers import Layer, layer_of, read_toml
from vislab.presets.own_code import nearest
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

GIVEN_BY = {"dataset": "dataset.source", "architecture": "architecture.build", "strategy": "strategy.epochs"}
"""Section of a spec to the key that a whole spec has for it, and a recipe for a preset has not."""

DERIVED_NAME = "put together from its parts"
"""Origin of a run's name that nobody chose."""


@dataclass
class Base:
    """Where a spec starts.

    Attributes:
        recipe: the recipe's name, or that of the recipe which the run was made from; may be empty.
        layers: lowest first.
        folder: what relative paths in chosen names start from.
        whole: it is the spec of a run: every key is given and no preset is read again.
        known: False when it was asked for and something is wrong with it; what it lacks is then no further problem.
    """

    recipe: str = ""
    layers: list[Layer] = field(default_factory=list)
    folder: Path = Path()
    whole: bool = False
    known: bool = True

    def given(self, key: str) -> tuple[str, str]:
        """The last value of a key of type text, and its origin; two empty texts where no layer has it."""
        holders = [layer for layer in self.layers if key in layer.values]
        return (str(holders[-1].values[key]), holders[-1].origin_of(key)) if holders else ("", "")

    def has_section(self, section: str) -> bool:
        """Whether the section needs no preset."""
        whole = self.whole or section in ("dataset", "architecture")
        return whole and bool(self.given(GIVEN_BY[section])[0])

    def drop_section(self, section: str) -> None:
        """Forget a section that is chosen anew, and the preprocessing that came with it."""
        words = {"dataset": ("data set preset",), "architecture": ("architecture preset", "pretrained weights")}
        stale = ("schema default", *words.get(section, ("strategy preset", "pretrained weights")))
        self.layers = [layer.without(f"{section}.") for layer in self.layers]
        if self.whole:
            self.drop_preprocessing(stale)

    def drop_preprocessing(self, stale: tuple[str, ...]) -> None:
        """Forget preprocessing whose origin begins with one of `stale`."""
        for layer in self.layers:
            for key in [key for key in layer.values if key.startswith("preprocessing.")]:
                if layer.origin_of(key).startswith(stale):
                    del layer.values[key]


def base_of(
    recipe: str, like: Spec | None, spec_file: Path | None, settings: Settings, cwd: Path, problems: list[str]
) -> Base:
    """Read what the spec starts from; nothing of the three given: an empty base."""
    given = [bool(recipe), like is not None, spec_file is not None]
    if sum(given) > 1:
        problems.append("command line: start from one of a recipe, a run or a spec file, not from several")
    if like is not None:
        return _of_spec(like, f"like {like.name}", problems)
    if spec_file is not None:
        return _of_file(cwd / spec_file, problems)
    if recipe:
        return _of_recipe(recipe, settings, problems)
    return Base(folder=cwd)


def _of_recipe(recipe: str, settings: Settings, problems: list[str]) -> Base:
    recipes = shelves.files("recipes", settings)
    if recipe not in recipes:
        problems.append(f"there is no recipe '{recipe}'{nearest(recipe, recipes, 'recipes')}")
        return Base(known=False)
    files = recipes[recipe]
    found: list[str] = []
    _, layers = shelves.recipe(files, found)
    problems += found
    return Base(recipe, layers, files[-1].file.parent, known=not found)


def _of_spec(spec: Spec, mark: str, problems: list[str]) -> Base:
    table: dict[str, Any] = msgspec.to_builtins(spec)
    origins = {key: f"{text.partition(' (like ')[0]} ({mark})" for key, text in table.pop("origins").items()}
    layer = layer_of(mark, table, Path("/"), problems)
    if origins.get("name", "").startswith(DERIVED_NAME):
        layer.values.pop("name", None)  # not there where it is wrong, which `problems` say
    return Base(spec.recipe, [Layer(mark, layer.values, origins)], whole=True)


def _of_file(file: Path, problems: list[str]) -> Base:
    table = read_toml(file)
    table.pop("origins", None)
    layer = layer_of(f"spec {file}", table, file.parent, problems)
    return Base(str(layer.values.get("recipe", "")), [layer], file.parent)
