"""Which images a run's figures are of, as a word that is equal for the same images."""

import csv
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from vislab.engine.analysis.predictions import Predictions
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run

BOTH = "validation+test"
"""The role in split.csv of images that choose the best epoch and are reported on."""


def of_role(run: Run, state: RunState, role: Literal["validation", "test"]) -> str:
    """The images of a role: fingerprint of the data, and name and class of each by split.csv. Empty: none, or not yet.

    Without split.csv the sentence on the split and its counts stand for the rows.
    """
    started = state.started
    if started is None or not (any(started.counts.get(role, ())) or started.selected_on_test):
        return ""
    rows = _rows(run.split).get(role, "")
    return _word([fingerprint(state), rows or repr((started.split, started.classes, started.counts.get(role)))])


def of_predictions(state: RunState, predictions: Predictions) -> str:
    """The images that were answered: fingerprint of the data, and name and class of each. Empty: none."""
    labels = map(predictions.classes.__getitem__, predictions.labels)
    total = sum(map(_number, predictions.names, labels))  # the order does not count
    return _word([fingerprint(state), f"{total:x}"]) if predictions else ""


def fingerprint(state: RunState) -> str:
    """Of the data that a run has read; empty where its log does not say."""
    return next((made.choice for made in state.decisions if made.what == "data"), "")


def _rows(split: Path) -> dict[str, str]:
    try:
        seen = split.stat()
    except OSError:
        return {}
    return _rows_of(split, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=256)
def _rows_of(split: Path, changed: int, size: int) -> dict[str, str]:
    """A word a role; the time of change and the size are there for the memory to forget by."""
    found: dict[str, int] = {}
    with split.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            for role in ("validation", "test"):
                if row.get("role") in (role, BOTH):
                    found[role] = found.get(role, 0) + _number(row.get("name"), row.get("label"))
    return {role: f"{total:x}" for role, total in found.items()}


def _number(name: str | None, label: str | None) -> int:
    # Hashes of tuples differ by the same for many pairs: sums would not tell two images from those with labels swapped.
    return hash(f"{len(name or '')} {name}{label}")


def _word(parts: Iterable[str]) -> str:
    # Words are compared within one process only, and hashlib would load OpenSSL, 4 MB.
    return f"{hash(tuple(parts)):x}"
