"""Which runs can go: old ones, and those that are not the best of their data set."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vislab.engine.runs.store import Run, all_runs, delete
from vislab.engine.runs.summary import Summary
from vislab.presets.errors import InputError

_ENDED = ("done", "stopped", "failed", "died", "new")
_SECONDS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True)
class Candidate:
    """A run that would be deleted.

    Attributes:
        age: seconds since anything was last said in it.
        size: bytes of all its files.
    """

    run: Run
    summary: Summary
    age: float
    size: int


def seconds(age: str) -> float:
    """Read an age such as 30d: a whole number and min, h, d or w.

    Raises:
        InputError: it is something else.
    """
    match = re.fullmatch(r"(\d+)(min|h|d|w)", age)
    if match is None:
        raise InputError(f"--older {age}: must be a whole number and min, h, d or w, such as 30d")
    return float(int(match[1]) * _SECONDS[match[2]])


def plan(runs_dir: Path, *, older: float | None = None, not_best: bool = False) -> list[Candidate]:
    """Runs that would be deleted, oldest first: those that meet every condition given, and are not alive or waiting.

    Runs that cannot be read stay: another user's, or damaged ones, of which `vislab delete` takes the name.

    Args:
        older: nothing was said in them for more than so many seconds.
        not_best: another run on the same data set has the highest validation accuracy of all (of equal ones, the
            newest).

    Raises:
        InputError: no condition is given.
    """
    if older is None and not not_best:
        raise InputError("say which runs can go: --older 30d, --not-best or both")
    found = [(run, summary) for run in all_runs(runs_dir) if (summary := _summary(run)) is not None]
    best = _best(summary for _, summary in found)
    candidates = []
    for run, summary in found:
        age = time.time() - max(summary.created, _last_said(run))
        spared = (older is not None and age <= older) or (
            not_best and best.get(summary.dataset, summary.id) == summary.id
        )
        if summary.status in _ENDED and not spared:
            candidates.append(Candidate(run, summary, age, run.size()))
    return sorted(candidates, key=lambda candidate: -candidate.age)


def apply(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Delete runs for good.

    Returns:
        Those that are gone, and why the others are not: one that a worker has taken up meanwhile stays.
    """
    gone, faults = [], []
    for candidate in candidates:
        try:
            delete(candidate.run)
        except InputError as error:
            faults.append(str(error))
        else:
            gone.append(candidate)
    return gone, faults


def _best(summaries: Iterable[Summary]) -> dict[str, str]:
    """Id of the best run of each data set that has one that was evaluated."""
    best: dict[str, tuple[float, float, str]] = {}
    for summary in summaries:
        if summary.best is not None and isinstance(summary.best.val_accuracy, float):
            rank = (summary.best.val_accuracy, summary.created, summary.id)
            best[summary.dataset] = max(best.get(summary.dataset, rank), rank)
    return {dataset: identity for dataset, (_, _, identity) in best.items()}


def _summary(run: Run) -> Summary | None:
    try:
        return run.summary()
    except (OSError, InputError):
        return None


def _last_said(run: Run) -> float:
    return run.events.stat().st_mtime if run.events.exists() else 0.0
