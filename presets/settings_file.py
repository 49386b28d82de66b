"""Writes a folder into the user's config.toml, and leaves everything else in that file as it is."""

import os
import re
import tomllib
from pathlib import Path

import tomli_w

from vislab.presets.errors import InputError
from vislab.presets.settings import FOLDERS, Settings, built_in_folders

_TABLE = re.compile(r"^\s*\[", re.MULTILINE)


def set_folder(settings: Settings, name: str, folder: str) -> Path:
    """Set one of `FOLDERS` in the user's config.toml, for processes that start from now on.

    Comments and all other keys stay as they are. The folder is made if it is not there, and its parents.

    Args:
        folder: absolute, or beginning with `~`.

    Returns:
        The folder as it was written.

    Raises:
        InputError: it is no absolute path, no folder that can be made and written, or the file cannot be changed.
    """
    assert name in FOLDERS
    try:
        path = Path(os.path.normpath(Path(folder).expanduser()))
    except RuntimeError as error:
        raise InputError(f"{folder}: {error}") from error
    if not path.is_absolute():
        raise InputError(f"{folder}: write the whole path, from / or ~ on")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"{path}: no permission to write into it")
    _change(settings, name, str(path))
    return path


def unset_folder(settings: Settings, name: str) -> Path:
    """Take one of `FOLDERS` out of the user's config.toml, for processes that start from now on.

    Returns:
        The built-in folder.

    Raises:
        InputError: the file cannot be changed.
    """
    path = built_in_folders()[name]
    _change(settings, name, None)
    return path


def _change(settings: Settings, name: str, value: str | None) -> None:
    file = settings.config_dir / "config.toml"
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        after = with_key(before, name, value)
        if after == before:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(after, encoding="utf-8")
        temporary.replace(file.resolve())
    except OSError as error:
        raise InputError(f"{file} cannot be changed: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{file} has to be changed by hand: {error}") from error


def with_key(text: str, key: str, value: str | None) -> str:
    """A TOML file with a key of its first, unnamed table set to a text; every other byte as it was.

    Args:
        value: None: the key is taken out, with the comment behind it.

    Raises:
        ValueError: the file is no valid TOML, or its key stands in a way that cannot be replaced line by line.
    """
    wanted = {name: other for name, other in tomllib.loads(text).items() if name != key}
    wanted |= {key: value} if value is not None else {}
    table = _TABLE.search(text)
    top, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    found = re.search(rf"^[ \t]*[\"']?{key}[\"']?[ \t]*=([^#\n]*)[^\n]*\n?", top, re.MULTILINE)
    if value is None:
        after = top[: found.start()] + top[found.end() :] + rest if found else text
    else:
        line = tomli_w.dumps({key: value}).rstrip("\n")
        if found:
            gap = found[1][len(found[1].rstrip()) :]
            after = top[: found.start()] + line + gap + top[found.end(1) :] + rest
        else:
            after = line + "\n" + text
    try:
        understood = tomllib.loads(after) == wanted
    except tomllib.TOMLDecodeError:
        understood = False
    if not understood:
        raise ValueError(f"{key} stands there in a way that is not understood")
    return after


def overriding(settings: Settings, name: str) -> str:
    """What wins over the user's config.toml for this folder, here and now; empty: nothing does."""
    origin = settings.origins.get(name, "built-in")
    return "" if origin in ("built-in", str(settings.config_dir / "config.toml")) else origin
