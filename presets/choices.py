"""From a name, a file or a folder to the layers of one section of a spec: data set, architecture or strategy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vislab.presets import timm_index
from vislab.presets.errors import InputError
from vislab.presets.layers import Layer, absolute, exists, shown
from vislab.presets.own_code import did_you_mean
from vislab.presets.settings import Settings
from vislab.presets.shelves import KINDS, Kind, files, section_layers

ZOO = "vislab.engine.models.zoo:build"
"""Builds any timm model: `options.model` names it."""

DIGITS = "vislab.engine.data.sources.digits:source"
"""Reads the digits that come with scikit-learn, from no path."""

HUGGING_FACE = "vislab.engine.data.sources.hf:source"
"""Reads any image data set of the Hugging Face hub: `options.dataset` names it."""


@dataclass(frozen=True)
class Choice:
    """What was asked for in one section.

    Attributes:
        text: a preset's name, `file.py:function`, for data also `hf:NAME`, a folder or a file; for architectures also a
            timm model.
        origin: who asked, as origins of a spec name it.
        folder: what relative paths in `text` start from.
    """

    text: str
    origin: str
    folder: Path


@dataclass
class Chosen:
    """A section that was chosen.

    Attributes:
        name: of the preset, file or folder; empty when the choice could not be resolved.
        origin: who chose it.
        layers: its values, lowest first.
        above: values that win over every other layer.
    """

    name: str = ""
    origin: str = ""
    layers: list[Layer] = field(default_factory=list)
    above: list[Layer] = field(default_factory=list)


def choose(kind: Kind, choice: Choice, settings: Settings, problems: list[str]) -> Chosen:
    """Resolve one choice; what cannot be resolved is told in `problems`."""
    text = choice.text
    presets = files(kind, settings)
    if text in presets:
        return Chosen(text, choice.origin, section_layers(presets[text], problems))
    if kind == "datasets":
        found = _dataset(choice, problems)
    elif kind == "architectures":
        found = _architecture(choice)
    else:
        found = None
    if found is None:
        known = list(presets) + (timm_index.names() if kind == "architectures" else [])
        problems.append(f"{choice.origin}: {shown(text)}: {_unknown(kind, text, known, list(presets))}")
    return found or Chosen()


def folder_of_images(path: Path, origin: str, problems: list[str]) -> Chosen:
    """A data set of a folder or file whose kind is seen from what lies in it."""
    if not exists(str(path)):
        problems.append(f"{origin}: there is no file or folder {path}")
        return Chosen()
    from vislab.presets.guess import guess

    try:
        source = guess(path)
    except InputError as error:
        problems.append(f"{origin}: {error}")
        return Chosen()
    name = (path.name if path.is_dir() else path.stem) or "images"
    return _made(name, "dataset", origin, source=source, path=str(path))


def _dataset(choice: Choice, problems: list[str]) -> Chosen | None:
    text = choice.text
    if text.startswith("hf:") and len(text) > len("hf:"):
        name = text.removeprefix("hf:")
        return _made(name, "dataset", choice.origin, source=HUGGING_FACE, options={"dataset": name})
    if own := _own_file(choice):
        return _made(own[0], "dataset", choice.origin, source=own[1])
    path = absolute(text, choice.folder)
    if "/" in text or text.startswith((".", "~")) or exists(path):
        return folder_of_images(Path(path), choice.origin, problems)
    return None


def _architecture(choice: Choice) -> Chosen | None:
    if own := _own_file(choice):
        return _made(own[0], "architecture", choice.origin, build=own[1])
    model = timm_index.find(choice.text)
    if model is None:
        return None
    facts = {"build": ZOO, "parameters": model.parameters}
    return _made(choice.text, "architecture", choice.origin, options={"model": choice.text}, **facts)


def _own_file(choice: Choice) -> tuple[str, str] | None:
    """Name and absolute reference of `file.py:function` or `package.module:function`."""
    file, dot_py, function = choice.text.rpartition(".py:")
    if dot_py and file:
        path = Path(absolute(file + ".py", choice.folder))
        return path.stem, f"{path}:{function}"
    module, colon, _ = choice.text.rpartition(":")
    if colon and all(part.isidentifier() for part in module.split(".")):
        return module.rpartition(".")[2], choice.text
    return None


def _made(name: str, section: str, origin: str, *, options: dict[str, Any] | None = None, **values: Any) -> Chosen:
    flat = {f"{section}.{key}": value for key, value in values.items()}
    flat |= {f"{section}.options.{key}": value for key, value in (options or {}).items()}
    return Chosen(name, origin, [Layer(origin, flat)])


def _unknown(kind: Kind, text: str, known: list[str], presets: list[str]) -> str:
    function = {"datasets": "source", "architectures": "build"}.get(kind, "")
    if function and text.endswith(".py"):
        return f"name the function as well, such as {text}:{function}"
    ways = {
        "datasets": "; or give a folder such as ./photos, mine.py:source, or hf:NAME",
        "architectures": "; or give a timm model's name, or mine.py:build",
    }.get(kind, "")
    return f"there is no {KINDS[kind]} of this name{did_you_mean(text, known)}; there are {', '.join(presets)}{ways}"
