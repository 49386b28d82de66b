"""The way in: `resolve` makes every spec; presets are listed, explained and saved; specs are read and written."""

from collections.abc import Sequence
from pathlib import Path

from vislab.presets.authoring import new_preset, parse_sets
from vislab.presets.composition import Composition, Request, compose
from vislab.presets.explain import PresetInfo, Row, list_presets, show
from vislab.presets.layers import ResolveError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.presets.spec_file import dump_spec, load_spec, save_spec

__all__ = [
    "Composition",
    "PresetInfo",
    "Request",
    "ResolveError",
    "Row",
    "compose",
    "dump_spec",
    "list_presets",
    "load_spec",
    "new_preset",
    "parse_sets",
    "resolve",
    "save_spec",
    "show",
]


def resolve(
    *,
    recipe: str = "",
    dataset: str = "",
    architecture: str = "",
    strategy: str = "",
    data: str = "",
    sets: Sequence[str] = (),
    name: str = "",
    settings: Settings | None = None,
    cwd: Path | None = None,
    like: Spec | None = None,
    spec_file: Path | None = None,
) -> Spec:
    """Make a spec; the only way to make one.

    Layers, later wins: the schema's defaults; the presets of data set, strategy and architecture; the preprocessing of
    pretrained weights; the recipe (or the run, or the spec file, in its place); `[defaults]` of the user's and the
    project's settings; the command line. A data set, architecture or strategy that the command line chooses takes the
    place of the recipe's, along with every value that the recipe has for that section; names in `[defaults]` choose
    only where there is nothing to start from.

    Args:
        recipe: name of a recipe.
        dataset: name of a preset, `file.py:source`, `hf:NAME`, a folder, or a file.
        architecture: name of a preset or of a timm model, or `file.py:build`.
        strategy: name of a preset; `scratch` where nothing chooses one.
        data: where the images lie; alone, or for the data set that was chosen.
        sets: `KEY=VALUE`, VALUE as in TOML, quotes optional.
        name: what the run is called; empty: the recipe, or "<data set>-<architecture>-<strategy>".
        settings: None: those that hold in `cwd`.
        cwd: what relative paths start from; None: the working directory.
        like: a run's spec to start from.
        spec_file: a file in the form of spec.toml, whole or in part, to start from.

    Raises:
        ResolveError: whatever is wrong, all of it at once.
    """
    composition = compose(
        Request(
            recipe=recipe,
            dataset=dataset,
            architecture=architecture,
            strategy=strategy,
            data=data,
            sets=sets,
            name=name,
            settings=settings,
            cwd=cwd,
            like=like,
            spec_file=spec_file,
        )
    )
    if composition.problems:
        raise ResolveError(composition.problems)
    return composition.spec
