"""Layers of a spec: values from one place, checked one by one, with paths made absolute and problems collected."""

import math
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vislab.presets import keys
from vislab.presets.errors import InputError

COMMAND_LINE = "command line"
SCHEMA_DEFAULT = "schema default"

REFERENCES = ("dataset.source", "architecture.build", "architecture.head", "strategy.loss")
WEIGHT_FILES = (".safetensors", ".pth", ".pt", ".bin")


class ResolveError(InputError):
    """All that is wrong with what was asked for; the message lists every problem.

    Attributes:
        problems: one text each: where, key, what was found, what is allowed, the nearest name.
    """

    problems: tuple[str, ...]

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        if len(self.problems) == 1:
            super().__init__(self.problems[0])
        else:
            super().__init__(f"{len(self.problems)} problems:\n" + "\n".join(f"  - {p}" for p in self.problems))


@dataclass(frozen=True)
class Layer:
    """Values of a spec that came from one place.

    Attributes:
        origin: the place, as the spec's origins name it.
        values: flat dotted key to a value that fits the schema.
        origins: key to origin, where it differs from `origin`.
    """

    origin: str
    values: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)

    def origin_of(self, key: str) -> str:
        """Where the value of `key` came from."""
        return self.origins.get(key, self.origin)

    def without(self, *prefixes: str) -> "Layer":
        """This layer less the keys that begin with one of `prefixes`."""
        kept = {key: value for key, value in self.values.items() if not key.startswith(prefixes)}
        return Layer(self.origin, kept, self.origins)


def layer_of(origin: str, table: Mapping[str, Any], folder: Path, problems: list[str]) -> Layer:
    """Make a layer of a nested table of a spec's keys; what does not fit is left out and told in `problems`.

    Args:
        origin: where the table stands.
        table: nested as in TOML.
        folder: what relative paths in it start from.
        problems: is appended to.
    """
    values: dict[str, Any] = {}
    for name, value in keys.flatten(table):
        key = keys.find(name)
        if key is None:
            problems.append(f"{origin}: {name}: {keys.unknown_key(name)}")
            continue
        converted, trouble = keys.check(key, value)
        if trouble:
            problems.append(f"{origin}: {name} = {shown(value)}: {trouble}")
        else:
            try:
                values[name] = _absolute(name, converted, folder)
            except InputError as error:
                problems.append(f"{origin}: {name} = {error}")
    return Layer(origin, values)


def command_line_layer(sets: Sequence[str], cwd: Path, problems: list[str]) -> Layer:
    """Make a layer of `KEY=VALUE` texts. VALUE is read as TOML; what is no TOML, and every text, needs no quotes.

    A list may be written without brackets, its items parted by commas outside parentheses.
    """
    table: dict[str, Any] = {}
    for text in sets:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            problems.append(f"{COMMAND_LINE}: --set {shown(text)}: write KEY=VALUE, such as strategy.epochs=5")
        else:
            table[name] = _value(name, value)
    return layer_of(COMMAND_LINE, table, cwd, problems)


def merge(layers: Iterable[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay layers over each other, lowest first: values by key, and their origins by key."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.values.items():
            values[key], origins[key] = value, layer.origin_of(key)
    return values, origins


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: it cannot be read or is not valid TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {file}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: cannot be read as TOML: {error}") from error


def shown(value: Any) -> str:
    """A value as an error message shows it, on one short line."""
    text = repr(value) if not isinstance(value, int) or abs(value) <= keys.LARGEST_INTEGER else "a huge number"
    return text if len(text) <= 200 else text[:197] + "…"


def expanded(file: str | Path) -> Path:
    """The path that a leading `~` means: shells leave the one in --html=~/log.html as it stands.

    Raises:
        InputError: `~name` of nobody.
    """
    try:
        return Path(file).expanduser()
    except RuntimeError as error:
        raise InputError(f"{file}: there is no such home folder; write the whole path") from error


def absolute(place: str, folder: Path) -> str:
    """An absolute path of `place`, which may be relative to `folder` or begin with `~`."""
    try:
        return os.path.normpath(folder / Path(place).expanduser())
    except RuntimeError:  # no such user's home
        return os.path.normpath(folder / place)


def exists(path: str) -> bool:
    """Whether there is a file or folder; False also for names that no file system takes."""
    try:
        Path(path).stat()
    except (OSError, ValueError):
        return False
    return True


def _value(name: str, text: str) -> Any:
    key = keys.find(name)
    wanted = keys.allowed(key.type) if key else ""
    try:
        table = tomllib.loads(f"value = {text}")
        value = table["value"] if len(table) == 1 else text
    except (ValueError, RecursionError):
        value = _number(text)
    if wanted == "a text" and not isinstance(value, str):
        return text
    if "a list" in wanted and name in keys.KEYS and isinstance(value, str | float | int) and text != "none":
        return [_value("", item) if "number" in wanted else item for item in _items(text)]
    return value


def _number(text: str) -> float | str:
    """A number with nothing before or behind its point, `.5` or `5.`, which TOML does not know; else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if "." in text and math.isfinite(number) else text


def _items(text: str) -> list[str]:
    """Split at commas that stand outside parentheses."""
    items, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items if item.strip()]


def _absolute(key: str, value: Any, folder: Path) -> Any:
    """Make file names in a value absolute, so that a spec means the same from everywhere."""
    if key == "dataset.path" and value:
        return absolute(value, folder)
    if key == "tensorboard" and value:  # it is made, so that `absolute` would make a folder of this name
        return os.path.normpath(folder / expanded(value))
    if key == "architecture.weights" and value.endswith(WEIGHT_FILES):
        return absolute(value, folder)
    if key in REFERENCES:
        return _absolute_reference(value, folder)
    if key in ("strategy.augment", "strategy.balance_augment") and value != "none":
        return tuple(_absolute_reference(item, folder) for item in value)
    return value


def _absolute_reference(reference: str, folder: Path) -> str:
    file, dot_py, rest = reference.partition(".py:")
    return absolute(file + ".py", folder) + ":" + rest if dot_py else reference
