"""Findings about how a network fits its training images: learning rate too high or too low, underfitting."""

import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from statistics import fmean

from vislab.engine.analysis import figures
from vislab.engine.analysis.finding import (
    Finding,
    asked_rate,
    base_rates,
    other_rate,
    role,
    twice_as_long,
    validated,
)
from vislab.engine.runs.events import RunStarted
from vislab.engine.runs.state import RunState
from vislab.presets.schema.spec import Spec

GUESSING = 0.98
"""Training loss as a share of that of guessing, ln(classes), from which nothing was learnt."""
STEEP = 2.0
"""Training loss inside epochs as a multiple of that of guessing, from which the rate is too high."""
THROWN = 1.1
"""Training loss as a multiple of where it began, from which a rate that taught nothing was too high."""
STILL = 0.02
"""Change of the training loss, as a share of that of guessing, below which it has hardly moved."""
WINDOW = 5
"""Log intervals that such a loss is the mean of: one batch alone may be unlucky."""
SLOW = 0.10
"""Fall of the training loss over all epochs, as a share of the first, below which a steady fall is slow."""
LOW = 0.70
"""Training accuracy below which a run that has no gap underfits."""
STILL_LEARNING = 0.05
"""Relative fall of the training loss in the last epoch, from which it is too early to say so."""
GAP = 0.05
"""Training accuracy above validation accuracy, from which it is no underfitting."""


def rate_too_high(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    """The loss shoots up inside epochs, or stays at that of guessing without a steady fall."""
    guessing = _guessing(started, spec)
    losses, inside = _finite(state.epochs.numbers("train_loss")), _finite(state.steps.numbers("loss"))
    if not guessing:
        return None
    remedy = f"Lower the learning rate: {other_rate(spec.strategy, asked_rate(state), 0.1)}"
    warm_up = "" if spec.strategy.warmup_epochs else ", or let it rise slowly (strategy.warmup_epochs = 1)"
    if len(inside) > WINDOW:
        first, peak, highest = _first_and_highest(inside)
        if highest > STEEP * max(first, guessing):
            finite = [place for place, loss in enumerate(state.steps.numbers("loss")) if math.isfinite(loss)]
            epoch = state.steps.numbers("epoch")[finite[peak]]
            step = state.steps.numbers("step")[finite[peak + WINDOW - 1]]
            return Finding(
                "rate_too_high",
                "warning",
                f"Learning rate too high: the training loss shot up from {figures.loss(first)} to "
                f"{figures.loss(highest)} in epoch {epoch:.0f}, step {step:.0f}.",
                f"{remedy}{warm_up}.",
            )
    if len(losses) >= 3 and losses[-1] >= GUESSING * guessing and _was_thrown(losses, inside, guessing):
        return Finding(
            "rate_too_high",
            "warning",
            f"Nothing is learnt: after {len(losses)} epochs the training loss is {figures.loss(losses[-1])}, no better "
            f"than guessing (ln {_classes(started)} = {guessing:.4f}), and it has been far above. The learning rate is "
            "too high.",
            f"{remedy}{warm_up}.",
        )
    return None


def nothing_learnt(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    """The loss stays at that of guessing, and was never thrown above: the rate is too low, or something else is."""
    guessing = _guessing(started, spec)
    losses, inside = _finite(state.epochs.numbers("train_loss")), _finite(state.steps.numbers("loss"))
    if not guessing or len(losses) < 3 or losses[-1] < GUESSING * guessing or _falls_steadily(losses):
        return None
    if _was_thrown(losses, inside, guessing):
        return None
    text = (
        f"Nothing is learnt: after {len(losses)} epochs the training loss is {figures.loss(losses[-1])}, no better "
        f"than guessing (ln {_classes(started)} = {guessing:.4f})"
    )
    look = "If that does not help, look at the images and their labels: vislab data."
    if max(losses) - min(losses) < STILL * guessing:
        return Finding(
            "rate_too_low",
            "warning",
            f"{text}, and has hardly moved. The learning rate is probably too low.",
            f"Raise the learning rate: {other_rate(spec.strategy, asked_rate(state), 10)}. {look}",
        )
    now = ", ".join(figures.scientific(rate) for rate in base_rates(spec.strategy, asked_rate(state)).values())
    return Finding(
        "nothing_learnt",
        "warning",
        f"{text}. The learning rate may be too high or too low.",
        f"Let it be found: vislab find-lr (now {now}). {look}",
    )


def rate_too_low(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    """The loss falls from epoch to epoch, without slowing down, but hardly."""
    guessing = _guessing(started, spec)
    losses = _finite(state.epochs.numbers("train_loss"))
    if not guessing or len(losses) < 3 or not _falls_steadily(losses) or losses[-1] < guessing / 2:
        return None
    fall = 1 - losses[-1] / losses[0]
    if fall >= SLOW:
        return None
    return Finding(
        "rate_too_low",
        "warning",
        f"Learning rate too low: the training loss falls steadily, but only by {100 * fall:.1f} % in {len(losses)} "
        f"epochs, from {figures.loss(losses[0])} to {figures.loss(losses[-1])}.",
        f"Raise the learning rate: {other_rate(spec.strategy, asked_rate(state), 10)}.",
    )


def underfitting(state: RunState, started: RunStarted, spec: Spec) -> Finding | None:
    """Training images are not fitted either, near the end."""
    rows, strategy = validated(state), spec.strategy
    if len(rows.epoch) < 3 or rows.epoch[-1] < 0.8 * state.epochs_planned or strategy.mixup or strategy.cutmix:
        return None
    train, val = rows.train_accuracy[-1], rows.val_accuracy[-1]
    before, last = rows.train_loss[-2:]
    if train >= LOW or train - val >= GAP or last < (1 - STILL_LEARNING) * before:
        return None
    larger = "A larger architecture" + ("" if strategy.pretrained else " or pretrained weights")
    keys = [key for key, _, _ in twice_as_long(state, started, strategy)]
    remedies = [larger, f"longer training ({' and '.join(keys)})"]
    if strategy.freeze == "backbone":
        remedies.append('more of the network (strategy.freeze = "gradual" or "none")')
    if strategy.augment != "none" or strategy.drop_rate or strategy.drop_path or strategy.weight_decay:
        remedies.append("weaker augmentation, dropout or weight decay")
    return Finding(
        "underfitting",
        "info",
        f"Underfitting: accuracy only {train:.4f} on training images ({val:.4f} on {role(started)} images) at epoch "
        f"{rows.epoch[-1]:.0f}: the network does not fit what it is shown.",
        ", ".join(remedies) + ".",
    )


def _guessing(started: RunStarted, spec: Spec) -> float:
    """Cross-entropy of equal shares for all classes; 0.0 where the loss is another."""
    return math.log(_classes(started)) if spec.strategy.loss == "cross_entropy" else 0.0


def _classes(started: RunStarted) -> int:
    return max(1, len(started.classes))


def _finite(losses: Iterable[float]) -> "array[float]":
    return array("d", filter(math.isfinite, losses))


def _first_and_highest(losses: Sequence[float]) -> tuple[float, int, float]:
    """Mean loss of the first WINDOW intervals; where the WINDOW with the highest begins, and that."""
    sums = array("d", accumulate(losses, initial=0.0))
    peak = max(range(len(losses) - WINDOW + 1), key=lambda i: sums[i + WINDOW] - sums[i])
    return fmean(losses[:WINDOW]), peak, fmean(losses[peak : peak + WINDOW])


def _was_thrown(losses: Sequence[float], inside: Sequence[float], guessing: float) -> bool:
    """Whether a loss was thrown far above where it began, as one is by a rate that is too high.

    Args:
        losses: of the epochs.
        inside: of the intervals inside them.
    """
    if max(losses) > STEEP * guessing or max(losses) > THROWN * losses[0]:
        return True
    if len(inside) <= WINDOW:
        return False
    _, _, highest = _first_and_highest(inside)
    return highest > THROWN * max(inside[0], guessing)


def _falls_steadily(losses: Sequence[float]) -> bool:
    """Whether a loss falls at every epoch, at the end at least half as much as at the start."""
    falls = [before - after for before, after in pairwise(losses)]
    return min(falls) > 0 and falls[-1] >= falls[0] / 2
