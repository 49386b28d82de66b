"""From uniform draws in [0, 1) to numbers of other ranges."""

from torch import Tensor


def symmetric(draws: Tensor, extent: float) -> Tensor:
    """Uniform in [-extent, extent]."""
    return (2 * draws - 1) * extent


def between(draws: Tensor, low: float, high: float) -> Tensor:
    """Uniform in [low, high]."""
    return low + draws * (high - low)


def whole(draws: Tensor, count: int | Tensor) -> Tensor:
    """Uniform whole numbers from 0 to count - 1, int64; the product of a draw next to 1 may round up to count."""
    return (draws * count).floor().long().clamp(max=count - 1)
