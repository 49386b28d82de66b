"""A spec as a TOML file, exactly there and back."""

import tomllib
from pathlib import Path

import msgspec
import tomli_w

from vislab.presets.errors import InputError
from vislab.presets.layers import read_toml
from vislab.presets.schema.spec import Spec


def dump_spec(spec: Spec) -> str:
    """The TOML text of a spec; `parse_spec` gives back an equal one."""
    return tomli_w.dumps(msgspec.to_builtins(spec))


def parse_spec(text: str) -> Spec:
    """Read the TOML text of a whole spec.

    Raises:
        InputError: it is not valid TOML or not a spec of this version.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Spec)
    except (ValueError, msgspec.ValidationError) as error:
        raise InputError(str(error)) from error


def load_spec(path: Path) -> Spec:
    """Read a run's spec.toml.

    Raises:
        InputError: the file is not there, not valid TOML or not a spec of this version.
    """
    try:
        return msgspec.convert(read_toml(path), Spec)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from error


def save_spec(spec: Spec, path: Path) -> None:
    """Write a spec as TOML."""
    path.write_text(dump_spec(spec), encoding="utf-8")
