"""The keys of a spec as one flat table: dotted key to type, help, unit and default; checks of single values."""

import math
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from vislab.presets.own_code import closest, did_you_mean
from vislab.presets.schema.dataset import Option
from vislab.presets.schema.spec import Spec

LARGEST_INTEGER = 2**63 - 1
"""Whole numbers beyond this fit neither JSON readers nor tensors."""


@dataclass(frozen=True)
class Key:
    """One setting of a spec.

    Attributes:
        key: dotted, such as `strategy.epochs`.
        type: its annotated type, as msgspec reads it.
        help: one line.
        unit: such as "pixels"; empty where it has none.
        default: the schema's default.
        open: a table whose keys are the options of a function, such as `architecture.options`.
    """

    key: str
    type: Any
    help: str
    unit: str
    default: Any
    open: bool


def keys_of(struct: type[msgspec.Struct], prefix: str = "") -> dict[str, Key]:
    """All settings of a struct of the schema, those of nested structs included, by dotted key."""
    hints = typing.get_type_hints(struct, include_extras=True)
    found: dict[str, Key] = {}
    for field in msgspec.structs.fields(struct):
        hint, key = hints[field.name], prefix + field.name
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            found |= keys_of(hint, key + ".")
        else:
            inner, *metas = typing.get_args(hint)
            meta = next(meta for meta in metas if meta.description)
            default = field.default if field.default is not msgspec.NODEFAULT else {}
            unit = (meta.extra or {}).get("unit", "")
            found[key] = Key(key, hint, meta.description, unit, default, typing.get_origin(inner) is dict)
    return found


KEYS: dict[str, Key] = {key: value for key, value in keys_of(Spec).items() if key != "origins"}
"""Every setting of a spec, in the order of the schema."""


SECTIONS = ("dataset", "architecture", "strategy", "preprocessing")
"""The tables of a spec."""


def find(key: str) -> Key | None:
    """The entry of a dotted key; for an option of an open table, an entry made for it. None: no such key."""
    if key in KEYS and not KEYS[key].open:
        return KEYS[key]
    table, _, option = key.rpartition(".")
    if table in KEYS and KEYS[table].open and option.isidentifier():
        return Key(key, Option, KEYS[table].help, "", None, False)
    return None


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of a nested table; a table is entered only where the schema has one."""
    for name, value in table.items():
        key = prefix + name
        entered = key in SECTIONS or (key in KEYS and KEYS[key].open)
        if isinstance(value, Mapping) and entered:
            yield from flatten(value, key + ".")
        else:
            yield key, value


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """The nested table of flat dotted keys."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *tables, name = key.split(".")
        inner = nested
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[name] = value
    return nested


def check(key: Key, value: Any) -> tuple[Any, str]:
    """Convert one value to its key's type.

    Returns:
        The value and "", or None and what is allowed instead, with the nearest name where there are names.
    """
    try:
        converted = msgspec.convert(value, key.type)
    except (msgspec.ValidationError, OverflowError, UnicodeEncodeError):
        return None, f"must be {allowed(key.type)}{_nearest_literal(key.type, value)}"
    return (None, trouble) if (trouble := _unfit(converted)) else (converted, "")


def allowed(hint: Any) -> str:
    """What a type of the schema allows, in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        if any(meta.pattern for meta in arguments[1:]):  # its help says what the pattern wants
            return str(next(meta.description for meta in arguments[1:] if meta.description))
        return allowed(arguments[0]) + "".join(_range(meta) for meta in arguments[1:])
    if origin is Literal:
        *others, last = (str(argument) for argument in arguments)
        return f"{', '.join(others)} or {last}" if others else last
    if origin in (tuple, list):
        return f"a list, each item {allowed(arguments[0])}"
    if arguments:
        return " or ".join(allowed(argument) for argument in arguments)
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[hint]


def unknown_key(key: str) -> str:
    """The message about a key that no spec has, with the nearest one or the keys of the same table."""
    if key in SECTIONS:
        return f"there is no such key; did you mean '{key}.name'?"
    # Names are compared without their tables, which would make any two keys of one table look alike.
    table, _, name = key.rpartition(".")
    siblings = {other.rpartition(".")[2]: other for other in KEYS if other.rpartition(".")[0] == table}
    everywhere = {other.rpartition(".")[2]: other for other in reversed(KEYS)}
    close = everywhere.get(name) or siblings.get(closest(name, siblings)) or everywhere.get(closest(name, everywhere))
    if close:
        return f"there is no such key; did you mean '{close}'?"
    top = closest(key.partition(".")[0], SECTIONS)
    known_keys = [other for other in KEYS if other.startswith(f"{top}.")] if top else _tops()
    return f"there is no such key; keys are: {', '.join(known_keys)}"


def _tops() -> list[str]:
    return list(dict.fromkeys(key if "." not in key else key.partition(".")[0] + ".…" for key in KEYS))


def _range(meta: msgspec.Meta) -> str:
    signs = ((">=", meta.ge), (">", meta.gt), ("<=", meta.le), ("<", meta.lt))
    bounds = [f"{sign} {bound:g}" if abs(bound) < 1e6 else "" for sign, bound in signs if bound is not None]
    return " " + " and ".join(filter(None, bounds)) if any(bounds) else ""


def _nearest_literal(hint: Any, value: Any) -> str:
    names = re.findall(r"[a-z0-9_]+", allowed(hint)) if "Literal" in str(hint) else []
    return did_you_mean(value, names) if isinstance(value, str) else ""


def _unfit(value: Any) -> str:
    """Why a value of the right type cannot stand in a spec all the same."""
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return f"must be a whole number up to {LARGEST_INTEGER}"
    if isinstance(value, str) and not value.isprintable():
        return "must be one line of printable text"
    if isinstance(value, tuple | list):
        return next((trouble for item in value if (trouble := _unfit(item))), "")
    return ""
