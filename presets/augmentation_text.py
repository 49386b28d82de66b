"""The written form of an augmentation: `name` or `name(option=value, …)`, a `file.py:function` in place of a name."""

import ast
from dataclasses import dataclass, field
from typing import Any

from vislab.presets.errors import InputError


@dataclass(frozen=True)
class AugmentationCall:
    """One augmentation as it was written.

    Attributes:
        function: a built-in name, or a reference to a function of the user's own.
        options: keyword options; values are numbers, texts, truth values or tuples of these.
    """

    function: str
    options: dict[str, Any] = field(default_factory=dict)


def parse_augmentation(text: str) -> AugmentationCall:
    """Read an augmentation such as `random_crop(padding=4)`.

    Raises:
        InputError: it is not of this form.
    """
    function, parenthesis, rest = text.strip().rpartition("(") if text.strip().endswith(")") else (text.strip(), "", "")
    if not parenthesis:
        return AugmentationCall(_function(text, function))
    function, _, rest = text.strip().partition("(")
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _malformed(text) from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise _malformed(text)
    options: dict[str, Any] = {}
    for keyword in call.keywords:
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, RecursionError) as error:
            raise _malformed(text) from error
        if keyword.arg is None or keyword.arg in options:
            raise _malformed(text)
        options[keyword.arg] = value
    return AugmentationCall(_function(text, function), options)


def _function(text: str, function: str) -> str:
    name = function.rpartition(":")[2]
    if not name.isidentifier():
        raise _malformed(text)
    return function


def _malformed(text: str) -> InputError:
    return InputError(f"'{text}' is no augmentation: write name or name(option=value), such as random_crop(padding=4)")
