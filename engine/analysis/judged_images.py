"""Which images a run's figures are of, as a word that is equal for the same images."""

import csv
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from vislab.engine.analysis.predictions import Prediction
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


def of_predictions(state: RunState, predictions: Iterable[Prediction]) -> str:
    """The images that were answered: fingerprint of the data, and name and class of each. Empty: none."""
    rows = sorted(f"{row.name}\0{row.label}" for row in predictions)
    return _word([fingerprint(state), *rows]) if rows else ""


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
    found: dict[str, list[str]] = {"validation": [], "test": []}
    with split.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            for role, rows in found.items():
                if row.get("role") in (role, BOTH):
                    rows.append(f"{row.get('name')}\0{row.get('label')}")
    return {role: _word(sorted(rows)) for role, rows in found.items() if rows}


def _word(parts: Iterable[str]) -> str:
    # Words are compared within one process only, and hashlib would load OpenSSL, 4 MB.
    return f"{hash(tuple(parts)):x}"
