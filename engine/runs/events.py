"""The vocabulary: what a run can say.

One event is one line of JSON in events.jsonl. Events are written by the worker only and never changed. Losses are
means per sample, accuracies and shares are fractions in [0, 1], times are seconds, sizes bytes. `time` is the wall
clock (seconds since 1970, for display only); durations are measured by a monotonic clock.
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

NonFinite = Literal["nan", "inf", "-inf"]
Figure = float | NonFinite
"""A measured number. JSON has no form for a number that is not finite, so these stand as words."""

Phase = Literal[
    "starting",
    "downloading",
    "reading data",
    "building",
    "features",
    "measuring",
    "training",
    "validation",
    "testing",
    "saving",
    "paused",
    "full disk",
    "ended",
]
EndStatus = Literal["done", "stopped", "failed"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What all events share."""

    time: float = 0.0


class RunStarted(Event, frozen=True, kw_only=True):
    """The data were read, the model was built, training begins."""

    environment: dict[str, str]
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    """Images a class, for each of train, validation, test; in the order of `classes`."""
    split: str
    selected_on_test: bool
    parameters: int
    trained_parameters: int
    head: tuple[str, ...]
    batch_size: int
    steps_per_epoch: int
    epochs: int
    log_every: int
    evaluated_weights: Literal["raw", "ema"]


class RunResumed(Event, frozen=True, kw_only=True):
    """Training goes on from a checkpoint; what the log says after `step` did not happen."""

    checkpoint: str
    step: int
    epochs: int
    environment: dict[str, str]


class DecisionMade(Event, frozen=True, kw_only=True):
    """Something was chosen at run time; a resumed run keeps the choice and measures nothing again."""

    what: str
    choice: str
    why: str
    details: dict[str, str | int | float | bool] = {}


class StepsLogged(Event, frozen=True, kw_only=True):
    """Means over the updates since the last one, inside an epoch. `step` counts updates of the whole run, from 1."""

    step: int
    epoch: int
    loss: Figure
    accuracy: Figure
    learning_rate: float
    gradient_norm: Figure
    """Before clipping, of the interval's last update; not a number if that was left out."""
    images_per_second: float
    waiting: float
    """Share of the interval spent waiting for data."""
    elapsed: float
    """Seconds of work since the run began; pauses and stops left out."""


class EpochEnded(Event, frozen=True, kw_only=True):
    """An epoch is over, its validation included where there is one. Epochs count from 1."""

    epoch: int
    step: int
    train_loss: Figure
    train_accuracy: Figure
    train_top5: Figure
    val_loss: Figure | None
    val_accuracy: Figure | None
    val_top5: Figure | None
    val_macro_f1: Figure | None
    learning_rate: float
    best: bool
    """This epoch is the best so far, by the monitored figure."""
    seconds: float
    val_seconds: float
    train_images_per_second: float
    elapsed: float
    energy: float | None = None
    """Joules that the device used, by its own counter, since the epoch before or since the training went on; None where
    the device does not tell."""


class CheckpointSaved(Event, frozen=True, kw_only=True):
    """A checkpoint was published. `full` can be resumed from; `best` holds weights only."""

    kind: Literal["full", "best"]
    path: str
    step: int
    epoch: int
    bytes: int
    seconds: float


class ControlApplied(Event, frozen=True, kw_only=True):
    """A request from outside, or a signal, was obeyed."""

    request: str
    action: str
    step: int
    value: str = ""


class Notice(Event, frozen=True, kw_only=True):
    """Something a person should know. `topic` names the kind, for grouping."""

    level: Literal["info", "warning", "error"]
    topic: str
    text: str
    step: int = 0


class TestFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures on the test images, or on validation images where there are no test images."""

    __test__ = False

    role: Literal["test", "validation"]
    images: int
    loss: Figure
    accuracy: Figure
    top5: Figure
    macro_f1: Figure
    weights: Literal["raw", "ema"]
    epoch: int
    """The epoch whose weights were evaluated."""
    weighted_f1: float | None = None
    calibration_error: float | None = None
    """Expected, in [0, 1]; None where an answer is not finite. None as well in runs of older versions."""
    temperature: float | None = None
    """Fitted on the validation images."""
    calibration_error_scaled: float | None = None
    """With that temperature."""
    fitted_on_evaluated: bool = False
    """The temperature was fitted on the very images of these figures."""


class RunEnded(Event, frozen=True, kw_only=True):
    """The worker ended by itself. A run without this event and without a worker has died."""

    status: EndStatus
    reason: str
    step: int
    epoch: int
    elapsed: float
    exit_code: int
    test: TestFigures | None = None


AnyEvent = (
    RunStarted
    | RunResumed
    | DecisionMade
    | StepsLogged
    | EpochEnded
    | CheckpointSaved
    | ControlApplied
    | Notice
    | RunEnded
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """One line of events.jsonl, with its newline."""
    try:
        return _encoder.encode(event) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(printable(msgspec.to_builtins(event))) + b"\n"


def decode(line: bytes) -> AnyEvent | None:
    """Read one line; None for a line that this version does not understand (a newer tag, a damaged line)."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def figure(value: float) -> Figure:
    """Put a number into the form that events hold: itself, or a word where it is not finite."""
    value = float(value)
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"


def number(value: Figure) -> float:
    """The inverse of `figure`."""
    return float(value)


def to_json(value: Any) -> Any:
    """Plain Python data of an event, or of anything made of events, for `--json`."""
    return msgspec.to_builtins(value)


def printable(value: Any) -> Any:
    """Replace what JSON cannot hold: bytes of a file name that are not UTF-8, which Python keeps as surrogates."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {printable(key): printable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [printable(inner) for inner in value]
        case _:
            return value


def all_finite(values: Iterable[Figure | None]) -> bool:
    """Whether every figure that is there is finite."""
    return not any(isinstance(value, str) for value in values)
