"""How well each class is told from the others: confusion matrix, precision, recall, F1."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from vislab.engine.analysis.predictions import Predictions

Matrix = tuple[Mapping[int, int], ...]
"""Images by true class (a row each) and, in a row, by the position of the predicted class; both in the order of the
classes. Only cells with images are there: of a thousand classes there are a million, and few have any.
"""


class ClassFigures(NamedTuple):
    """One class against all others. None where a figure is not defined, for want of images to divide by."""

    name: str
    precision: float | None
    """Share of the images predicted as this class that are of it."""
    recall: float | None
    """Share of this class's images that are predicted as it."""
    f1: float | None
    """Harmonic mean of both; None where the class neither occurs nor is predicted."""
    support: int
    """Images of this class."""
    predicted: int
    """Images predicted as this class."""


class Confusion(NamedTuple):
    """One way of being wrong."""

    label: str
    predicted: str
    images: int
    share: float
    """Of the images of the true class, in (0, 1]."""


def confusion(predictions: Predictions, classes: Sequence[str]) -> Matrix:
    """The confusion matrix.

    Args:
        classes: all that occur; equal names are one class, counted at the first.
    """
    index: dict[str, int] = {}
    for position, name in enumerate(classes):
        index.setdefault(name, position)
    counts: list[Counter[int]] = [Counter() for _ in classes]
    places = [index[name] for name in predictions.classes]
    for (label, predicted), images in Counter(zip(predictions.labels, predictions.predicted, strict=True)).items():
        counts[places[label]][places[predicted]] += images
    return tuple(dict(sorted(row.items())) for row in counts)


def sparse(rows: Iterable[Sequence[int]]) -> Matrix:
    """A confusion matrix that is given cell by cell, a row a true class."""
    return tuple({column: images for column, images in enumerate(row) if images} for row in rows)


def dense(matrix: Matrix) -> list[list[int]]:
    """All cells of a confusion matrix, as `sparse` takes them."""
    return [[row.get(column, 0) for column in range(len(matrix))] for row in matrix]


def class_figures(matrix: Matrix, classes: Sequence[str]) -> list[ClassFigures]:
    """Precision, recall and F1 of each class, in the order of the classes.

    Equal to scikit-learn's `precision_recall_fscore_support(zero_division=nan)`, with None for NaN.
    """
    columns: Counter[int] = Counter()
    for row in matrix:
        columns.update(row)
    found = []
    for index, name in enumerate(classes):
        right, support, predicted = matrix[index].get(index, 0), sum(matrix[index].values()), columns[index]
        found.append(
            ClassFigures(
                name,
                right / predicted if predicted else None,
                right / support if support else None,
                2 * right / (support + predicted) if support + predicted else None,
                support,
                predicted,
            )
        )
    return found


def macro_f1(figures: Iterable[ClassFigures]) -> float | None:
    """Mean F1 over the classes that occur or are predicted; None without any."""
    scores = [row.f1 for row in figures if row.f1 is not None]
    return sum(scores) / len(scores) if scores else None


def weighted_f1(figures: Iterable[ClassFigures]) -> float | None:
    """Mean F1 over the images: each class counts with its support; None without any image."""
    scores = [(row.f1, row.support) for row in figures if row.f1 is not None]
    images = sum(support for _, support in scores)
    return sum(score * support for score, support in scores) / images if images else None


def most_confused(matrix: Matrix, classes: Sequence[str]) -> list[Confusion]:
    """The ways of being wrong, most images first; equal ones by share, then by the order of the classes."""
    pairs = [
        Confusion(classes[true], classes[predicted], images, images / sum(row.values()))
        for true, row in enumerate(matrix)
        for predicted, images in row.items()
        if true != predicted
    ]
    return sorted(pairs, key=lambda pair: (-pair.images, -pair.share))
