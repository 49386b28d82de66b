"""What `batch_size = auto` may mean, what it means where nothing is measured, and which of several is good."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vislab.presets.schema.strategy import BATCH_SIZE, Strategy

FEWEST_UPDATES = 20
"""Of an epoch: larger batches would leave too few for a model to learn from and for a schedule to follow."""
NEAR = 0.95
"""A batch size is good that trains at least this share of the images a second that the fastest does."""
BUSY_NEAR = 0.8
"""The same where other work keeps the machine busy and figures spread."""
_SMALLEST, _LARGEST = 16, 1024


@dataclass(frozen=True)
class BatchChoice:
    """A batch size that was chosen.

    Attributes:
        why: in words.
        table: images a second, and bytes at the peak, of each size that was measured; why the ladder ended where it
            did. Empty where nothing was measured.
        lasting: whether it holds for every run of the same work, however long.
    """

    batch_size: int
    why: str
    table: dict[str, str | int | float | bool] = field(default_factory=dict)
    lasting: bool = False


def candidates(images: int, accumulate: int = 1) -> tuple[int, ...]:
    """Powers of two from 16 to 1024 that leave an epoch at least 20 updates, in order; never empty.

    A small training set has its only candidate: 16, or the largest power of two that is not more than its images.

    Args:
        images: to train on, one or more.
        accumulate: micro-batches of a batch, which no batch may be smaller than.
    """
    least = max(min(_SMALLEST, _power_below(images)), 2 * _power_below(accumulate - 1) if accumulate > 1 else 1)
    most = max(least, min(_LARGEST, images // FEWEST_UPDATES))
    return tuple(1 << power for power in range(least.bit_length() - 1, most.bit_length()))


def usual(sizes: tuple[int, ...]) -> int:
    """Where nothing is measured: 64, or the nearest to it among the sizes, which are in order."""
    return max((size for size in sizes if size <= BATCH_SIZE), default=sizes[0])


def choose(speeds: Mapping[int, float], near: float = NEAR) -> int:
    """The smallest size that is nearly as fast as the fastest: of as many epochs, the most updates.

    Args:
        speeds: images a second of each size, above zero.
        near: the share of the fastest that counts as nearly as fast.
    """
    best = max(speeds.values())
    return min(size for size, speed in speeds.items() if speed >= near * best)


def about_learning_rate(strategy: Strategy) -> str:
    """What the rules for other batch sizes would make of the learning rate, which stays as it is; empty for the usual.

    The linear rule is that of Goyal et al., "Accurate, large minibatch SGD", 2017; the square root that of Krizhevsky,
    "One weird trick", 2014, which fits adaptive optimizers (Malladi et al., 2022).
    """
    factor = strategy.decided_batch_size / BATCH_SIZE
    if factor == 1:
        return ""
    rate = strategy.learning_rate
    return (
        f"strategy.learning_rate stays {rate:g}; if that was meant for batches of {BATCH_SIZE}, the linear rule (Goyal "
        f"et al. 2017, for SGD) suggests {rate * factor:.2g} for {strategy.decided_batch_size}, the square root rule "
        f"(for Adam and its like) {rate * factor**0.5:.2g}; vislab find-lr measures."
    )


def _power_below(number: int) -> int:
    """The largest power of two that is not more than a number above zero."""
    return 1 << (number.bit_length() - 1)
