"""What is wrong with a spec whose single values are all right: values that contradict each other, names, files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from vislab.presets import keys
from vislab.presets.augmentation_text import parse
from vislab.presets.choices import DIGITS, ZOO
from vislab.presets.errors import InputError
from vislab.presets.layers import WEIGHT_FILES, exists, shown
from vislab.presets.optimizers import OPTIMIZERS, REFUSED, TORCH_OPTIONS
from vislab.presets.own_code import describe, did_you_mean, nearest, option_problems
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy
from vislab.presets.split_text import split_shares

DEVICES = ("auto", "cpu", "mps", "cuda", "cuda:0")
RUN_WEIGHTS = "/best"
"""End of `architecture.weights` that names the best weights of a run."""

LOSSES = ("cross_entropy", "binary_cross_entropy", "focal")


def problems_of(spec: Spec) -> list[str]:
    """All problems of a spec as a whole, each with the place that the value came from."""
    checks = (_names, _run, _preprocessing, _optimizer, _objective, _images, _own_code, _drops, _weights)
    found = [problem for check in checks for problem in check(spec)]
    return [
        f"{spec.origins.get(key, 'command line')}: {key} = {shown(_found(spec, key))}: {text}" for key, text in found
    ]


def _names(spec: Spec) -> Iterator[tuple[str, str]]:
    """Names of files that spec.toml cannot hold: it is UTF-8."""
    unfit = [key for key in keys.KEYS if not _is_utf8(_found(spec, key))]
    # The names of a run and of its sections are made of those of files and folders.
    for key in [key for key in unfit if not key.endswith("name")] or unfit[-1:]:
        yield key, "its name is not UTF-8: rename it, or give a link to it"


def _is_utf8(value: Any) -> bool:
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _run(spec: Spec) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", spec.device):
        gpu = re.search("gpu|nvidia", spec.device, re.IGNORECASE)
        hint = "; an NVIDIA GPU is called cuda" if gpu else did_you_mean(spec.device, DEVICES)
        yield "device", f"must be auto, cpu, mps, cuda or cuda:N{hint}"


def _preprocessing(spec: Spec) -> Iterator[tuple[str, str]]:
    channels = spec.preprocessing.channels
    for key, values in (("mean", spec.preprocessing.mean), ("std", spec.preprocessing.std)):
        if len(values) not in (1, channels):
            yield (
                f"preprocessing.{key}",
                f"has {len(values)} values where preprocessing.channels = {channels}; give 1 or {channels}",
            )
    if spec.strategy.pretrained and spec.architecture.build == ZOO and channels != 3:
        yield "preprocessing.channels", "pretrained weights read RGB; leave it at 3"


def _optimizer(spec: Spec) -> Iterator[tuple[str, str]]:
    strategy = spec.strategy
    if strategy.optimizer in REFUSED:
        yield "strategy.optimizer", f"cannot be used, since it {REFUSED[strategy.optimizer]}; adamw and sgd can"
    elif strategy.optimizer not in OPTIMIZERS:
        names = nearest(strategy.optimizer, OPTIMIZERS, "optimizers")
        yield "strategy.optimizer", f"is none of timm's optimizers whose state survives a resume bit for bit{names}"
    known = TORCH_OPTIONS.get(strategy.optimizer, ())
    for name in strategy.optimizer_options:
        if known and name not in known:
            text = f"{strategy.optimizer} has no such option{nearest(name, known, 'options')}"
            yield f"strategy.optimizer_options.{name}", text
    if strategy.minimum_learning_rate > strategy.learning_rate:
        yield "strategy.minimum_learning_rate", f"is above strategy.learning_rate = {strategy.learning_rate}"
    if strategy.warmup_epochs >= strategy.epochs:
        yield "strategy.warmup_epochs", f"must be below strategy.epochs = {strategy.epochs}"
    if strategy.batch_size != "auto" and strategy.accumulate > strategy.batch_size:
        yield "strategy.accumulate", f"is more than strategy.batch_size = {strategy.batch_size}"
    if strategy.freeze != "none" and not strategy.pretrained:
        yield (
            "strategy.freeze",
            "would freeze layers at random weights; set strategy.pretrained=true or strategy.freeze=none",
        )


def _objective(spec: Spec) -> Iterator[tuple[str, str]]:
    strategy = spec.strategy
    if strategy.loss not in LOSSES and ".py:" not in strategy.loss:
        yield "strategy.loss", f"is unknown, and no file.py:function{nearest(strategy.loss, LOSSES, 'losses')}"
    if strategy.label_smoothing and strategy.loss == "binary_cross_entropy":
        yield "strategy.label_smoothing", "goes with cross_entropy; binary_cross_entropy asks each class on its own"
    if ".py:" in strategy.loss and strategy.label_smoothing:
        yield "strategy.label_smoothing", "does nothing with a loss of your own, which gets the labels themselves"


def _images(spec: Spec) -> Iterator[tuple[str, str]]:
    strategy = spec.strategy
    if strategy.split not in ("official", "none"):
        try:
            split_shares(strategy.split)
        except InputError as error:
            yield "strategy.split", str(error)
    if strategy.validation == "test" and (strategy.split == "none" or strategy.folds):
        yield "strategy.validation", "there are no test images with strategy.split = none, or with strategy.folds"
    if strategy.folds == 1:
        yield "strategy.folds", "must be 2 or more; 0: off"
    elif strategy.folds and strategy.fold > strategy.folds:
        yield "strategy.fold", f"is above strategy.folds = {strategy.folds}"
    elif not strategy.folds and strategy.fold > 1:
        yield "strategy.fold", "does nothing without strategy.folds"
    if strategy.split == "none" and not strategy.folds and strategy.patience:
        yield "strategy.patience", "nothing is validated with strategy.split = none; set strategy.patience=0"
    if strategy.cached_views:
        yield from _views(strategy)
    if strategy.balance_to and not strategy.balance_augment:
        yield "strategy.balance_augment", "strategy.balance_to needs augmentations for its copies"
    for key in ("augment", "balance_augment"):
        value = getattr(strategy, key)
        for text in () if value == "none" else value:
            try:
                parse(text)
            except InputError as error:
                yield f"strategy.{key}", str(error).removeprefix("augment: ")


def _views(strategy: Strategy) -> Iterator[tuple[str, str]]:
    if strategy.freeze != "backbone":
        yield "strategy.cached_views", "goes with strategy.freeze = backbone; set it to 0"
    if strategy.augment in ("none", ()):
        yield "strategy.cached_views", "does nothing without strategy.augment; set it to 0"
    if strategy.mixup or strategy.cutmix:
        yield "strategy.cached_views", "does not go with strategy.mixup and strategy.cutmix, which mix anew each epoch"


def _own_code(spec: Spec) -> Iterator[tuple[str, str]]:
    """References that lead nowhere, options that their functions do not take, files that are not there."""
    dataset, architecture = spec.dataset, spec.architecture
    references = [
        ("dataset.source", dataset.source, "dataset.options", dataset.options),
        ("architecture.build", architecture.build, "architecture.options", architecture.options),
        ("architecture.head", _head(spec), "architecture.head_options", architecture.head_options),
        ("strategy.loss", spec.strategy.loss if ".py:" in spec.strategy.loss else "", "", {}),
    ]
    for key, reference, table, options in references:
        if reference:
            try:
                function = describe(reference)
            except InputError as error:
                yield key, str(error)
            else:
                for name, value in options.items():
                    for problem in option_problems("", {name: value}, function):
                        yield f"{table}.{name}", problem.removeprefix(": ")
        elif key == "architecture.head":
            yield from ((f"{table}.{name}", "no head takes it: architecture.head = none") for name in options)
    if dataset.path and not exists(dataset.path):
        yield "dataset.path", "there is no such file or folder"
    elif dataset.path and dataset.source == DIGITS and not _of_a_run(spec, "dataset.path"):
        yield "dataset.path", "the set digits reads no path; give --data PATH or --dataset PATH for images of your own"
    if spec.strategy.pretrained and architecture.weights == "default" and architecture.build not in ("", ZOO):
        yield (
            "strategy.pretrained",
            f"no weights are known for {architecture.name}; name a file with architecture.weights, or choose scratch",
        )


def _head(spec: Spec) -> str:
    return spec.architecture.head if spec.architecture.head != "none" else ""


def _drops(spec: Spec) -> Iterator[tuple[str, str]]:
    """Dropout and stochastic depth that what is built does not take."""
    owners = {"drop_rate": _head(spec) or spec.architecture.build, "drop_path": spec.architecture.build}
    for name, reference in owners.items():
        if not getattr(spec.strategy, name) or not reference:
            continue
        try:
            function = describe(reference)
        except InputError:  # told by `_own_code`
            continue
        if name not in (*function.supplied, *function.options) and not function.any_option:
            yield f"strategy.{name}", f"{reference} does not take it; set strategy.{name}=0"


def _weights(spec: Spec) -> Iterator[tuple[str, str]]:
    """Weights that are not there, and weights that nothing would load."""
    weights = spec.architecture.weights
    if weights == "default":
        return
    if weights.endswith(WEIGHT_FILES):
        if not exists(weights):
            yield "architecture.weights", "there is no such file"
        elif not Path(weights).is_file():
            yield "architecture.weights", "is no file"
    elif not weights.endswith(RUN_WEIGHTS):
        yield "architecture.weights", f"must be default, a {', '.join(WEIGHT_FILES)} file, or RUN{RUN_WEIGHTS}"
    keys = ("architecture.weights", "strategy.pretrained")
    if not spec.strategy.pretrained and not all(_of_a_run(spec, key) for key in keys):
        yield (
            "architecture.weights",
            f"would not be loaded, since strategy {spec.strategy.name} has strategy.pretrained = false; choose "
            "--strategy transfer or finetune, or --set strategy.pretrained=true (or architecture.weights=default)",
        )


def _of_a_run(spec: Spec, key: str) -> bool:
    """Whether the value is unchanged from a run that was started from: what ran once may run again."""
    return "(like " in spec.origins.get(key, "")


def _found(spec: Spec, key: str) -> Any:
    found: Any = spec
    for name in key.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    return found
