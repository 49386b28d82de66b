"""Settings of a person and of a project: folders, budgets, what to do when a run ends, values for every new spec."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_config_path, user_data_path

from vislab.presets.errors import InputError
from vislab.presets.layers import COMMAND_LINE, read_toml
from vislab.presets.own_code import nearest

FOLDERS = {
    "runs_dir": "where run directories are made",
    "data_dir": "where data sets lie and are downloaded to",
    "cache_dir": "what can be made again: decoded pixels, remembered answers",
}
"""The folders that can be set, each with one line of help."""

BUDGETS = {
    "cache_budget": "bytes that the cache folder may take; 0: nothing is cached; not set: half of the disk's free room",
    "memory_budget": "bytes of memory for decoded images and features; not set: a quarter of what is available at the "
    "start of a run",
}
"""The amounts that can be set, each with one line of help."""

VARIABLES = {name: f"VISLAB_{name.upper()}" for name in (*FOLDERS, *BUDGETS)}
"""Environment variable of each folder and budget."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}

PROJECT_FILE = "vislab.toml"


@dataclass(frozen=True)
class Defaults:
    """The `[defaults]` of one settings file: keys of a spec, nested as in TOML.

    Attributes:
        origin: the file, as origins of a spec name it.
        folder: what relative paths in `values` start from.
        values: nested table.
    """

    origin: str
    folder: Path
    values: dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """Resolved settings.

    Attributes:
        runs_dir, data_dir, cache_dir: absolute folders; they need not exist.
        config_dir: the user's folder of settings and presets.
        project: the folder that holds `vislab.toml`, or None outside a project.
        defaults: `[defaults]` of the user's file, then of the project's.
        on_end: a command and its arguments, run when a run has ended; empty: none.
        origins: name of each folder above, and of each budget that is set, to where its value came from.
        problems: what is wrong with the files, where they were read with `strict=False`.
        cache_budget: bytes that the cache folder may take; None: see `BUDGETS`.
        memory_budget: bytes of memory for decoded images and features together; None: see `BUDGETS`.
    """

    runs_dir: Path
    data_dir: Path
    cache_dir: Path
    config_dir: Path
    project: Path | None = None
    defaults: tuple[Defaults, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    on_end: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    cache_budget: int | None = None
    memory_budget: int | None = None


def load_settings(
    cwd: Path | None = None,
    runs_dir: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    strict: bool = True,
) -> Settings:
    """Read settings; later wins: built-in, user's config.toml, the project's vislab.toml, environment, command line.

    Args:
        cwd: where the search for `vislab.toml` begins, upwards; None: the working directory.
        runs_dir: the folder given on the command line.
        environment: variables to read.
        strict: raise what is wrong with the files; else leave it to the caller, as `problems`.

    Raises:
        InputError: a settings file is not valid TOML, or has unknown keys or values of a wrong type; all in one text.
            Or a variable is no amount, the user has no home folder, or the working directory is gone.
    """
    cwd = (cwd or working_directory()).absolute()
    config_dir, folders = _of_user(user_config_path), built_in_folders()
    budgets: dict[str, int] = {}
    origins = dict.fromkeys(folders, "built-in")
    candidates = [folder / PROJECT_FILE for folder in (cwd, *cwd.parents)]
    # Unlike Path.is_file, it does not raise for a folder that may not be entered.
    project_file = next((file for file in candidates if os.path.isfile(file)), None)  # noqa: PTH113
    files = [config_dir / "config.toml"] + ([project_file] if project_file else [])
    defaults, problems = [], []
    on_end: tuple[str, ...] = ()
    for file in files:
        table, found = _read(file)
        problems += found
        if "on_end" in table and file == project_file:
            problems.append(f"{file}: on_end runs a command, and a folder must not do that: set it in {files[0]}")
        elif "on_end" in table:
            on_end = _command(table["on_end"])
        for name in FOLDERS.keys() & table.keys():
            folders[name], origins[name] = table[name], str(file)
        for name in BUDGETS.keys() & table.keys():
            budgets[name], origins[name] = table[name], str(file)
        if "defaults" in table:
            defaults.append(Defaults(str(file), file.parent, table["defaults"]))
    if problems and strict:
        raise InputError("\n".join(problems))
    for name, variable in VARIABLES.items():
        if not (value := environment.get(variable)):
            continue
        origins[name] = variable
        if name in FOLDERS:
            folders[name] = _given(value, cwd, variable)
        elif (amount := _amount(value)) is not None:
            budgets[name] = amount
        else:
            raise InputError(f"{variable} = {value!r} must be {_AMOUNT}")
    if runs_dir is not None:
        folders["runs_dir"], origins["runs_dir"] = _given(str(runs_dir), cwd, "--runs-dir"), COMMAND_LINE
    project = project_file.parent if project_file else None
    return Settings(
        **folders,
        cache_budget=budgets.get("cache_budget"),
        memory_budget=budgets.get("memory_budget"),
        config_dir=config_dir,
        project=project,
        defaults=tuple(defaults),
        origins=origins,
        on_end=on_end,
        problems=tuple(problems),
    )


def built_in_folders() -> dict[str, Path]:
    """`FOLDERS` where nothing is set.

    Raises:
        InputError: the user has no home folder.
    """
    data = _of_user(user_data_path)
    return {"runs_dir": data / "runs", "data_dir": data / "data", "cache_dir": _of_user(user_cache_path)}


def _of_user(folder: Callable[[str], Path]) -> Path:
    try:
        return folder("vislab")
    except RuntimeError as error:
        raise InputError(
            "This user has no home folder: set HOME, or XDG_CONFIG_HOME, XDG_DATA_HOME and XDG_CACHE_HOME."
        ) from error


def read_again(settings: Settings) -> Settings:
    """What the files say now. The folders stay as they are: whatever is open works in them.

    Raises:
        InputError: the working directory is gone.
    """
    folders = {name: getattr(settings, name) for name in (*FOLDERS, "config_dir")}
    now = load_settings(runs_dir=settings.runs_dir, strict=False)
    origins = now.origins | {name: settings.origins[name] for name in FOLDERS if name in settings.origins}
    return replace(now, **folders, origins=origins)


def working_directory() -> Path:
    """The working directory.

    Raises:
        InputError: it is gone.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise InputError("The working directory is gone: it was deleted. Go to another one first, with cd.") from error


def _read(file: Path) -> tuple[dict[str, Any], list[str]]:
    """The valid part of a settings file, folders absolute, and what is wrong with the rest; no file is an empty one."""
    try:
        if not file.is_file():
            return {}, []
        table = read_toml(file)
    except OSError as error:
        return {}, [f"{file}: cannot be looked at: {error.strerror}; mend that, or set XDG_CONFIG_HOME"]
    except InputError as error:
        return {}, [str(error)]
    valid: dict[str, Any] = {}
    problems = []
    known = [*FOLDERS, *BUDGETS, "defaults", "on_end"]
    for key, value in table.items():
        wanted = str if key in FOLDERS else dict
        if key not in known:
            problems.append(f"{file}: unknown key '{key}'{nearest(key, known, 'keys')}")
        elif key in BUDGETS and (amount := _amount(value)) is not None:
            valid[key] = amount
        elif key in BUDGETS:
            problems.append(f"{file}: {key} = {value!r} must be {_AMOUNT}")
        elif key == "on_end" and _command(value):
            valid[key] = value
        elif key == "on_end":
            problems.append(f"{file}: on_end = {value!r} must be a command: a text, or a list of its words")
        elif not isinstance(value, wanted) or not value:
            kind = "a folder, as text" if key in FOLDERS else "a table of a spec's keys"
            problems.append(f"{file}: {key} = {value!r} must be {kind}")
        elif key in FOLDERS:
            try:
                valid[key] = _absolute(str(value), file.parent)
            except InputError as error:
                problems.append(f"{file}: {key} = {error}")
        else:
            valid[key] = value
    return valid, problems


_AMOUNT = 'a number of bytes, or a text such as "500 MB" or "20 GB"'


def _amount(value: Any) -> int | None:
    """Bytes of a whole number, or of a text with a unit in powers of 1000; None where it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    match = (
        re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)?", value.strip(), re.IGNORECASE) if isinstance(value, str) else None
    )
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()]) if match else None


def _command(value: Any) -> tuple[str, ...]:
    """The words of a command, never seen by a shell; none where the value is no command."""
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError:
            return ()
    words = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return tuple(value) if words else ()


def _given(folder: str, base: Path, place: str) -> Path:
    try:
        return _absolute(folder, base)
    except InputError as error:
        raise InputError(f"{place} = {error}") from error


def _absolute(folder: str, base: Path) -> Path:
    try:
        return Path(os.path.normpath(base / Path(folder).expanduser()))
    except RuntimeError as error:
        raise InputError(f"{folder!r}: there is no such home folder") from error
