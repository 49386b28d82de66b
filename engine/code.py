"""A function by its reference: `package.module:function` or `./file.py:function`, ours and the user's alike.

`describe` reads a function's help and options with `ast`, importing nothing; `load` imports and returns it.
Keyword-only arguments with a literal default are the options. Keyword-only arguments without a default, such as
`num_classes` or `image_size`, are supplied by the engine.
"""

import ast
import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from vislab.presets.errors import InputError

OURS = "vislab."


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


class _SourceLoader(SourceFileLoader):
    """Compiles the file each time: cached bytecode is taken for fresh when an edit keeps second and size."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load(reference: str, folder: Path | None = None) -> Callable[..., Any]:
    """Import the function (or class) that `reference` names.

    A file is executed once for each content it has had, under a module name of its own, so that it never hides, nor is
    hidden by, an installed module of the same name.

    Args:
        reference: `package.module:function`, `./file.py:function`, or an absolute path in place of `./file.py`.
        folder: where a relative file is looked up; None: the working directory.

    Raises:
        InputError: no such file, module or function; the file's own code raised while being imported.
    """
    place, name = _split(reference)
    path = file_of(reference, folder)
    module = _import_module(place, reference) if path is None else _import_file(path, reference)
    found = getattr(module, name, None)
    if found is None:
        raise InputError(_no_function(reference, path or place, name, _public_callables(module)))
    if not callable(found):
        raise InputError(f"{reference}: '{name}' in {path or place} is a {type(found).__name__}, not a function")
    return found


def describe(reference: str, folder: Path | None = None) -> Function:
    """Read help and options of the function (or of the class, from its `__init__`) without importing anything.

    Takes `reference` and `folder` as `load` does. An argument whose default is not a literal is no option, since
    neither TOML nor a command line could write its value.

    Raises:
        InputError: no such file or module, a syntax error in it, or no such function defined at its top level.
    """
    place, name = _split(reference)
    path = file_of(reference, folder) or _source_of_module(place, reference)
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise InputError(f"{reference}: {path}, line {error.lineno}: {error.msg}") from error
    definitions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if name not in definitions:
        raise InputError(_no_function(reference, path, name, definitions))
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
    place, _ = _split(reference)
    if not (place.endswith(".py") or "/" in place):
        return None
    path = ((folder or Path.cwd()) / Path(place).expanduser()).resolve()
    if not path.is_file():
        raise InputError(f"{reference}: there is no file {path}")
    return path


def check_options(owner: str, options: Mapping[str, object], function: Function) -> None:
    """Check names and types of `options` against those of `function`; `owner` begins the message.

    An int is accepted where the default is a float, a tuple where it is a list and the other way round, anything where
    it is None.

    Raises:
        InputError: an unknown option, or a value of another type than the default's.
    """
    for name, value in options.items():
        if name in function.options:
            default = function.options[name]
            if not _same_kind(value, default):
                raise InputError(f"{owner}: {name} = {value!r} must be {_kind(default)}, such as {default!r}")
        elif not function.any_option:
            raise InputError(f"{owner}: unknown option '{name}'{nearest(name, function.options, 'options')}")


def nearest(name: str, known: Iterable[str], kind: str) -> str:
    """The end of a message about an unknown name: the nearest known one, and all that are known (`kind`, plural)."""
    names = list(known)
    if not names:
        return f"; there are no {kind}"
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"; did you mean '{close[0]}'?" if close else ";"
    return f"{guess} {kind}: {', '.join(names)}"


def _split(reference: str) -> tuple[str, str]:
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise InputError(f"'{reference}' names no function: write package.module:function or ./file.py:function")
    return place, name


def _import_file(path: Path, reference: str) -> ModuleType:
    content = hashlib.blake2b(bytes(path) + b"\0" + path.read_bytes(), digest_size=8).hexdigest()
    module_name = f"vislab_code_{content}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path, loader=_SourceLoader(module_name, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickling look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        del sys.modules[module_name]
        raise InputError(f"{reference}: {path}{_line(error, path)} failed: {_named(error)}") from error
    return module


def _import_module(name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise InputError(f"{reference}: no module named '{error.name}' is installed") from error
        if name.startswith(OURS):
            raise
        raise InputError(f"{reference}: importing {name} failed: {_named(error)}") from error
    except (Exception, SystemExit) as error:
        if name.startswith(OURS):
            raise  # a fault of vislab, to be seen with its traceback
        raise InputError(f"{reference}: importing {name} failed: {_named(error)}") from error


def _source_of_module(name: str, reference: str) -> Path:
    """Find a module's source; `importlib.util.find_spec` alone would import the parents of a dotted name."""
    top, *below = name.split(".")
    spec: ModuleSpec | None = importlib.util.find_spec(top) if top else None
    so_far = top
    for part in below:
        if spec is None:
            break
        so_far = f"{so_far}.{part}"
        spec = PathFinder.find_spec(so_far, spec.submodule_search_locations or [])
    if spec is None:
        raise InputError(f"{reference}: no module named '{so_far}' is installed")
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
        return "True or False"
    kinds: dict[type, str] = {int: "a whole number", float: "a number", str: "a text", list: "a list", tuple: "a list"}
    return kinds.get(type(default), f"a {type(default).__name__}")


def _no_function(reference: str, place: Path | str, name: str, known: Iterable[str]) -> str:
    return f"{reference}: {place} has no function '{name}'{nearest(name, known, 'functions there')}"


def _public_callables(module: ModuleType) -> list[str]:
    own = vars(module).items()
    return [name for name, value in own if callable(value) and getattr(value, "__module__", "") == module.__name__]


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _line(error: BaseException, path: Path) -> str:
    """Where in `path` the error arose: the innermost frame of that file, or the line of a syntax error."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}," if error.lineno else ""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}," if line else ""
