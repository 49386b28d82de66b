"""predictions.csv: what a run answered on the images that it was judged by last."""

import csv
import math
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, compress, groupby, islice, pairwise
from operator import eq, not_
from pathlib import Path
from typing import NamedTuple, overload
from weakref import WeakValueDictionary
from zlib import crc32

from vislab.engine.runs.cells import unguard
from vislab.engine.runs.events import printable
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


class Names(Sequence[str]):
    """Names of images as one block of bytes; each is made when it is asked for."""

    def __init__(self, names: Iterable[str]) -> None:
        """Names, which may hold surrogates: a file's name need not be UTF-8."""
        block, ends = bytearray(), array("Q", [0])
        for name in names:
            block += name.encode("utf-8", "surrogatepass")
            ends.append(len(block))
        self._block, self._ends = block, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[str]:
        block = self._block
        return (block[begin:end].decode("utf-8", "surrogatepass") for begin, end in pairwise(self._ends))

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return self._block[self._ends[places] : self._ends[places + 1]].decode("utf-8", "surrogatepass")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Names):
            return NotImplemented
        return self._block == other._block and self._ends == other._ends

    def __hash__(self) -> int:
        return crc32(self._block)

    @cached_property
    def distinct(self) -> bool:
        """Whether no name is there twice."""
        hashes = sorted(map(hash, self))  # in a third of the memory that a set of the names takes
        return not any(map(eq, hashes, islice(hashes, 1, None))) or len(set(self)) == len(self)


_IN_MEMORY: WeakValueDictionary[int, Names] = WeakValueDictionary()
"""By their hash."""


def _shared(names: Names) -> Names:
    """Names, or equal ones that are in memory already: those of a run that was judged by the same images."""
    kept = _IN_MEMORY.setdefault(hash(names), names)
    return kept if kept == names else names


class Predictions(Sequence[Prediction]):
    """Predictions by column: 16 bytes and a name each, not 300. A `Prediction` is made when it is asked for.

    Attributes:
        names: of the images.
        classes: all that are named, each once.
        labels: places of the true ones among them, an image each.
        predicted: places of the predicted ones.
        confidences: see `Prediction`.
    """

    def __init__(self, rows: Iterable[Prediction] = ()) -> None:
        """Take them over, one after the other: they need not be in memory at the same time."""
        places: defaultdict[str, int] = defaultdict()
        places.default_factory = places.__len__
        labels, predicted, confidences = array("I"), array("I"), array("d")

        def names() -> Iterator[str]:
            for name, label, answer, confidence in rows:
                labels.append(places[label])
                predicted.append(places[answer])
                confidences.append(confidence)
                yield name

        self.names = _shared(Names(names()))
        self.classes = tuple(map(sys.intern, places))
        narrowest = next((code for code in "BH" if len(self.classes) <= 256 ** array(code).itemsize), "I")
        self.labels, self.predicted = array(narrowest, labels), array(narrowest, predicted)
        self.confidences = confidences

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Prediction]:
        labels, predicted = (map(self.classes.__getitem__, column) for column in (self.labels, self.predicted))
        return map(Prediction, self.names, labels, predicted, self.confidences)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...

    @overload
    def __getitem__(self, index: slice) -> list[Prediction]: ...

    def __getitem__(self, index: int | slice) -> Prediction | list[Prediction]:
        at = range(len(self))[index]
        if isinstance(at, range):
            return [self[place] for place in at]
        label, predicted = self.classes[self.labels[at]], self.classes[self.predicted[at]]
        return Prediction(self.names[at], label, predicted, self.confidences[at])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Predictions):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    @property
    def right(self) -> bytes:
        """A byte an image: 1 where the prediction is the label, else 0."""
        return bytes(map(eq, self.labels, self.predicted))

    @cached_property
    def worst_first(self) -> "array[int]":
        """Places of all: wrong answers that the model was surest of first, equal ones by name; then those that have no
        finite confidence; then right answers. What else is equal stands as in the data set.
        """
        right = self.right
        wrong = [*compress(range(len(self)), map(not_, right))]
        sure = [place for place in wrong if math.isfinite(self.confidences[place])]
        sure.sort(key=lambda place: -self.confidences[place])
        order = array("I")
        for _, places in groupby(sure, self.confidences.__getitem__):
            tied = [*places]
            order.extend(sorted(tied, key=self.names.__getitem__) if len(tied) > 1 else tied)
        order.extend(place for place in wrong if not math.isfinite(self.confidences[place]))
        order.extend(compress(range(len(self)), right))
        return order


def of_run(run: Run, state: RunState) -> Predictions:
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


def why_none(run: Run, state: RunState) -> str:
    """Why `of_run` is empty, as sentences."""
    counts = state.started.counts if state.started is not None else {}
    if counts and not any(map(sum, (counts.get("validation", ()), counts.get("test", ())))):
        return (
            "No predictions: this run holds no images out for validation or test. Others can judge it: "
            f"vislab evaluate {run.id} --data PATH"
        )
    if state.ended is not None and state.ended.test is not None:
        return f"No predictions: {FILE} is no longer in the folder of this run."
    if state.ended is not None and state.ended.status == "done" and state.epochs and state.best is None:
        return "No predictions: this run has no best epoch to judge, since none had a finite validation loss."
    return "No predictions: they are written when a run is done, on its test or validation images."


def read(run_dir: Path) -> Predictions:
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
            return Predictions(_prediction(path, rows.line_num, row) for row in rows)
    except FileNotFoundError:
        return Predictions()
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {error}.") from error


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Predictions one after the other; at least one part."""
    return parts[0] if len(parts) == 1 else Predictions(chain.from_iterable(parts))


def classes_of(met: Iterable[str], known: Iterable[str] = ()) -> tuple[str, ...]:
    """The classes in the order that is known, then others that were met, in alphabetical order."""
    first = tuple(known)
    return first + tuple(sorted(set(met).difference(first)))


def _prediction(path: Path, line: int, row: list[str]) -> Prediction:
    try:
        name, label, predicted = map(unguard, row[:3])
        (confidence,) = row[3:]
        # Of an earlier version's run this file alone holds bytes of a class's name that are no UTF-8.
        return Prediction(name, printable(label), printable(predicted), float(confidence))
    except ValueError as error:
        raise InputError(f"{path}, line {line} is not name, label, predicted, confidence: it is damaged.") from error


def worst(predictions: Predictions, limit: int) -> list[Prediction]:
    """Wrong answers that the model was surest of, the surest first; equal ones by name."""
    first = (predictions[place] for place in islice(predictions.worst_first, limit))
    return [row for row in first if not row.right and math.isfinite(row.confidence)]
