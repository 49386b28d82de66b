"""The learning rate range test: the loss while the learning rate rises from far too small to far too large."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from vislab.engine.data.batches import Batch, TrainingBatches
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.step import Step

_WINDOW = 0.05  # share of the updates on each side that a smoothed loss is the mean of
_DIVERGED = 4.0  # times the lowest mean loss, at which the test ends


@dataclass(frozen=True)
class RangeTest:
    """What a range test found.

    Attributes:
        rates: learning rates, rising.
        losses: mean loss of the batch at each rate.
        smoothed: mean of the losses around each.
        diverged: the rate at which the loss left; None: the test went through.
        steepest: the rate at which the smoothed loss falls fastest over the logarithm of the rate; None: it never fell.
        lowest: the rate of the lowest smoothed loss; None likewise.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: float | None
    steepest: float | None
    lowest: float | None


def range_test(
    training: Resumable,
    step: Step,
    batches: TrainingBatches,
    *,
    base: float,
    lowest: float,
    highest: float,
    steps: int,
    check: Callable[[int], None],
) -> RangeTest:
    """Train with a rate that grows by the same factor each update, until the loss leaves.

    After Smith (2017), "Cyclical learning rates for training neural networks", and the form that Howard and Gugger
    gave it in fastai's `lr_find`. The ratios of the groups' rates stay.

    Args:
        training: is changed: weights, optimizer state, figures.
        step: whose minimum rate is zero.
        base: the strategy's learning rate.
        lowest, highest: ends of the rates.
        steps: updates, at least two.
        check: called with the updates made, before each; may raise to interrupt.
    """
    factor = (highest / lowest) ** (1 / (steps - 1))
    around = max(1, round(_WINDOW * steps))
    rates: list[float] = []
    losses: list[float] = []
    least, diverged = math.inf, None
    for number, batch in zip(range(steps), _endlessly(batches), strict=False):
        check(number)
        rate = lowest * factor**number
        step(training, batch, 1.0, rate / base)
        training.position.step += 1
        loss = training.interval.read()["loss"]
        training.interval.reset()
        if not math.isfinite(loss):
            diverged = rate
            break
        rates.append(rate)
        losses.append(loss)
        lately = fmean(losses[-around:])
        least = min(least, lately)
        if lately > _DIVERGED * least:
            diverged = rate
            break
    smoothed = centred_means(losses, around)
    return RangeTest(tuple(rates), tuple(losses), tuple(smoothed), diverged, *suggestions(rates, smoothed))


def centred_means(values: Sequence[float], around: int) -> list[float]:
    """Mean of each value and up to `around` on each side, as many on one as on the other: without a lag."""
    last = len(values) - 1
    reach = [min(around, at, last - at) for at in range(len(values))]
    return [fmean(values[at - far : at + far + 1]) for at, far in enumerate(reach)]


def suggestions(rates: Sequence[float], smoothed: Sequence[float]) -> tuple[float | None, float | None]:
    """The rates of the steepest fall and of the lowest loss; None twice where the loss never fell."""
    if not rates:
        return None, None
    low = min(range(len(rates)), key=smoothed.__getitem__)
    # The slope over the logarithm of the rate, which grows by the same amount each update.
    slopes = {at: smoothed[at + 1] - smoothed[at - 1] for at in range(1, low)}
    if not slopes:
        return None, None
    return rates[min(slopes, key=slopes.__getitem__)], rates[low]


def _endlessly(batches: TrainingBatches) -> Iterator[Batch]:
    epoch = 0
    while True:
        epoch += 1
        yield from batches.epoch(epoch)
