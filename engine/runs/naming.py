"""What runs are called: ids that vislab makes, and ids that a person may choose."""

import re
from datetime import datetime

from vislab.presets.errors import InputError

_MADE = re.compile(r"(\d{8}-\d{6})-(.*)-[0-9a-f]{4}")
"""An id that vislab has made: time, name, random tail."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def safe_id(identity: str) -> str:
    """The id itself, where it is safe as the name of a run directory.

    Raises:
        InputError: it is not: it could leave the runs folder, be hidden in it, or mean something else.
    """
    if not _SAFE.fullmatch(identity) or identity == "latest":
        raise InputError(
            f"{identity!r} cannot be a run's id: letters, digits, dots, dashes and underscores, at most 100, beginning "
            "with a letter or digit, and not the word latest."
        )
    return identity


def slug(name: str) -> str:
    """A name as a safe part of a file name: lower-case letters, digits, dash; at most 40 characters."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "run"


def stamp(moment: float) -> str:
    """A moment (seconds since 1970) as ids begin with it, local time; later ones sort behind earlier ones."""
    return datetime.fromtimestamp(moment).strftime("%Y%m%d-%H%M%S")


def stamp_of(identity: str) -> str:
    """The stamp in an id that vislab has made; empty where a person chose it."""
    made = _MADE.fullmatch(identity)
    return made[1] if made else ""


def short(identity: str) -> str:
    """What commands take for an id: its random end where vislab has made it, else all of it."""
    return identity.rpartition("-")[2] if stamp_of(identity) else identity


def name_in(identity: str) -> str:
    """The name in an id that vislab has made; all of an id that a person chose."""
    made = _MADE.fullmatch(identity)
    return made[2] if made else identity
