"""What a history shows, and what to do about it. Every finding names its figure and its remedy."""

import math
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate, compress, pairwise
from statistics import fmean

from vislab.engine.analysis import figures
from vislab.engine.analysis.finding import (
    Finding,
    Kind,
    Severity,
    asked_rate,
    bad,
    first_bad,
    lower_rate,
    role,
    twice_as_long,
    validated,
)
from vislab.engine.analysis.fitting import nothing_learnt, rate_too_high, rate_too_low, underfitting
from vislab.engine.analysis.intervals import of_accuracy
from vislab.engine.runs.events import RunStarted, number
from vislab.engine.runs.state import RunState
from vislab.presets.schema.spec import Spec

__all__ = ["Finding", "Kind", "Severity", "findings", "validation_images"]

OVERFITTING_GAP = 0.10
"""Training accuracy above validation accuracy, from which a run overfits."""
OVERFITTING_RISE = 1.2
"""Validation loss as a multiple of its lowest, from which a run overfits while the training loss falls."""
LUCKY = 1.3
"""Validation losses before and after the lowest, as multiples of it, from which that one was luck."""
JUMP = 0.15
"""Rise of the training loss from one epoch to the next, as a share of the first epoch's loss; two are unstable."""
BIG_JUMP = 0.5
"""As JUMP; one is unstable."""
LEAP = (1.5, 0.02)
"""A rise is a jump too that makes so much of the loss before, and is such a share of the first epoch's."""
ENOUGH = 100
"""Validation images from which jumps of their loss say something of the training."""
STILL_FALLING = 0.05
"""Relative fall of the loss over the last fifth of the epochs, from which more epochs would help."""
WIDE = 0.10
"""Width of the 95 % interval of the best validation accuracy, from which it says little."""
PATIENCE = (5, 20)
"""Fewest and most evaluations without a better one that a remedy tells to wait for."""
IMBALANCE = 3.0
"""Images of the largest class as a multiple of the smallest, from which the loss should be told."""

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
_SAID_BY: dict[Kind, set[Kind]] = {
    "rate_too_high": {"not_finite", "unstable"},
    "rate_too_low": {"not_finite"},
    "underfitting": {
        "not_finite",
        "unstable",
        "rate_too_high",
        "rate_too_low",
        "nothing_learnt",
        "still_improving",
    },
    "still_improving": {"rate_too_low", "rate_too_high", "nothing_learnt"},
    "plateau": {"rate_too_high", "rate_too_low", "nothing_learnt"},
}
"""What a finding would only say again, where one of the others was found."""


def findings(state: RunState, spec: Spec) -> list[Finding]:
    """What the history of a run shows so far, the most severe first; empty while there is nothing to say."""
    if state.started is None:
        return []
    found = [finding for rule in _RULES if (finding := rule(state, state.started, spec)) is not None]
    kinds = {finding.kind for finding in found}
    found = [finding for finding in found if not kinds & _SAID_BY.get(finding.kind, set())]
    return sorted(found, key=lambda finding: _ORDER[finding.severity])


def validation_images(started: RunStarted) -> int:
    """Images that the validation figures are measured on; 0 without validation."""
    return sum(started.counts.get(role(started), ()))


def _not_finite(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    step, word = first_bad(state.steps, "loss"), "training"
    if step is not None:
        epoch, count = (state.steps.numbers(name)[step] for name in ("epoch", "step"))
        where = f"epoch {epoch:.0f}, step {count:.0f}"
    else:
        places = [first_bad(state.epochs, name) for name in ("train_loss", "val_loss")]
        place = min((place for place in places if place is not None), default=None)
        if place is None:
            return None
        where = f"epoch {state.epochs.numbers('epoch')[place]:.0f}"
        word = "training" if not math.isfinite(state.epochs.numbers("train_loss")[place]) else "validation"
    clip = "" if spec.strategy.clip_norm else ", clip the gradient (strategy.clip_norm = 1.0)"
    precision = ", use precision = bf16 or fp32" if spec.precision == "fp16" else ""
    judged = state.epochs.told("val_loss").rfind(True)
    recovered = (
        bool(state.steps)
        and not bad(state.steps[-1].loss)
        and (judged < 0 or math.isfinite(state.epochs.numbers("val_loss")[judged]))
    )
    return Finding(
        "not_finite",
        "warning" if recovered else "error",
        f"The {word} loss was not finite at {where}, and is finite again."
        if recovered
        else f"The {word} loss is not finite from {where} on.",
        f"{lower_rate(spec.strategy, asked_rate(state))}{clip}{precision}.",
    )


def _unstable(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    train = state.epochs.numbers("train_loss")
    finite = [*map(math.isfinite, train)]
    epochs, of = array("d", compress(state.epochs.numbers("epoch"), finite)), "training"
    found = _jumps(array("d", compress(train, finite)))
    if not found and validation_images(started) >= ENOUGH:
        rows = validated(state)
        found, epochs, of = _jumps(rows.val_loss, fallen_back=True), rows.epoch, role(started)
    if not found:
        return None
    rise, place = max(found)
    least = "at least " * (state.epochs_apart > 1)
    times = least + ("once" if len(found) == 1 else f"{len(found)} times in {state.epochs_done} epochs")
    steadier = "" if spec.strategy.ema else ", or judge the moving average of the weights (strategy.ema = 0.99)"
    return Finding(
        "unstable",
        "warning",
        f"The {of} loss is unstable: it jumped up {times}, most by {figures.loss(rise)} at epoch {epochs[place]:.0f}.",
        f"{lower_rate(spec.strategy, asked_rate(state))}{steadier}.",
    )


def _jumps(values: Sequence[float], *, fallen_back: bool = False) -> list[tuple[float, int]]:
    """Jumps of a loss from one epoch to the next, with the place of the later; none where too few to matter.

    Args:
        fallen_back: count a jump only where the loss later falls again by half of it at least, and beside such ones
            one at the very end: a loss that only climbs is not unstable.
    """
    if len(values) < 3:
        return []
    places = [
        place
        for place, (before, after) in enumerate(pairwise(values), 1)
        if after - before > JUMP * values[0] or (after > LEAP[0] * before and after - before > LEAP[1] * values[0])
    ]
    if fallen_back:
        lowest_from = [*accumulate(reversed(values), min)][::-1]
        fallen = [place for place in places if lowest_from[place] <= (values[place - 1] + values[place]) / 2]
        last = [place for place in places if place == len(values) - 1 and place not in fallen]
        places = fallen + last if fallen else []
    jumps = [(values[place] - values[place - 1], place) for place in places]
    return jumps if len(jumps) >= 2 or (jumps and jumps[0][0] > BIG_JUMP * values[0]) else []


def _overfitting(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    rows = validated(state)
    if len(rows.epoch) < 2:
        return None
    of, losses = role(started), rows.val_loss
    epoch, train, val = rows.epoch[-1], rows.train_accuracy[-1], rows.val_accuracy[-1]
    place = losses.index(min(losses))
    grown = losses[-1] / losses[place] if losses[place] > 0 else 1.0
    around = losses[place - 1 : place] + losses[place + 1 : place + 2]
    lucky = place > 0 and all(loss > LUCKY * losses[place] for loss in around)
    patience, waits = spec.strategy.patience, _patience(state, spec)
    remedy = (
        "Stronger augmentation (strategy.augment), weight decay or dropout, "
        + ("" if spec.strategy.pretrained else "pretrained weights, ")
        + "or fewer epochs"
        + (f" (strategy.patience = {waits})." if not 0 < patience <= waits else ".")
    )
    if train - val >= OVERFITTING_GAP and train > of_accuracy(val, validation_images(started)).high:
        return Finding(
            "overfitting",
            "warning",
            f"Overfitting: accuracy {train:.4f} on training images against {val:.4f} on {of} images at epoch "
            f"{epoch:.0f}, a gap of {train - val:.4f}.",
            remedy,
        )
    if (
        epoch - rows.epoch[place] >= 2
        and grown >= OVERFITTING_RISE
        and not lucky
        and rows.train_loss[-1] < rows.train_loss[place]
    ):
        return Finding(
            "overfitting",
            "warning",
            f"Overfitting: the {of} loss rose from {figures.loss(losses[place])} at epoch {rows.epoch[place]:.0f} to "
            f"{figures.loss(losses[-1])} at epoch {epoch:.0f}, while the training loss fell.",
            remedy,
        )
    return None


def _evaluations(epochs: float, spec: Spec) -> int:
    """Evaluations in so many epochs: of very long runs not every epoch is kept, and counted."""
    return math.ceil(epochs / spec.strategy.evaluate_every)


def _patience(state: RunState, spec: Spec) -> int:
    """The evaluations to wait for a better one: enough to have reached this run's best, within PATIENCE."""
    bests = state.bests.numbers("epoch")
    longest = max((after - before for before, after in pairwise((0, *bests))), default=0)
    fewest, most = PATIENCE
    return min(max(_evaluations(longest, spec), fewest), most)


def _still_improving(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    if not state.epochs or state.epochs[-1].epoch < 0.8 * state.epochs_planned:
        return None
    if _plateau(state, started, spec) is not None:  # a loss may fall for long while the selected figure stands
        return None
    rows = validated(state)
    right = rows.val_accuracy[-1] if rows.epoch else number(state.epochs[-1].train_accuracy)
    if right == 1.0:
        return None
    if rows.epoch:
        name, losses = f"{role(started)} loss", rows.val_loss
    else:
        name, losses = "training loss", array("d", filter(math.isfinite, state.epochs.numbers("train_loss")))
    window = max(2, len(losses) // 5)
    if len(losses) < 2 * window:
        return None
    before, after = fmean(losses[-2 * window : -window]), fmean(losses[-window:])
    if after > (1 - STILL_FALLING) * before or losses[-1] > min(losses) * (1 + STILL_FALLING):
        return None
    many = f"{window} " * (state.epochs_apart == 1)
    changes = twice_as_long(state, started, spec.strategy)
    longer = [f"{key} = {value} (now {now})" for key, value, now in changes]
    return Finding(
        "still_improving",
        "info",
        f"Still improving at the end: the mean {name} of the last {many}evaluations is "
        f"{figures.loss(after)}, of as many before {figures.loss(before)}.",
        f"Train for longer: {' and '.join(longer)}.",
    )


def _plateau(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    if state.best is None:
        return None
    since = _evaluations(max((0, *validated(state).epoch[-1:])) - state.best.epoch, spec)
    if since < max(5, state.epochs_planned // (3 * spec.strategy.evaluate_every)):
        return None
    remedies = []
    if spec.strategy.schedule == "constant":
        remedies.append('let the learning rate fall (strategy.schedule = "cosine")')
    if not spec.strategy.patience:
        remedies.append(f"stop early (strategy.patience = {_patience(state, spec)})")
    remedies.append("a larger architecture or pretrained weights, if the training accuracy is low too")
    monitor = {"accuracy": "accuracy", "loss": "loss", "macro_f1": "macro F1"}[spec.strategy.monitor]
    return Finding(
        "plateau",
        "info",
        f"Plateau: no better {role(started)} {monitor} since epoch {state.best.epoch}, for {since} evaluations.",
        _sentence("; ".join(remedies)),
    )


def _small_validation(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    images = validation_images(started)
    accuracy = _best_accuracy(state)
    if state.best is None:
        accuracy = next(reversed(validated(state).val_accuracy), None)
    if images == 0 or accuracy is None:
        return None
    interval = of_accuracy(accuracy, images)
    if interval.width <= WIDE:
        return None
    held_out = ', strategy.validation = "held_out"' if spec.strategy.validation == "test" else ""
    in_turn = f"validate on every image in turn (strategy.folds = 5{held_out})"
    folds = "average over all folds" if spec.strategy.folds else in_turn
    return Finding(
        "small_validation",
        "info",
        f"Few {role(started)} images: {images}, so an accuracy of {accuracy:.4f} means "
        f"[{interval.low:.2f}, {interval.high:.2f}] (95 %).",
        f"Compare runs only on the same images, or {folds}.",
    )


def _best_accuracy(state: RunState) -> float | None:
    """Validation accuracy of the best epoch; None where there is none, or it is not finite."""
    figure = state.best.val_accuracy if state.best is not None else None
    return None if figure is None or bad(figure) else number(figure)


def _imbalance(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    counts = started.counts.get("train", ())
    if len(counts) < 2 or spec.strategy.class_weights != "none" or spec.strategy.balance_to:
        return None
    most, least = max(counts), min(counts)
    if most < IMBALANCE * least:
        return None
    large, small = (started.classes[counts.index(images)][:40] for images in (most, least))
    return Finding(
        "imbalance",
        "warning",
        f"Imbalance ignored: {most} training images in the largest class, {least} in the smallest "
        f"({large} against {small}).",
        'Weigh the classes (strategy.class_weights = "balanced") or fill them up '
        f'(strategy.balance_to = {most}), and judge by macro F1 (strategy.monitor = "macro_f1").',
    )


def _selected_on_test(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    if not started.selected_on_test:
        return None
    figure, accuracy = "", _best_accuracy(state)
    if state.best is not None and accuracy is not None:
        figure = f" (epoch {state.best.epoch}, accuracy {accuracy:.4f})"
    return Finding(
        "selected_on_test",
        "warning",
        f"Selected on the test set: the best epoch{figure} was chosen by the images that it is reported on, so the "
        "figure is too high.",
        'Hold validation images out of the training images: strategy.validation = "held_out".',
    )


def _duplicates(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    decided = next((decision for decision in state.decisions if decision.what == "duplicates"), None)
    if decided is None:
        return None
    found = {part: int(decided.details.get(part, 0)) for part in ("validation", "test")}
    if not any(found.values()):
        return None
    told = [f"{count} of {sum(started.counts.get(part, ()))} {part} images" for part, count in found.items() if count]
    return Finding(
        "duplicates",
        "warning",
        f"Duplicates: {' and '.join(told)} have exactly the pixels of a training image, so figures on them are too "
        "high.",
        "Remove the copies, or keep them in one part by a table with the column `group`; `vislab data` lists them.",
    )


def _no_validation(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    if validation_images(started) or validated(state).epoch:
        return None
    images = sum(started.counts.get("train", ()))
    return Finding(
        "no_validation",
        "info",
        f"No validation: all {images} images train, and nothing says how the model does on images it has not seen.",
        'Keep some apart: strategy.split = "80/20".',
    )


_RULES: tuple[Callable[[RunState, RunStarted, Spec], Finding | None], ...] = (
    _not_finite,
    _unstable,
    rate_too_high,
    rate_too_low,
    nothing_learnt,
    _overfitting,
    underfitting,
    _selected_on_test,
    _duplicates,
    _imbalance,
    _still_improving,
    _plateau,
    _small_validation,
    _no_validation,
)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
