"""What a finding is, and what rules about histories share."""

import math
from typing import Literal, NamedTuple

from vislab.engine.runs.events import EpochEnded, Figure, RunStarted, number
from vislab.engine.runs.state import RunState
from vislab.presets.schema.spec import Spec

Kind = Literal[
    "not_finite",
    "unstable",
    "rate_too_high",
    "rate_too_low",
    "nothing_learnt",
    "overfitting",
    "underfitting",
    "selected_on_test",
    "duplicates",
    "still_improving",
    "plateau",
    "small_validation",
    "imbalance",
    "no_validation",
    "not_told_apart",
]
Severity = Literal["error", "warning", "info"]


class Finding(NamedTuple):
    """One thing that a history shows. `text` may hold class names and is data, never markup."""

    kind: Kind
    severity: Severity
    text: str
    remedy: str


def validated(state: RunState) -> list[EpochEnded]:
    """Epochs with finite figures of both training and validation."""
    return [
        row
        for row in state.epochs
        if row.val_loss is not None
        and row.val_accuracy is not None
        and not any(map(bad, (row.train_loss, row.train_accuracy, row.val_loss, row.val_accuracy)))
    ]


def val_loss(row: EpochEnded) -> float:
    """The validation loss of an epoch that has one."""
    assert row.val_loss is not None
    return number(row.val_loss)


def val_accuracy(row: EpochEnded) -> float:
    """The validation accuracy of an epoch that has one."""
    assert row.val_accuracy is not None
    return number(row.val_accuracy)


def bad(figure: Figure | None) -> bool:
    """Whether a figure is there and not finite."""
    return figure is not None and not math.isfinite(number(figure))


def role(started: RunStarted) -> str:
    """What the images are called that the validation figures are measured on."""
    return "test" if started.selected_on_test else "validation"


def base_rate(state: RunState, spec: Spec) -> float:
    """The base learning rate that the run trains with: its spec's, or the last one that a person gave it."""
    asked = [float(made.value) for made in state.controls if made.action == "set_learning_rate"]
    return asked[-1] if asked else spec.strategy.learning_rate


def lower_rate(rate: float) -> str:
    """The remedy of most that goes wrong early, for a base learning rate."""
    return f"Lower the learning rate: strategy.learning_rate = {rate / 3:.1e} (now {rate:.1e})"
