"""predictions.csv: what a run answered on the images that it was judged by last."""

import csv
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from vislab.engine.runs.cells import unguard
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError

FILE = "predictions.csv"
_COLUMNS = ["name", "label", "predicted", "confidence"]


class Prediction(NamedTuple):
    """One image. Names come from outside: data, never markup."""

    name: str
    """Of the image, unique in its data set."""
    label: str
    """Its true class."""
    predicted: str
    """Where the answer was not a number, a class that is not the label: no figure takes it for right."""
    confidence: float
    """Share of the predicted class by softmax, in [0, 1]; NaN where the logits were not finite."""

    @property
    def right(self) -> bool:
        """Whether the prediction is the label."""
        return self.label == self.predicted


def of_run(run: Run, state: RunState) -> tuple[Prediction, ...]:
    """What a run's present weights answered, in the order of the data set; empty when it was not judged (yet).

    Args:
        state: the fold of the run's log.

    Raises:
        InputError: the file is damaged; or it is of earlier weights, because the run has been resumed since and was
            not judged again.
    """
    judged = state.ended is not None and state.ended.test is not None
    if state.resumes and not judged and (run.path / FILE).exists():
        raise InputError(
            f"The predictions of run {run.id} are of earlier weights: it has been resumed since, and not been judged "
            "again. They are written anew when it is done."
        )
    return read(run.path)


def read(run_dir: Path) -> tuple[Prediction, ...]:
    """The file of a run, in the order of the data set; empty when it has none (yet).

    Raises:
        InputError: the file is damaged.
    """
    path = run_dir / FILE
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file)
            titles = next(rows, None)
            if titles != _COLUMNS:
                raise InputError(f"{path} does not begin with {','.join(_COLUMNS)}: it is damaged.")
            return tuple(_prediction(path, rows.line_num, row) for row in rows)
    except FileNotFoundError:
        return ()
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {error}.") from error


def classes_of(predictions: Iterable[Prediction], known: Iterable[str] = ()) -> tuple[str, ...]:
    """The classes in the order that is known, then those that only the predictions name, in alphabetical order."""
    first = tuple(known)
    met = {name for row in predictions for name in (row.label, row.predicted)}
    return first + tuple(sorted(met.difference(first)))


def _prediction(path: Path, line: int, row: list[str]) -> Prediction:
    try:
        # Interned: classes come again in each row, and images in each run that was judged by them.
        name, label, predicted = (sys.intern(unguard(cell)) for cell in row[:3])
        (confidence,) = row[3:]
        return Prediction(name, label, predicted, float(confidence))
    except ValueError as error:
        raise InputError(f"{path}, line {line} is not name, label, predicted, confidence: it is damaged.") from error


def worst(predictions: Iterable[Prediction], limit: int) -> list[Prediction]:
    """Wrong answers that the model was surest of, the surest first; equal ones by name."""
    wrong = [row for row in predictions if not row.right and math.isfinite(row.confidence)]
    return sorted(wrong, key=lambda row: (-row.confidence, row.name))[:limit]
