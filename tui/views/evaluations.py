"""Evaluations of a run: that at its end, and those that `vislab evaluate` left. All text returned is safe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vislab.engine.analysis.per_class import Matrix, sparse
from vislab.engine.runs.events import TestFigures
from vislab.engine.runs.store import Run
from vislab.tui.views import text
from vislab.tui.views.evaluation import page, summary
from vislab.tui.views.text import plain

PATTERN = "evaluation*.json"
DAMAGED = "cannot be read: it is damaged, or another version of vislab made it"
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What words about a file of results raise where it is damaged."""


class Evaluation(NamedTuple):
    """One file."""

    name: str
    time: float
    """When it was made, seconds since 1970; 0 where the file is damaged."""
    found: Mapping[str, Any]
    """The answer of the evaluate job, its confusion matrix as a `Matrix`; empty where the file is damaged."""

    @property
    def title(self) -> str:
        """`evaluation-test.json, 2025-11-22 10:44:00`."""
        return f"{plain(self.name, 80)}, {text.moment(self.time)}"


def evaluations(run: Run) -> list[Evaluation]:
    """The later ones of a run, the newest first."""
    made = map(_read, run.results.glob(PATTERN))
    return sorted(made, key=lambda one: (-one.time, one.name))


def judged(run: Run, test: TestFigures | None) -> Evaluation | None:
    """That at the end of a run; None where it held no images out, is not over, or an older version trained it, which
    left less or nothing.

    Args:
        test: the figures that its end told of.
    """
    if test is None:
        return None
    file = run.results / f"{test.role}.json"
    one = _read(file)
    damaged = not one.found and file.exists()
    return one if damaged or "confusion" in one.found else None


def _read(file: Path) -> Evaluation:
    try:
        raw = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
        found: dict[str, Any] = {
            key: _matrix(one) if key == "confusion" else msgspec.json.decode(one) for key, one in raw.items()
        }
        return Evaluation(file.name, float(found.get("time") or file.stat().st_mtime), found)
    except (OSError, msgspec.DecodeError, TypeError, ValueError):
        return Evaluation(file.name, 0.0, {})


def _matrix(raw: msgspec.Raw) -> Matrix:
    """Row after row, for a list of all cells of a thousand classes takes 8 MB."""
    rows = msgspec.json.decode(raw, type=list[msgspec.Raw])
    return sparse(msgspec.json.decode(row, type=list[int]) for row in rows)


def evaluation_lines(one: Evaluation, width: int) -> list[str]:
    """What it found, or that it cannot be read."""
    try:
        return page(one.found, width)
    except MALFORMED:
        return [damage(one)]


def summary_lines(one: Evaluation) -> list[str]:
    """What it found without classes and confusions, or that it cannot be read."""
    try:
        return summary(one.found)
    except MALFORMED:
        return [damage(one)]


def damage(one: Evaluation) -> str:
    """That it cannot be read."""
    return f"{plain(one.name, 80)} {DAMAGED}"
