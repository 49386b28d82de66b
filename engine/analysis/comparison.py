"""Runs side by side: what differs, what came out, what it cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal, NamedTuple

from vislab.engine.analysis import judged_images, predictions
from vislab.engine.analysis.cost import FeaturePass, feature_pass, seconds_in_all
from vislab.engine.analysis.findings import validation_images
from vislab.engine.analysis.intervals import Interval, of_accuracy
from vislab.engine.analysis.predictions import Predictions
from vislab.engine.runs.batch_size import settled
from vislab.engine.runs.events import EpochEnded, Figure, TestFigures, all_finite, number
from vislab.engine.runs.extension import extensions
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run, RunStatus
from vislab.engine.runs.summary import settings_of
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import PUBLISHED, Spec


@dataclass(frozen=True)
class Compared:
    """One run as far as a comparison looks at it. Names are data, never markup."""

    run: Run
    name: str
    spec: Spec
    state: RunState
    status: RunStatus
    predictions: Predictions
    fault: str = ""
    """Why the predictions cannot be had: damaged, or of earlier weights; empty when they can, or there are none."""
    validated_on: str = ""
    """What images the validation figures are of: equal for the same images. Empty before the data were read."""
    tested_on: str = ""
    """As much of the figures on test images."""
    answered_on: str = ""
    """As much of the predictions; empty without any."""

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting that it was trained with, by dotted key."""
        return trained_with(self.spec, self.state)

    @property
    def done(self) -> bool:
        """Whether it has come to its end by itself."""
        return self.status == "done"

    @property
    def best(self) -> EpochEnded | None:
        """The best epoch."""
        return self.state.best

    @property
    def images(self) -> int:
        """Images that the validation figures are measured on."""
        return validation_images(self.state.started) if self.state.started is not None else 0

    @property
    def selected_on_test(self) -> bool:
        """Whether the best epoch was chosen by the images that it is reported on."""
        return self.state.started is not None and self.state.started.selected_on_test

    @property
    def accuracy(self) -> float | None:
        """Validation accuracy of the best epoch, a fraction; None where there is none or it is not finite."""
        return _finite(self.best.val_accuracy) if self.best is not None else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's 95 % interval of `accuracy`."""
        return of_accuracy(self.accuracy, self.images) if self.accuracy is not None and self.images else None

    @property
    def train_accuracy(self) -> float | None:
        """Training accuracy of the last epoch, a fraction."""
        return _finite(self.state.epochs[-1].train_accuracy) if self.state.epochs else None

    @property
    def loss(self) -> float | None:
        """Validation loss of the best epoch."""
        return _finite(self.best.val_loss) if self.best is not None else None

    @property
    def test(self) -> TestFigures | None:
        """The figures on test images, of the best weights; None where there are no test images."""
        ended = self.state.ended
        return ended.test if ended is not None and ended.test is not None and ended.test.role == "test" else None

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on the test images, a fraction."""
        return _finite(self.test.accuracy) if self.test is not None else None

    @property
    def trained_parameters(self) -> int | None:
        """Parameters that train."""
        return self.state.started.trained_parameters if self.state.started is not None else None

    @property
    def seconds_per_epoch(self) -> float | None:
        """Median seconds of an epoch, its validation included."""
        return median(self.state.epochs.numbers("seconds")) if self.state.epochs else None

    @property
    def seconds(self) -> float | None:
        """Seconds of work in all, taking the features of a frozen network included, wherever they came from."""
        return seconds_in_all(self.state) or None

    @property
    def features(self) -> FeaturePass | None:
        """How the frozen part of the network ran once per image; None where it runs in all epochs, or nothing is
        frozen.
        """
        return feature_pass(self.state)

    @property
    def feature_seconds(self) -> float | None:
        """Seconds that taking the features costs; part of `seconds`."""
        return self.features.seconds if self.features is not None else None

    @property
    def energy(self) -> float | None:
        """Joules of all epochs; None where the device did not tell of each."""
        told = self.state.epochs.told("energy")
        return sum(self.state.epochs.numbers("energy")) if told and all(told) else None

    @property
    def images_per_second(self) -> float | None:
        """Median training speed of the epochs."""
        return median(self.state.epochs.numbers("train_images_per_second")) if self.state.epochs else None


Basis = Literal["validation", "test", "cost", "speed", ""]
"""What must be alike for two runs' figures to be compared: the images of a role; work that was done to its end; epochs
that do the same work. Empty: nothing is starred."""


class Measure(NamedTuple):
    """A figure of a run, and what is the best of several."""

    read: Callable[[Compared], float | None]
    largest: bool
    """Whether the largest is the best."""
    basis: Basis


FIGURES: dict[str, Measure] = {
    "accuracy": Measure(lambda run: run.accuracy, True, "validation"),
    "loss": Measure(lambda run: run.loss, False, "validation"),
    "train_accuracy": Measure(lambda run: run.train_accuracy, True, ""),
    "test_accuracy": Measure(lambda run: run.test_accuracy, True, "test"),
    "median_seconds_per_epoch": Measure(lambda run: run.seconds_per_epoch, False, "speed"),
    "seconds": Measure(lambda run: run.seconds, False, "cost"),
    "feature_seconds": Measure(lambda run: run.feature_seconds, False, ""),
    "median_images_per_second": Measure(lambda run: run.images_per_second, True, "speed"),
    "energy": Measure(lambda run: run.energy, False, "cost"),
}
"""The figures of a comparison by name."""


class Difference(NamedTuple):
    """A setting that is not the same in all runs."""

    key: str
    """Dotted, as in the spec."""
    label: str
    """The shortest end of the key that no other differing setting has."""
    values: tuple[Any, ...]
    """One a run; None: the run has no such setting."""


def look(run: Run, state: RunState | None = None) -> Compared:
    """Read a run: its log, its spec, its predictions.

    Args:
        state: the fold of its log by someone who follows it; None: it is folded.

    Raises:
        InputError: spec.toml is missing or damaged.
    """
    state = state or run.state()
    spec = settled(run.spec(), state)  # runs are compared by the batch size that they have
    try:
        answered, fault = predictions.of_run(run, state), ""
    except InputError as error:
        answered, fault = Predictions(), str(error)
    return Compared(
        run,
        run.labels().name or spec.name,
        spec,
        state,
        run.status(state),
        answered,
        fault,
        validated_on=judged_images.of_role(run, state, "validation"),
        tested_on=judged_images.of_role(run, state, "test"),
        answered_on=judged_images.of_predictions(state, answered),
    )


def answered(run: Compared) -> Compared:
    """A run with its predictions read again, for those who let them go; as it is where they cannot be read now."""
    try:
        return replace(run, predictions=predictions.of_run(run.run, run.state))
    except (InputError, OSError):
        return run


def differences(settings: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """What differs between settings (see `chosen` and `trained_with`) of several runs, in the order of the schema."""
    keys = dict.fromkeys(key for table in settings for key in table)
    differing = [key for key in keys if any(table.get(key) != settings[0].get(key) for table in settings)]
    return [Difference(key, _label(key, differing), tuple(table.get(key) for table in settings)) for key in differing]


def chosen(spec: Spec) -> dict[str, Any]:
    """Every setting by dotted key; without names, help, origins, and facts that were published of data and network."""
    return {key: value for key, value in settings_of(spec).items() if key not in PUBLISHED}


def trained_with(spec: Spec, state: RunState) -> dict[str, Any]:
    """`chosen`, with what a person changed while the run was under way: more epochs, other learning rates."""
    settings = chosen(spec)
    if longer := extensions(state):
        settings["strategy.epochs"] = longer[-1].epochs
        then = "".join(f", {one.schedule} to epoch {one.epochs}" for one in longer)
        settings["strategy.schedule"] = f"{spec.strategy.schedule} to epoch {spec.strategy.epochs}{then}"
    if rates := state.learning_rates:
        then = "".join(f", {rate} from step {step}" for step, rate in rates)
        settings["strategy.learning_rate"] = f"{spec.strategy.learning_rate}{then}"
    return settings


def best_of(values: Sequence[float | None], *, largest: bool) -> set[int]:
    """Positions of the best value; several when they are equal, none where fewer than two runs have a value, or all
    values are the same.
    """
    present = {index: value for index, value in enumerate(values) if value is not None}
    if len(present) < 2 or len(set(present.values())) == 1:
        return set()
    best = (max if largest else min)(present.values())
    return {index for index, value in present.items() if value == best}


def same_data(runs: Sequence[Compared]) -> bool:
    """Whether all runs that say what they read have read the same data, by its fingerprint."""
    prints = {decision.choice for compared in runs for decision in compared.state.decisions if decision.what == "data"}
    return len(prints) <= 1


def _label(key: str, others: Sequence[str]) -> str:
    """`learning_rate` of strategy.learning_rate; what is called `name` is called by its section."""
    parts = key.split(".")
    if parts[-1] == "name":
        return parts[-2]
    for count in range(1, len(parts)):
        end = ".".join(parts[-count:])
        if sum(other == end or other.endswith("." + end) for other in others) == 1:
            return end
    return key


def _finite(figure: Figure | None) -> float | None:
    return number(figure) if figure is not None and all_finite((figure,)) else None
