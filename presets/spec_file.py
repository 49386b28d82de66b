"""A spec as a TOML file, exactly there and back."""

from pathlib import Path

import msgspec
import tomli_w

from vislab.presets.errors import InputError
from vislab.presets.layers import read_toml
from vislab.presets.schema.spec import Spec


def dump_spec(spec: Spec) -> str:
    """The TOML text of a spec; `load_spec` of a file that holds it gives back an equal one."""
    return tomli_w.dumps(msgspec.to_builtins(spec))


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
