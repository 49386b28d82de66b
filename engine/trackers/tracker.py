"""What a tracker is, which there are, and under which names a run's figures go there."""

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from vislab.engine.runs.events import EpochEnded, Figure, RunEnded, StepsLogged, number
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb"}
"""Trackers, by the spec's key that names where each writes, and the package each needs."""


class Tracker(ABC):
    """Where figures go. Any exception ends the tracker's process and touches no run."""

    @abstractmethod
    def write(self, figures: Mapping[str, float], *, step: int, time: float) -> None:
        """Take figures by name at an update of the run; `time` in seconds since 1970."""

    @abstractmethod
    def rewind(self, step: int) -> None:
        """What was written after an update did not happen: the run went back to a checkpoint."""

    @abstractmethod
    def close(self) -> None:
        """Make sure that everything written is kept."""


def folder(run: Run) -> Path:
    """Where a run keeps what its trackers need and say; made when first asked for."""
    place = run.path / "trackers"
    place.mkdir(exist_ok=True)
    return place


def targets(spec: Spec) -> dict[str, str]:
    """Where a run's trackers write, by tracker; empty where the spec wants none."""
    return {kind: place for kind in PACKAGES if (place := getattr(spec, kind))}


def check(kind: str) -> None:
    """Refuse a tracker whose package is not installed.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec(PACKAGES[kind]) is None:
        raise InputError(
            f"{kind}: the package {PACKAGES[kind]} is not installed: python install.py --extra {kind}, or set "
            f'{kind} = ""'
        )


def figures_of(event: StepsLogged | EpochEnded | RunEnded) -> dict[str, float]:
    """The figures of an event under the names that a tracker shows; losses per sample, accuracies in [0, 1]."""
    found: dict[str, Figure | None]
    match event:
        case StepsLogged():
            found = {
                "train/loss": event.loss,
                "train/accuracy": event.accuracy,
                "train/learning_rate": event.learning_rate,
                "train/gradient_norm": event.gradient_norm,
                "speed/images_per_second": event.images_per_second,
                "speed/waiting": event.waiting,
            }
        case EpochEnded():
            found = {
                "epoch": event.epoch,
                "epoch/train_loss": event.train_loss,
                "epoch/train_accuracy": event.train_accuracy,
                "epoch/validation_loss": event.val_loss,
                "epoch/validation_accuracy": event.val_accuracy,
                "epoch/validation_top5": event.val_top5,
                "epoch/validation_macro_f1": event.val_macro_f1,
                "epoch/seconds": event.seconds,
            }
        case RunEnded():
            test = event.test
            found = {}
            if test is not None:
                found = {
                    f"{test.role}/loss": test.loss,
                    f"{test.role}/accuracy": test.accuracy,
                    f"{test.role}/top5": test.top5,
                    f"{test.role}/macro_f1": test.macro_f1,
                    f"{test.role}/weighted_f1": test.weighted_f1,
                    f"{test.role}/calibration_error": test.calibration_error,
                }
    return {name: number(value) for name, value in found.items() if value is not None}
