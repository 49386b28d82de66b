"""What a person prefers of the console's looks, kept in console.toml of the configuration folder."""

from pathlib import Path
from typing import Literal

import msgspec
import tomli_w

from vislab.presets.errors import InputError
from vislab.presets.settings import Settings


class Preferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The looks.

    Attributes:
        background: dark or light.
        colour_blind_safe: colours that colour-blind eyes tell apart.
    """

    background: Literal["dark", "light"] = "dark"
    colour_blind_safe: bool = True


def preferences_file(settings: Settings) -> Path:
    """Where they are kept."""
    return settings.config_dir / "console.toml"


def load_preferences(settings: Settings) -> tuple[Preferences, str]:
    """The preferences, and what is wrong with their file: then they are the usual ones. Empty where nothing is."""
    file = preferences_file(settings)
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Preferences), ""
    except FileNotFoundError:
        return Preferences(), ""
    except OSError as error:
        return Preferences(), f"{file} cannot be read, so the console looks as usual: {error.strerror}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Preferences(), f"{file} cannot be read, so the console looks as usual: {error}"


def save_preferences(preferences: Preferences, settings: Settings) -> str:
    """Keep them. A file that cannot be read is kept beside them, under another name.

    Returns:
        What the person should know of it; empty: nothing.

    Raises:
        InputError: the folder or the file cannot be written.
    """
    file = preferences_file(settings)
    broken = file.with_name(file.name + ".broken")
    try:
        was_broken = file.is_file() and bool(load_preferences(settings)[1])
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(tomli_w.dumps(msgspec.to_builtins(preferences)), encoding="utf-8")
        if was_broken:
            file.replace(broken)
        temporary.replace(file)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
    return f"What stood in {file} could not be read, and is kept in {broken}" if was_broken else ""
