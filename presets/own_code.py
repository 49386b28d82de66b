"""What a function's source says of it, read with `ast`, importing nothing: help and options.

A reference is `package.module:function` or `./file.py:function`, ours and the user's alike. Keyword-only arguments
with a literal default are the options; keyword-only arguments without a default, such as `num_classes`, are supplied
by the engine.
"""

import ast
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from vislab.presets.errors import InputError


@dataclass(frozen=True)
class Function:
    """What the source of a function says of it.

    Attributes:
        help: first line of its docstring, or of its class's; empty without one.
        options: keyword-only arguments with a literal default, in order, and those defaults.
        supplied: keyword-only arguments without a default; the engine must pass them.
        any_option: it takes `**options`, so names beyond `options` are allowed.
    """

    help: str
    options: dict[str, Any] = field(default_factory=dict)
    supplied: tuple[str, ...] = ()
    any_option: bool = False


def describe(reference: str, folder: Path | None = None) -> Function:
    """Read help and options of the function (or of the class, from its `__init__`) without importing anything.

    Args:
        reference: `package.module:function`, `./file.py:function`, or an absolute path in place of `./file.py`.
        folder: where a relative file is looked up; None: the working directory.

    An argument whose default is not a literal is no option, since neither TOML nor a command line could write it.

    Raises:
        InputError: no such file or module, a syntax error in it, or no such function defined at its top level.
    """
    place, name = split_reference(reference)
    path = file_of(reference, folder) or _source_of_module(place, reference)
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise InputError(f"{reference}: {path}, line {error.lineno}: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{reference}: {path} cannot be read: {error}") from error
    definitions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if name not in definitions:
        raise InputError(no_function(reference, path, name, definitions))
    node = definitions[name]
    signature = _signature(node)
    named = [] if signature is None else list(zip(signature.kwonlyargs, signature.kw_defaults, strict=True))
    defaults = {argument.arg: default for argument, default in named if default is not None}
    return Function(
        help=(ast.get_docstring(node) or "").partition("\n")[0].strip(),
        options={argument: ast.literal_eval(default) for argument, default in defaults.items() if _is_literal(default)},
        supplied=tuple(argument.arg for argument, default in named if default is None),
        any_option=signature is not None and signature.kwarg is not None,
    )


def file_of(reference: str, folder: Path | None = None) -> Path | None:
    """The user's file that `reference` names, absolute, or None when it names a module.

    Raises:
        InputError: the reference is malformed or the file does not exist.
    """
    place, _ = split_reference(reference)
    if not (place.endswith(".py") or "/" in place):
        return None
    try:
        path = ((folder or Path.cwd()) / Path(place).expanduser()).resolve()
        found = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{reference}: {place} cannot be read: {error}") from error
    if not found:
        raise InputError(f"{reference}: there is no file {path}")
    return path


def split_reference(reference: str) -> tuple[str, str]:
    """Split a reference into its module or file and its function.

    Raises:
        InputError: it is not of the form `place:function`.
    """
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise InputError(f"'{reference}' names no function: write package.module:function or ./file.py:function")
    return place, name


def option_problems(owner: str, options: Mapping[str, object], function: Function) -> list[str]:
    """What is wrong with names and types of `options` against those of `function`; `owner` begins each message.

    An int is accepted where the default is a float, a tuple where it is a list and the other way round, anything where
    it is None.
    """
    problems = []
    for name, value in options.items():
        if name in function.options:
            default = function.options[name]
            if not _same_kind(value, default):
                problems.append(f"{owner}: {name} = {value!r} must be {_kind(default)}, such as {default!r}")
        elif not function.any_option:
            problems.append(f"{owner}: unknown option '{name}'{nearest(name, function.options, 'options')}")
    return problems


def check_options(owner: str, options: Mapping[str, object], function: Function) -> None:
    """Raise what `option_problems` finds.

    Raises:
        InputError: unknown options, or values of another type than the default's; all of them.
    """
    if problems := option_problems(owner, options, function):
        raise InputError("\n".join(problems))


def nearest(name: str, known: Iterable[str], kind: str) -> str:
    """The end of a message about an unknown name: the nearest known one, and all that are known (`kind`, plural)."""
    names = list(known)
    if not names:
        return f"; there are no {kind}"
    return f"{did_you_mean(name, names) or ';'} {kind}: {', '.join(names)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or nothing where none is near."""
    close = closest(name, known)
    return f"; did you mean '{close}'?" if close else ""


def closest(name: str, known: Iterable[str]) -> str:
    """The known name nearest to `name`; empty where none is near."""
    from difflib import get_close_matches  # who writes names right does without it

    # Its time grows with the product of both lengths; no name is so long.
    close = get_close_matches(name, list(known), n=1) if len(name) <= 100 else []
    return close[0] if close else ""


def no_function(reference: str, place: Path | str, name: str, known: Iterable[str]) -> str:
    """The message about a file or module that lacks the function a reference names."""
    return f"{reference}: {place} has no function '{name}'{nearest(name, known, 'functions there')}"


def find_module(name: str) -> ModuleSpec | None:
    """Find an installed module by its dotted name; `importlib.util.find_spec` alone would import its parents."""
    top, *below = name.split(".")
    try:
        spec = importlib.util.find_spec(top) if top else None
    except ValueError:  # a module without a spec, such as __main__
        return None
    so_far = top
    for part in below:
        if spec is None or not part:
            return None
        so_far = f"{so_far}.{part}"
        spec = PathFinder.find_spec(so_far, spec.submodule_search_locations or [])
    return spec


def _source_of_module(name: str, reference: str) -> Path:
    spec = find_module(name)
    if spec is None:
        raise InputError(f"{reference}: no module named '{name}' is installed")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise InputError(f"{reference}: module {name} has no Python source to read")
    return Path(spec.origin)


def _signature(node: ast.FunctionDef | ast.ClassDef) -> ast.arguments | None:
    if isinstance(node, ast.FunctionDef):
        return node.args
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return member.args
    return None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _same_kind(value: object, default: object) -> bool:
    if default is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))


def _kind(default: object) -> str:
    if isinstance(default, bool):
        return "true or false"
    kinds: dict[type, str] = {int: "a whole number", float: "a number", str: "a text", list: "a list", tuple: "a list"}
    return kinds.get(type(default), f"a {type(default).__name__}")
