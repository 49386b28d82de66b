"""What a run answered on its images: by class, confusions, mistakes, pictures. All text that is returned is safe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vislab.engine.analysis.per_class import (
    ClassFigures,
    Confusion,
    Matrix,
    class_figures,
    confusion,
    dense,
    macro_f1,
    most_confused,
)
from vislab.engine.analysis.predictions import Prediction, Predictions, classes_of, worst
from vislab.engine.runs.state import RunState
from vislab.tui import tables
from vislab.tui.made import Made
from vislab.tui.views import text
from vislab.tui.views.run import accuracy_with_interval
from vislab.tui.views.text import plain

SHADES = " ░▒▓█"
LONGEST_NAME = 24
"""Cells of a class's name before a row of the heat map, at most."""
LONGEST_IN_TABLE = 60
"""The same in tables."""
_NARROWEST_CELL = 4  # cells of a count in the heat map, with its shade
CONFUSED_HEADS = ("true", "predicted", "images", "share")


@dataclass(frozen=True)
class Results:
    """The predictions of a run and what follows from them."""

    predictions: Predictions
    order: Sequence[int]
    """`Predictions.worst_first`, found while they are counted: it takes too long for a key."""
    classes: tuple[str, ...]
    matrix: Matrix
    figures: tuple[ClassFigures, ...]
    confusions: tuple[Confusion, ...]
    """Every way of being wrong, the commonest first."""

    @property
    def right(self) -> int:
        """Images that were judged right."""
        return sum(row.get(index, 0) for index, row in enumerate(self.matrix))


def results(predictions: Predictions, known: Sequence[str] = ()) -> Results:
    """Count predictions.

    Args:
        known: the run's classes, in its order.
    """
    classes = classes_of(predictions.classes, known)
    matrix = confusion(predictions, classes)
    return of_matrix(matrix, classes, predictions)


def of_matrix(matrix: Matrix, classes: tuple[str, ...], predictions: Predictions | None = None) -> Results:
    """What follows from a confusion matrix; without the single predictions where they are not known."""
    figures, confusions = class_figures(matrix, classes), most_confused(matrix, classes)
    predictions = predictions or Predictions()
    return Results(predictions, predictions.worst_first, classes, matrix, tuple(figures), tuple(confusions))


def class_name(name: str, longest: int = LONGEST_IN_TABLE) -> str:
    """The name of a class in safe text; a long one keeps both its ends, for names may differ at either."""
    return text.shortened(plain(name, 1000), longest)


def headline(found: Results, state: RunState) -> str:
    """`accuracy 0.9777 [0.957, 0.989] on 359 test images, 8 wrong, macro F1 0.9772`.

    Of images that the best epoch was selected on, this is said.

    Args:
        state: of the run, which knows what images they are.
    """
    return headlines(found, state)[0]


def headlines(found: Results, state: RunState) -> list[str]:
    """The headline, then shorter and shorter ones for where it has no room; each says what images they are."""
    images = len(found.predictions)
    share = found.right / images if images else None
    test = state.ended.test if state.ended is not None else None
    on = f"on {text.counted(images, f'{test.role} image' if test is not None else 'image')}"
    on_test = state.started is not None and state.started.selected_on_test
    selected = test is not None and (test.role == "validation" or on_test)
    share_words, f1 = accuracy_with_interval(share, images), text.accuracy(macro_f1(found.figures))
    more = f"{text.count(images - found.right)} wrong, macro F1 {f1}"
    short = ", selected on them" if selected else ""
    return [
        f"accuracy {share_words} {on}, {more}{'; the best epoch was selected on them' if selected else ''}",
        f"accuracy {share_words} {on}{short}",
        f"accuracy {text.accuracy(share)} {on}{short}",
        f"{text.accuracy(share)} {on}{short}",
    ]


def class_lines(found: Results, width: int) -> list[str]:
    """Precision, recall, F1 and images of each class, in the order of the classes."""
    heads, rows = class_table(found)
    return tables.lines(heads, rows, width, right=heads[1:], whole=heads[1:], both_ends=heads[:1])


def heat_words(method: str) -> str:
    """What the pictures of where a model looks show, by the name of the method."""
    asked = ", whatever the class" if method == "attention roll-out" else " for the predicted class"
    return f"{method}{asked}: the brighter, the more"


def class_table(found: Results, longest: int = LONGEST_IN_TABLE) -> tuple[list[str], list[list[str]]]:
    """`class_lines` as titles and a row a class.

    Args:
        longest: cells of a name that are shown.
    """
    heads = ["class", "precision", "recall", "F1", "images", "predicted"]
    rows = [
        [
            class_name(row.name, longest),
            text.accuracy(row.precision),
            text.accuracy(row.recall),
            text.accuracy(row.f1),
            text.count(row.support),
            text.count(row.predicted),
        ]
        for row in found.figures
    ]
    return heads, rows


class HeatCell(NamedTuple):
    """A piece of a line of the heat map."""

    words: str
    share: float | None
    """Of the images of the true class, in [0, 1]; None in titles and for classes without images."""
    right: bool
    """On the diagonal."""


def heat_map(found: Results, width: int) -> list[list[HeatCell]]:
    """The confusion matrix, true classes down, predicted ones across; each count with a shade of its share of the row.

    Empty where `width` has no room for all classes: see `confused_lines`.
    """
    if not 0 < len(found.classes) * _NARROWEST_CELL <= width:  # of a thousand classes it has a million cells
        return []
    shown = [class_name(name) for name in found.classes]
    digits = max((len(str(count)) for row in found.matrix for count in row.values()), default=1)
    numbers = len(str(len(shown) - 1))
    cell = max(digits + 2, _NARROWEST_CELL)
    named = all(text.cells(name) < cell for name in shown)  # else columns are headed by numbers
    across = shown if named else [str(index) for index in range(len(shown))]
    down = shown if named else [f"{index:>{numbers}} {name}" for index, name in enumerate(shown)]
    left = min(LONGEST_NAME, max(map(text.cells, (*down, "true"))))
    cell = max(cell, numbers + 1)
    if left + 1 + cell * len(shown) > width:
        return []
    titles = [HeatCell(text.fit("true", left + 1), None, False)]
    titles += [HeatCell(text.fit(name, cell, right=True), None, False) for name in across]
    lines = [[HeatCell(" " * (left + 1) + text.fit("predicted", cell * len(shown)), None, False)], titles]
    for index, (name, row) in enumerate(zip(down, dense(found.matrix), strict=True)):
        total = sum(row)
        pieces = [HeatCell(text.fit(text.shortened(name, left), left) + " ", None, False)]
        for column, count in enumerate(row):
            share = count / total if total else None
            pieces.append(HeatCell(_heat(count, share or 0.0, cell), share, column == index))
        lines.append(pieces)
    return lines


def _heat(count: int, share: float, width: int) -> str:
    if count == 0:
        return "·".rjust(width)
    shade = SHADES[max(1, math.ceil(share * (len(SHADES) - 1)))]
    return f" {shade}{count:>{width - 2}}"


def confused_lines(found: Results, width: int, limit: int) -> list[str]:
    """The pairs of classes that are confused most."""
    rows = [[true, "taken for", *others] for true, *others in confused_rows(found, limit)]
    if not rows:
        return ["No class is taken for another."]
    heads = [CONFUSED_HEADS[0], "", *CONFUSED_HEADS[1:]]
    figures = ["images", "share"]
    return tables.lines(heads, rows, width, right=figures, whole=["", *figures], both_ends=CONFUSED_HEADS[:2])


def confused_rows(found: Results, limit: int) -> list[list[str]]:
    """`confused_lines` as rows under `CONFUSED_HEADS`."""
    return [
        [class_name(pair.label), class_name(pair.predicted), _of(pair, found), text.percent(pair.share)]
        for pair in found.confusions[:limit]
    ]


def _of(pair: Confusion, found: Results) -> str:
    support = sum(found.matrix[found.classes.index(pair.label)].values())
    return f"{text.count(pair.images)} of {text.count(support)}"


def worst_lines(found: Results, width: int, limit: int) -> list[str]:
    """The wrong answers that the model was surest of; of a long name of an image the end, which is the file's."""
    rows = [
        [plain(row.name, 1000), class_name(row.label), class_name(row.predicted), text.percent(row.confidence)]
        for row in worst(found.predictions, limit)
    ]
    if not rows:
        return ["Every image is judged right."]
    heads = ["image", "true", "predicted", "sure"]
    names = ["true", "predicted"]
    return tables.lines(heads, rows, width, right=["sure"], whole=["sure"], ends=["image"], both_ends=names)


def pictured(found: Results, *, only_wrong: bool) -> Sequence[Prediction]:
    """The predictions in the order of the grid: the worst mistakes first, then the right ones as they come."""
    count = len(found.predictions) - found.right * only_wrong
    return Made(count, lambda index: found.predictions[found.order[index]])


def caption(row: Prediction, width: int) -> tuple[str, str]:
    """Two lines under a picture: the true name, and the predicted one with a sign and how sure."""
    sign = "✔" if row.right else "✖"
    sure = f" {text.percent(row.confidence)}"
    room = width - len(f"{sign} ") - len(sure)
    answer = f"{sign} {text.fit(class_name(row.predicted, room), room)}{sure}" if width > 8 else text.fit(sign, width)
    return text.fit(class_name(row.label, width), width), answer


def half_blocks(pixels: bytes, width: int, height: int) -> list[bytes]:
    """A picture as rows of cells for `▀`.

    Args:
        pixels: uint8 RGB, row by row, height x width x 3 bytes; an odd last row is doubled.

    Returns:
        Rows of uint8, 6 bytes a cell: RGB of the upper pixel and of the lower.
    """
    assert len(pixels) == width * height * 3, (len(pixels), width, height)
    rows = [pixels[start : start + 3 * width] for start in range(0, len(pixels), 3 * width)]
    made = []
    for upper, lower in zip(rows[::2], [*rows[1::2], *rows[-1:]], strict=False):
        cells = bytearray(6 * width)
        for channel in range(3):
            cells[channel::6], cells[channel + 3 :: 6] = upper[channel::3], lower[channel::3]
        made.append(bytes(cells))
    return made
