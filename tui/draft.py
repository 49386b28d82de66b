"""The selection that is made on the launch screen: a pure model; whatever is chosen makes a new one."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vislab.presets import keys
from vislab.presets.authoring import new_preset, parse_sets
from vislab.presets.composition import Request, compose
from vislab.presets.errors import InputError
from vislab.presets.layers import COMMAND_LINE, ResolveError
from vislab.presets.schema.spec import PUBLISHED, Spec
from vislab.presets.settings import Settings

Values = tuple[tuple[str, str], ...]
Section = Literal["dataset", "architecture", "strategy"]
SECTIONS: tuple[Section, ...] = ("dataset", "architecture", "strategy")

CHOSEN_ELSEWHERE = ("recipe", "name", *(f"{section}.{key}" for section in SECTIONS for key in ("name", "help")))
"""Keys of a spec that are no values to be set one by one."""


@dataclass(frozen=True)
class Resolved:
    """What a draft comes to.

    Attributes:
        spec: as far as it can be put together; None where not even that.
        problems: what stands in the way of a run, one sentence each.
    """

    spec: Spec | None
    problems: tuple[str, ...]

    @property
    def ready(self) -> Spec | None:
        """The spec of a run, or None while there are problems."""
        return None if self.problems else self.spec


@dataclass(frozen=True)
class Draft:
    """What has been chosen.

    Attributes:
        recipe: a recipe to start from; or
        like: the spec of an earlier run to start from.
        dataset: preset, folder, file, `hf:NAME` or `mine.py:source`; empty: that of the recipe or of the run.
        architecture: preset, timm model or `mine.py:build`; empty likewise.
        strategy: preset; empty likewise.
        data: where the images of `dataset` lie; empty: where they usually do.
        values: settings that were changed, dotted key to text as `--set` takes it.
        name: of the run; empty: made from its parts.
        laid_by: those that were changed for what is chosen no more, by section and by what was chosen.
    """

    recipe: str = ""
    like: Spec | None = None
    dataset: str = ""
    architecture: str = ""
    strategy: str = ""
    data: str = ""
    values: Values = ()
    name: str = ""
    laid_by: tuple[tuple[Section, str, Values], ...] = ()

    def from_recipe(self, recipe: str) -> "Draft":
        """Start again from a recipe, with its data set, architecture, strategy and values."""
        return Draft(recipe=recipe)

    def choose(self, section: Section, text: str, *, now: str = "") -> "Draft":
        """Choose a data set, an architecture or a strategy.

        The settings that were changed for the old one are laid by, and come back with it.

        Args:
            now: what the recipe or the run brings, where nothing else has been chosen.
        """
        old = getattr(self, section)
        if text == old:
            return self
        own = tuple((key, value) for key, value in self.values if key.startswith(f"{section}."))
        others = tuple(pair for pair in self.values if pair not in own)
        laid_by = {(part, name): values for part, name, values in self.laid_by} | {(section, old or now): own}
        values = (*others, *laid_by.pop((section, text), ()))
        data = "" if section == "dataset" else self.data
        chosen: dict[str, Any] = {section: text}
        left = tuple((*place, changed) for place, changed in laid_by.items() if changed)
        return replace(self, values=values, laid_by=left, data=data, **chosen)

    def with_value(self, key: str, text: str) -> "Draft":
        """Change one setting."""
        others = tuple((other, value) for other, value in self.values if other != key)
        return replace(self, values=(*others, (key, text)))

    def without_value(self, key: str) -> "Draft":
        """Take the change of a setting back."""
        return replace(self, values=tuple((other, value) for other, value in self.values if other != key))

    def taken_back(self) -> "Draft":
        """Take all changed settings back, those that were laid by too, and the name."""
        return replace(self, values=(), laid_by=(), name="")

    def named(self, name: str) -> "Draft":
        """Name the run."""
        return replace(self, name=name.strip())

    def changed(self, key: str) -> str | None:
        """The text of a setting that was changed; None where it was not."""
        return dict(self.values).get(key)

    @property
    def based(self) -> bool:
        """Whether it starts from a recipe or a run."""
        return bool(self.recipe) or self.like is not None


FIRST = Draft(dataset="digits", architecture="lenet5", strategy="scratch")
"""What is chosen before anything is: trains anywhere, without a download, in a minute."""


def like_run(spec: Spec) -> Draft:
    """The draft that would make the same run again."""
    return Draft(like=spec)


def resolve(draft: Draft, settings: Settings, cwd: Path | None = None) -> Resolved:
    """Put the draft together. Reads presets and, for a folder of images, looks into it; not for each frame."""
    request = Request(
        recipe=draft.recipe,
        like=draft.like,
        dataset=draft.dataset,
        architecture=draft.architecture,
        strategy=draft.strategy,
        data=draft.data,
        sets=tuple(f"{key}={text}" for key, text in draft.values),
        name=draft.name,
        settings=settings,
        cwd=cwd,
    )
    try:
        composition = compose(request)
    except ResolveError as error:
        return Resolved(None, error.problems)
    return Resolved(composition.spec, tuple(dict.fromkeys(map(_said, composition.problems))))


def value_problem(key: str, text: str) -> str:
    """Why a text cannot be the value of a setting, seen by itself; empty where it can."""
    if not text.strip():
        return "write a value"
    try:
        parse_sets([f"{key}={text}"])
    except ResolveError as error:
        return _reason(error.problems[0], key)
    return ""


def problem_with(draft: Draft, key: str, text: str, settings: Settings) -> str:
    """Why a setting cannot take a value here: by itself, or beside the others; empty where it can."""
    if trouble := value_problem(key, text):
        return trouble
    before = resolve(draft.without_value(key), settings).problems
    after = resolve(draft.with_value(key, text), settings).problems
    return next((_reason(problem, key) for problem in after if problem not in before and key in problem), "")


def value_of(spec: Spec, key: str) -> Any:
    """The value of a dotted key."""
    value: Any = spec
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def settable(spec: Spec) -> list[keys.Key]:
    """Every setting that can be changed one by one, options that the spec has for its functions included."""
    found: list[keys.Key] = []
    for key in keys.KEYS.values():
        if key.key in CHOSEN_ELSEWHERE + PUBLISHED:
            continue
        if not key.open:
            found.append(key)
            continue
        for option in value_of(spec, key.key):
            entry = keys.find(f"{key.key}.{option}")
            if entry is not None:
                found.append(entry)
    return found


def save_as_recipe(draft: Draft, name: str, settings: Settings) -> Path:
    """Write the draft as a recipe preset and return its file.

    Raises:
        InputError: the draft is not ready, or the name cannot be a preset's, or is taken.
    """
    spec = resolve(draft, settings).ready
    if spec is None:
        raise InputError("what is chosen is not complete yet, so it cannot be saved")
    # Whole values and not the choices of the draft: a preset must not depend on a run, nor on the working directory.
    values: dict[str, Any] = {f"{section}.name": getattr(spec, section).name for section in SECTIONS}
    values |= {
        key: value_of(spec, key)
        for key, origin in spec.origins.items()
        if key not in CHOSEN_ELSEWHERE and not origin.startswith(_OF_PRESETS)
    }
    return new_preset("recipes", name, values=values, help=f"like {spec.name}", settings=settings)


_OF_PRESETS = ("schema default", "data set preset", "architecture preset", "strategy preset", "pretrained weights")
"""How origins begin of what the presets bring along by themselves."""


_BUILT_IN = re.compile(r"^\w[\w ]* preset \S+ \(built-in\): ")
"""Where a value came from that the person did not write."""


def _reason(problem: str, key: str) -> str:
    """A problem without the place and the value, which stand beside it."""
    rest = problem.partition(key)[2]
    return rest.partition(": ")[2] if rest.startswith(" = ") else rest.removeprefix(": ")


def _said(problem: str) -> str:
    if " needs images: " in problem:
        return "choose a data set, or a folder of images of your own"
    if " needs an architecture: " in problem:
        return "choose an architecture"
    return _BUILT_IN.sub("", problem).removeprefix(f"{COMMAND_LINE}: ")
