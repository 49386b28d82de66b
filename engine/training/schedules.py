"""The learning rate as a function of the update: nothing to store, nothing to resume."""

import math
from collections.abc import Sequence

from vislab.engine.runs.extension import How
from vislab.presets.schema.strategy import Strategy


def factor(strategy: Strategy, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
    """How far the learning rate stands between its minimum (0) and its base (1) at an update.

    Args:
        step: the update about to be made, counted from 0.
        total_steps: updates planned for the whole run.

    The schedules: `constant`; `linear` and `cosine` (Loshchilov & Hutter 2017, without restarts) from base to minimum;
    `step`: divided by ten after each third; `one_cycle` (Smith & Topin 2018): up for 30 % of the run, then down a
    cosine. A warm-up rises linearly in front of all of them.
    """
    warmup = min(total_steps, round(strategy.warmup_epochs * steps_per_epoch))
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total_steps - warmup)
    match strategy.schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - progress
        case "cosine":
            return (1 + math.cos(math.pi * progress)) / 2
        case "step":
            return 0.1 ** min(2, int(progress * 3))
        case "one_cycle":
            if progress < 0.3:
                return 0.04 + 0.96 * progress / 0.3
            return (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2


def extended_factor(
    strategy: Strategy, step: int, *, steps_per_epoch: int, planned: int, extensions: Sequence[tuple[int, How]]
) -> float:
    """The factor of a run that was made longer, perhaps several times.

    Args:
        planned: updates that the strategy itself plans.
        extensions: updates in all after each extension, and what it does to the schedule: see
            `vislab.engine.runs.extension`.
    """
    if not extensions:
        return factor(strategy, step, steps_per_epoch=steps_per_epoch, total_steps=planned)
    *earlier, (total, how) = extensions
    end = earlier[-1][0] if earlier else planned
    match how:
        case "stretch":
            return factor(strategy, step, steps_per_epoch=steps_per_epoch, total_steps=total)
        case "restart" if step >= end:
            return factor(strategy, step - end, steps_per_epoch=steps_per_epoch, total_steps=total - end)
        case "hold":
            step = min(step, end - 1)
    return extended_factor(strategy, step, steps_per_epoch=steps_per_epoch, planned=planned, extensions=earlier)


def learning_rate(base: float, minimum: float, factor: float) -> float:
    """The rate between `minimum` (never above `base`) and `base`."""
    floor = min(minimum, base)
    return floor + (base - floor) * factor
