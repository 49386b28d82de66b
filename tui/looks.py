"""Pictures of a run for its HTML log: answers, mistakes, where the model looks, what it saw in training.

The jobs that make them need the data set. What cannot be had is told in a sentence, and the log does without it.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vislab.engine.analysis import predictions
from vislab.engine.analysis.predictions import Prediction, worst
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.text import plain

SIDE = 112
"""Pixels of a picture's longer side."""
ANSWERS, MISTAKES, HEAT, TRAINING = 24, 12, 8, 12

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
    place = {"run_dir": str(run.path), "data_dir": data_dir, "side": SIDE}
    try:
        answered = predictions.read(run.path)
    except InputError as error:
        looks.faults.append(plain(str(error), 400))
        answered = ()
    if answered:
        rows = spread(answered, ANSWERS)
        wrong = worst(answered, MISTAKES)
        with _told(looks, "pictures of answers"):
            names = [row.name for row in (*rows, *wrong)]
            found = ask("thumbnails", {**place, "names": names})["pictures"]
            shown = [_answer(row, picture) for row, picture in zip((*rows, *wrong), found, strict=True)]
            looks.answers, looks.mistakes = shown[: len(rows)], shown[len(rows) :]
        with _told(looks, "heat maps"):
            half = wrong[: HEAT // 2]
            right = [row for row in rows if row.right][: HEAT - len(half)]
            chosen = [*half, *right]
            answer = ask("saliency", {**place, "names": [row.name for row in chosen], "device": "cpu"})
            looks.method = plain(answer["method"], 40)
            looks.heat = [
                (_shown(picture["seen"]), _answer(row, picture["heat"]))
                for row, picture in zip(chosen, answer["pictures"], strict=True)
                if "error" not in picture
            ]
    if run.split.is_file():
        with _told(looks, "training images"):
            answer = ask("augmented", {**place, "count": TRAINING})
            looks.training = [_shown(picture, _mixed(picture)) for picture in answer["pictures"]]
    return looks


def spread(rows: Sequence[Prediction], count: int) -> list[Prediction]:
    """As many images of each class as of the others, as far as there are: the first of each, then the second, …"""
    turns: dict[str, int] = {}
    numbered: list[tuple[int, int, Prediction]] = []
    for row in rows:
        numbered.append((turns.get(row.label, 0), len(numbered), row))
        turns[row.label] = turns.get(row.label, 0) + 1
    return [row for _, _, row in sorted(numbered, key=lambda one: one[:2])[:count]]


class _told:  # noqa: N801 - a context manager, called like a function
    """What cannot be had is told, and the log goes on."""

    def __init__(self, looks: Looks, what: str) -> None:
        self._looks = looks
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, InputError | RuntimeError):
            self._looks.faults.append(f"No {self._what}: {plain(str(error), 400)}")
            return True
        return False


def _answer(row: Prediction, picture: Mapping[str, Any]) -> Shown:
    sign = "✔" if row.right else "✖"
    lines = [plain(row.label, 60), f"{sign} {plain(row.predicted, 60)} {text.percent(row.confidence)}"]
    return _shown(picture, lines, row.right)


def _mixed(picture: Mapping[str, Any]) -> list[str]:
    label = plain(picture["label"], 60)
    share = picture.get("share", 1.0)
    return [label] if share == 1 else [f"{label} {share:.0%}", f"{plain(picture['partner'], 60)} {1 - share:.0%}"]


def _shown(picture: Mapping[str, Any], lines: Sequence[str] = (), right: bool | None = None) -> Shown:
    if "error" in picture:
        return Shown(0, 0, b"", (plain(picture["error"], 200), *lines), right)
    return Shown(picture["width"], picture["height"], base64.b64decode(picture["rgb"]), tuple(lines), right)
