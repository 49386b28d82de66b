"""Axes of a figure: ends and ticks at round numbers, whatever draws them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

LONGEST = 1e9
"""An x-axis that ends below this has whole numbers written out, so that neighbouring epochs differ in their labels."""


class Axis(NamedTuple):
    """An axis in the units of its data (logarithms on a log axis): its ends, and its ticks with their labels."""

    low: float
    high: float
    ticks: list[float]
    labels: list[str]

    def unit(self, value: float) -> float:
        """Position on the axis: 0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low)


def place(x: float) -> str:
    """A position along the x-axis in words, about: `4.25`, `89994`."""
    return f"{x:.0f}" if 9999.5 <= x < LONGEST else f"{x:.4g}"


def linear_axis(values: Sequence[float], rows: int) -> Axis:
    """A y-axis whose ends and ticks are round numbers. Of values up to 1, as accuracies are, it ends there.

    Args:
        values: finite, at least one.
        rows: lines of text that it is high.
    """
    low, high = apart(min(values), max(values))
    if max(values) <= 1 < high:  # a constant
        high = 1.0
    step = _round_step((high - low) / max(1, min(6, rows // 2)))
    first, last = _ends(low, high, step)
    if last - first > max(1, rows // 2):  # the round ends took more room: labels would stand in neighbouring rows
        step = _round_step(step * 1.01)
        first, last = _ends(low, high, step)
    ticks = [index * step for index in range(first, last + 1)]
    return Axis(ticks[0], ticks[-1], ticks, _labels(ticks, step))


def log_axis(values: Sequence[float], rows: int) -> Axis:
    """A y-axis of powers of ten, or of 1, 2, 5 times powers of ten where the values lie within two of them.

    Args:
        values: logarithms to base 10.
        rows: lines of text that it is high.
    """
    digits = (1, 2, 5) if max(values) - min(values) < 2 else (1,)
    powers = range(math.floor(min(values)), math.ceil(max(values)) + 2)
    ticks = [math.log10(digit) + power for power in powers for digit in digits]
    low = max((tick for tick in ticks if tick <= min(values)), default=ticks[0])
    high = min((tick for tick in ticks if tick >= max(values) and tick > low), default=ticks[-1])
    ticks = [tick for tick in ticks if low <= tick <= high]
    every = max(1, math.ceil((len(ticks) - 1) / max(1, rows // 2)))
    shown = ticks[::every]
    return Axis(low, high, shown, [f"{10**tick:.3g}" for tick in shown])


def x_axis(ends: tuple[float, float], columns: int) -> Axis:
    """The x-axis from end to end exactly, with whole numbers where they lie far enough apart.

    Args:
        columns: letters that it is wide.
    """
    low, high = apart(*ends)
    longest = max(len(place(low)), len(place(high)))
    step = _round_step((high - low) / max(1, columns // (longest + 4)))
    if high - low >= 1:
        step = max(1.0, step if step != 2.5 else 5.0)
    ticks = [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    whole = step >= 1 and high < LONGEST
    labels = [f"{tick:.0f}" for tick in ticks] if whole or not ticks else _labels(ticks, step)
    gap = (ticks[0] - low) / (high - low) * columns if ticks else columns
    if gap > (len(place(low)) + longest) / 2 + 1:
        ticks.insert(0, low)
        labels.insert(0, place(low))
    return Axis(low, high, ticks, labels)


def apart(low: float, high: float) -> tuple[float, float]:
    """Ends that differ: a constant is put into the middle of a range, zero at the low end: no loss is below it."""
    size = max(abs(low), abs(high))
    if high - low > max(1e-9 * size, 1e-100):
        return low, high
    if size <= 1e-100:
        return 0.0, 1.0
    return low - 0.5 * size, high + 0.5 * size


def _ends(low: float, high: float, step: float) -> tuple[int, int]:
    """The multiples of a step that hold a range between them."""
    return math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1.0, 2.0, 2.5, 5.0, 10.0) if digit * power >= least * (1 - 1e-9))


def _labels(ticks: Sequence[float], step: float) -> list[str]:
    """Ticks with as many places as their step needs; in powers of ten where that would be long."""
    if max(map(abs, ticks)) >= 1e5 or step < 1e-4:
        return [f"{tick:.4g}" for tick in ticks]
    places = next(places for places in range(8) if abs(step * 10**places - round(step * 10**places)) < 1e-6)
    return [f"{tick + 0.0:.{places}f}" for tick in ticks]
