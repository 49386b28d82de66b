"""What a finding is, and what rules about histories share."""

import math
from array import array
from itertools import compress
from typing import Any, Literal, NamedTuple

from vislab.engine.analysis.figures import scientific
from vislab.engine.runs.columns import Rows
from vislab.engine.runs.events import Figure, RunStarted, number
from vislab.engine.runs.state import RunState
from vislab.presets.schema.strategy import Strategy

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


class Validated(NamedTuple):
    """Epochs with finite figures of both training and validation, column by column."""

    epoch: "array[float]"
    train_loss: "array[float]"
    train_accuracy: "array[float]"
    val_loss: "array[float]"
    val_accuracy: "array[float]"


def validated(state: RunState) -> Validated:
    """The epochs of a run with finite figures of both training and validation."""
    columns = [state.epochs.numbers(name) for name in Validated._fields]
    if all(all(map(math.isfinite, column)) for column in columns):  # as nearly always
        return Validated(*columns)
    kept = bytes(map(all, zip(*(map(math.isfinite, column) for column in columns), strict=True)))
    return Validated(*(array("d", compress(column, kept)) for column in columns))


def first_bad(rows: Rows[Any], name: str) -> int | None:
    """Place of the first event with a figure that is there and not finite."""
    numbers = rows.numbers(name)
    if all(map(math.isfinite, numbers)):
        return None
    there = zip(numbers, rows.told(name), strict=True)
    return next((place for place, (value, told) in enumerate(there) if told and not math.isfinite(value)), None)


def bad(figure: Figure | None) -> bool:
    """Whether a figure is there and not finite."""
    return figure is not None and not math.isfinite(number(figure))


def role(started: RunStarted) -> str:
    """What the images are called that the validation figures are measured on."""
    return "test" if started.selected_on_test else "validation"


def twice_as_long(state: RunState, started: RunStarted, strategy: Strategy) -> list[tuple[str, int, int]]:
    """What makes a run twice as long: keys with their new values and those of now.

    Epochs, or the number of updates where that ends the run; both where one alone would be cut short by the other.
    """
    steps, epochs, per_epoch = strategy.max_steps, strategy.epochs, started.steps_per_epoch
    if 0 < steps < epochs * per_epoch:
        more_steps, more_epochs = 2 * steps, math.ceil(2 * steps / per_epoch)
    else:
        epochs = state.epochs_planned
        more_steps, more_epochs = 2 * epochs * per_epoch, 2 * epochs
    keys = [("strategy.epochs", more_epochs, epochs)] if more_epochs > epochs else []
    return keys + ([("strategy.max_steps", more_steps, steps)] if 0 < steps < more_steps else [])


def asked_rate(state: RunState) -> float | None:
    """The last base learning rate that a person gave the live run; None: that of its spec holds."""
    return state.learning_rates[-1][1] if state.learning_rates else None


def base_rates(strategy: Strategy, asked: float | None) -> dict[str, float]:
    """The base learning rates that a run trains with, by the keys that set them.

    Args:
        asked: the one that a person gave in place of `strategy.learning_rate`; the head's keeps its ratio to it.
    """
    factor = 1.0 if asked is None else asked / strategy.learning_rate
    rates = {"strategy.learning_rate": strategy.learning_rate * factor}
    if strategy.head_learning_rate:
        head = {"strategy.head_learning_rate": strategy.head_learning_rate * factor}
        return head if strategy.freeze == "backbone" else rates | head
    return rates


USUAL_RATE = Strategy().learning_rate
"""Base learning rate of Adam and its kin (Kingma and Ba 2015)."""
USUAL_RATE_OF_SGD = 0.1
"""As of residual networks (He et al. 2016)."""
_ITS_KIN = ("sgd", "momentum", "nesterov", "lars", "larc", "adadelta")
FAR = 100
"""Times the usual learning rate, from which a share of it is of no use either."""


def usual_rate(optimizer: str) -> float:
    """The base learning rate to begin with, by the optimizer's name."""
    return USUAL_RATE_OF_SGD if any(name in optimizer for name in _ITS_KIN) else USUAL_RATE


def other_rate(strategy: Strategy, asked: float | None, factor: float) -> str:
    """What to set for base learning rates so many times as high, and what they are.

    A rate that is to be lower and lies far above the usual one becomes that.
    """
    usual = usual_rate(strategy.optimizer)
    told = []
    for key, rate in base_rates(strategy, asked).items():
        other = usual if factor < 1 and rate > FAR * usual else factor * rate
        told.append(f"{key} = {scientific(other)} (now {scientific(rate)})")
    return " and ".join(told)


def lower_rate(strategy: Strategy, asked: float | None) -> str:
    """The remedy of most that goes wrong early."""
    return f"Lower the learning rate: {other_rate(strategy, asked, 1 / 3)}"
