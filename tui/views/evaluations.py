"""Later evaluations of a run, as `vislab evaluate` leaves them in its results folder. All text returned is safe."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from vislab.engine.runs.store import Run
from vislab.tui.views import text
from vislab.tui.views.evaluation import page
from vislab.tui.views.text import plain

PATTERN = "evaluation*.json"


class Evaluation(NamedTuple):
    """One file."""

    name: str
    time: float
    """When it was made, seconds since 1970; of a damaged one when its file was written."""
    found: Mapping[str, Any]
    """The answer of the evaluate job; empty where the file is damaged."""

    @property
    def title(self) -> str:
        """`evaluation-test.json, 2025-11-22 10:44:00`."""
        return f"{plain(self.name, 80)}, {text.moment(self.time)}"


def evaluations(run: Run) -> list[Evaluation]:
    """All of a run, the newest first."""
    made = []
    for file in run.results.glob(PATTERN):
        try:
            found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
            made.append(Evaluation(file.name, float(found.get("time") or file.stat().st_mtime), found))
        except (OSError, msgspec.DecodeError, TypeError, ValueError):
            made.append(Evaluation(file.name, 0.0, {}))
    return sorted(made, key=lambda one: (-one.time, one.name))


def evaluation_lines(one: Evaluation, width: int) -> list[str]:
    """What it found, or that it cannot be read."""
    try:
        return page(one.found, width)
    except (KeyError, TypeError, ValueError, IndexError):
        return ["cannot be read: it is damaged, or another version of vislab made it"]
