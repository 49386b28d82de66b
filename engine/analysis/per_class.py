"""How well each class is told from the others: confusion matrix, precision, recall, F1."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vislab.engine.analysis.predictions import Prediction

Matrix = tuple[tuple[int, ...], ...]
"""Images by true class (rows) and predicted class (columns), in the order of the classes."""


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


def confusion(predictions: Iterable[Prediction], classes: Sequence[str]) -> Matrix:
    """The confusion matrix.

    Args:
        classes: all that occur; equal names are one class, counted at the first.
    """
    index: dict[str, int] = {}
    for position, name in enumerate(classes):
        index.setdefault(name, position)
    counts = [[0] * len(classes) for _ in classes]
    for row in predictions:
        counts[index[row.label]][index[row.predicted]] += 1
    return tuple(map(tuple, counts))


def class_figures(matrix: Matrix, classes: Sequence[str]) -> list[ClassFigures]:
    """Precision, recall and F1 of each class, in the order of the classes.

    Equal to scikit-learn's `precision_recall_fscore_support(zero_division=nan)`, with None for NaN.
    """
    columns = [sum(column) for column in zip(*matrix, strict=True)]
    found = []
    for index, name in enumerate(classes):
        right, support, predicted = matrix[index][index], sum(matrix[index]), columns[index]
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
        Confusion(classes[true], classes[predicted], images, images / total)
        for true, (row, total) in enumerate(zip(matrix, map(sum, matrix), strict=True))
        for predicted, images in enumerate(row)
        if images and true != predicted
    ]
    return sorted(pairs, key=lambda pair: (-pair.images, -pair.share))
