"""From the text of an augmentation, such as `rotation(degrees=15)`, to a checked call."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vislab.presets.augmentations import CATALOGUE, Augmentation, Option
from vislab.presets.errors import InputError
from vislab.presets.own_code import Function, check_options, describe, nearest

USER_COLUMNS = 16
"""Uniform draws a sample that a user's own augmentation gets."""

USER_SUPPLIED = ("image_size",)
"""Keyword-only arguments without a default that the pipeline passes to a user's own augmentation."""

_TEXT = re.compile(r"(?P<name>\w+|.+?:\w+)\s*(?:\((?P<arguments>.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Call:
    """One augmentation, checked.

    Attributes:
        text: as written in the preset.
        reference: the function, as `vislab.engine.code.load` takes it.
        options: keyword options to call it with; of a built-in all of them, of a user's own those given.
        supplied: keyword arguments that the pipeline passes besides.
        columns: uniform draws a sample that it gets.
        builtin: it is of the catalogue.
        host_draws: it reads its draws on the CPU.
        alternates: its draws move by one half in every second epoch, and are else the same.
    """

    text: str
    reference: str
    options: dict[str, Any]
    supplied: tuple[str, ...]
    columns: int
    builtin: bool
    host_draws: bool = False
    alternates: bool = False

    @property
    def name(self) -> str:
        """A built-in's name in the catalogue, or the reference of a user's own."""
        return self.reference.rpartition(":")[2] if self.builtin else self.reference


def parse_names(augment: Iterable[str], folder: Path | None = None) -> tuple[Call, ...]:
    """Check augmentations written as `name`, `name(option=value, …)` or `./file.py:function(option=value, …)`.

    Args:
        augment: the texts, in order.
        folder: where a user's `./file.py` is looked up; None: the working directory. It is read, not imported.

    Raises:
        InputError: every fault in any of them, a line each: the text, what was found, what is allowed.
    """
    calls, faults = [], []
    for text in augment:
        try:
            calls.append(parse(text, folder))
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))
    return tuple(calls)


def parse(text: str, folder: Path | None = None) -> Call:
    """Check one augmentation; arguments and errors as of `parse_names`."""
    found = _TEXT.fullmatch(text.strip())
    name = found["name"] if found else text.partition("(")[0].strip()
    if ":" not in name and name not in CATALOGUE:
        raise InputError(f"augment: unknown augmentation '{name}'{nearest(name, CATALOGUE, 'augmentations')}")
    if found is None:
        raise InputError(f"augment: cannot read '{text}': write name or name(option=value, …)")
    options = _arguments(text, name, found["arguments"] or "")
    return _of_user(text, name, options, folder) if ":" in name else _of_catalogue(text, name, options)


def _arguments(text: str, name: str, arguments: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"augment: cannot read '{text}': write {name} or {name}(option=value, …)") from error
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise InputError(f"augment: cannot read '{text}': write {name} or {name}(option=value, …)")
    if call.args or any(keyword.arg is None for keyword in call.keywords):
        raise InputError(f"augment: {text}: options have names, as in {name}(option=value, …)")
    options: dict[str, Any] = {}
    for keyword in call.keywords:
        assert keyword.arg is not None
        if keyword.arg in options:
            raise InputError(f"augment: {text}: option '{keyword.arg}' is given twice")
        try:
            options[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            written = ast.unparse(keyword.value)
            raise InputError(
                f"augment: {text}: {keyword.arg} = {written} is not a plain value: a number, a quoted text, True, "
                "False or a list of these"
            ) from error
    return options


def _of_user(text: str, reference: str, options: dict[str, Any], folder: Path | None) -> Call:
    function = describe(reference, folder)
    check_options(f"augment: {text}", options, function)
    strange = [argument for argument in function.supplied if argument not in USER_SUPPLIED]
    if strange:
        raise InputError(f"augment: {text}: keyword argument '{strange[0]}' of the function needs a default")
    return Call(text, reference, options, function.supplied, USER_COLUMNS, builtin=False)


def _of_catalogue(text: str, name: str, given: dict[str, Any]) -> Call:
    entry = CATALOGUE[name]
    defaults = {option: declared.default for option, declared in entry.options.items()}
    owner = f"augment: {text}"
    check_options(owner, given, Function(entry.help, defaults))
    for option, value in given.items():
        _check_range(owner, option, value, entry.options[option])
    options = defaults | given
    _check_pairs(owner, options, entry)
    return Call(
        text,
        f"{entry.module}:{name}",
        options,
        entry.supplied,
        entry.columns_for(options),
        builtin=True,
        host_draws=entry.host_draws,
        alternates=entry.alternates,
    )


def _check_range(owner: str, name: str, value: Any, declared: Option) -> None:
    if declared.choices:
        if value not in declared.choices:
            raise InputError(f"{owner}: {name} = {value!r}{nearest(str(value), declared.choices, 'allowed')}")
    elif not declared.minimum <= value <= declared.maximum:
        raise InputError(f"{owner}: {name} = {value!r} must be from {declared.minimum:g} to {declared.maximum:g}")


def _check_pairs(owner: str, options: dict[str, Any], entry: Augmentation) -> None:
    for name in entry.options:
        stem, _, end = name.rpartition("_")
        if end == "min" and options[name] > options[f"{stem}_max"]:
            low, high = options[name], options[f"{stem}_max"]
            raise InputError(f"{owner}: {name} = {low!r} is above {stem}_max = {high!r}")
