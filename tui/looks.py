"""Pictures of a run for its HTML log: answers, mistakes, where the model looks, what it saw in training.

The jobs that make them need the data set. What cannot be had is told in a sentence, and the log does without it.
"""

import base64
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import compress, repeat
from typing import Any, NamedTuple

from vislab.engine.analysis import predictions
from vislab.engine.analysis.predictions import Prediction, Predictions, worst
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.text import plain

SIDE = 112
"""Pixels of a picture's longer side."""
ANSWERS, MISTAKES, HEAT, TRAINING = 24, 12, 8, 12
AT_ONCE = 8
"""Images that are asked for at once: while an answer is read, each picture is in memory three times."""

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""(job, request) -> its answer, as `vislab.engine.runs.ask.JobProcess.ask`."""


class Shown(NamedTuple):
    """A picture with the words under it, which are safe text."""

    width: int
    height: int
    rgb: bytes
    """uint8, row by row; empty where there is no picture, and `lines` say why."""
    lines: tuple[str, ...]
    right: bool | None = None
    """Whether the answer is right; None where there is none."""
    answer: Prediction | None = None
    """What `lines` tell, for where they must be cut to fit."""


@dataclass
class Looks:
    """What there is to be seen of a run."""

    answers: list[Shown] = field(default_factory=list)
    mistakes: list[Shown] = field(default_factory=list)
    heat: list[tuple[Shown, Shown]] = field(default_factory=list)
    """What the model saw, and the same under its heat map."""
    method: str = ""
    """How the heat maps were made."""
    training: list[Shown] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Why something is missing; safe text."""


def collect(run: Run, data_dir: str, ask: Ask) -> Looks:
    """Ask for all pictures of a run. Without predictions.csv there are only training images, without split.csv none."""
    looks = Looks()
    source = Source(run, data_dir, ask)
    try:
        answered = predictions.of_run(run, run.state())
    except InputError as error:
        looks.faults.append(text.message(str(error), 400))
        answered = Predictions()
    if answered:
        rows, wrong = spread(answered, ANSWERS), worst(answered, MISTAKES)
        with _told(looks, "pictures of answers"):
            shown = source.answers([*rows, *wrong])
            looks.answers, looks.mistakes = shown[: len(rows)], shown[len(rows) :]
        with _told(looks, "heat maps"):
            looks.method, looks.heat = source.heat(explained(answered, HEAT))
    if run.split.is_file():
        with _told(looks, "training images"):
            looks.training = source.training(TRAINING)
    return looks


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        data_dir: the data folder.
        side: pixels of a picture's longer side.
    """

    run: Run
    data_dir: str
    ask: Ask
    side: int = SIDE

    def answers(self, rows: Sequence[Prediction]) -> list[Shown]:
        """Images with the true and the predicted class.

        Raises:
            InputError: the data cannot be opened.
            RuntimeError: the job failed.
        """
        shown: list[Shown] = []
        for begin in range(0, len(rows), AT_ONCE):
            part = rows[begin : begin + AT_ONCE]
            found = self._asked("thumbnails", names=[row.name for row in part])["pictures"]
            shown += [_answer(row, picture) for row, picture in zip(part, found, strict=True)]
        return shown

    def heat(self, rows: Sequence[Prediction]) -> tuple[str, list[tuple[Shown, Shown]]]:
        """How the heat maps were made; what the model saw, and the same under its heat map. Raises as `answers`.

        Computed on the CPU: the device may be training.
        """
        found = self._asked("saliency", names=[row.name for row in rows], device="cpu")
        pictures = zip(rows, found["pictures"], strict=True)
        return plain(found["method"], 40), [
            (_shown(one["seen"]), _answer(row, one["heat"])) for row, one in pictures if "error" not in one
        ]

    def training(self, count: int) -> list[Shown]:
        """The first training images as the model saw them. Raises as `answers`."""
        return [_shown(one, _mixed(one)) for one in self._asked("augmented", count=count)["pictures"]]

    def _asked(self, job: str, **keys: Any) -> Mapping[str, Any]:
        place = {"run_dir": str(self.run.path), "data_dir": self.data_dir, "side": self.side}
        return self.ask(job, {**place, **keys})


def explained(answered: Predictions, count: int) -> list[Prediction]:
    """Images to explain: half of them the worst mistakes, the others right answers."""
    wrong = worst(answered, count // 2)
    return [*wrong, *spread(answered, count - len(wrong), only_right=True)]


def spread(rows: Predictions, count: int, *, only_right: bool = False) -> list[Prediction]:
    """As many images of each class as of the others, as far as there are: the first of each, then the second, …

    Args:
        only_right: leave wrong answers out.
    """
    turns, counted = array("I"), [0] * len(rows.classes)
    for label in rows.labels:
        turns.append(counted[label])
        counted[label] += 1
    places = compress(range(len(rows)), rows.right if only_right else repeat(True))
    return [rows[place] for place in nsmallest(count, places, key=turns.__getitem__)]


class _told:  # noqa: N801 - a context manager, called like a function
    """What cannot be had is told, and the log goes on."""

    def __init__(self, looks: Looks, what: str) -> None:
        self._looks = looks
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, InputError | RuntimeError):
            self._looks.faults.append(f"No {self._what}: {text.message(str(error), 400)}")
            return True
        return False


def _answer(row: Prediction, picture: Mapping[str, Any]) -> Shown:
    sign = "✔" if row.right else "✖"
    lines = [plain(row.label, 60), f"{sign} {plain(row.predicted, 60)} {text.percent(row.confidence)}"]
    return _shown(picture, lines, row.right)._replace(answer=row)


def _mixed(picture: Mapping[str, Any]) -> list[str]:
    label = plain(picture["label"], 60)
    share = picture.get("share", 1.0)
    if share == 1:
        return [label]
    return [f"{label} {text.percent(share)}", f"{plain(picture['partner'], 60)} {text.percent(1 - share)}"]


def _shown(picture: Mapping[str, Any], lines: Sequence[str] = (), right: bool | None = None) -> Shown:
    if "error" in picture:
        return Shown(0, 0, b"", (plain(picture["error"], 200), *lines), right)
    return Shown(picture["width"], picture["height"], base64.b64decode(picture["rgb"]), tuple(lines), right)
