"""Load a function by its reference: `package.module:function` or `./file.py:function`, ours and the user's alike.

What its source says of it (help, options) is read without importing by `vislab.presets.own_code`, whose names are here
too, since whoever loads a function also describes it and checks its options.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from vislab.presets.errors import InputError
from vislab.presets.own_code import (
    Function,
    check_options,
    describe,
    file_of,
    nearest,
    no_function,
    split_reference,
)

__all__ = ["Function", "check_options", "describe", "file_of", "load", "nearest"]

OURS = "vislab."


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
    place, name = split_reference(reference)
    path = file_of(reference, folder)
    module = _import_module(place, reference) if path is None else _import_file(path, reference)
    found = getattr(module, name, None)
    if found is None:
        raise InputError(no_function(reference, path or place, name, _public_callables(module)))
    if not callable(found):
        raise InputError(f"{reference}: '{name}' in {path or place} is a {type(found).__name__}, not a function")
    return found


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
