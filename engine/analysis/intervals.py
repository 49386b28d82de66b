"""How far an accuracy measured on n images may be from the true one."""

import math
from typing import NamedTuple

Z_95 = 1.959963984540054
"""Standard normal quantile at 0.975: intervals of 95 %."""


class Interval(NamedTuple):
    """Bounds of a fraction, 0 <= low <= high <= 1."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From the lower to the upper bound."""
        return self.high - self.low


def wilson(correct: int, images: int, z: float = Z_95) -> Interval:
    """Wilson's score interval of a fraction.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212. Unlike the normal approximation it stays inside [0, 1] and holds for few
    images and for fractions near 0 and 1.

    Args:
        correct: images judged right, 0 <= correct <= images.
        images: images judged; with none of them nothing is known and the interval is [0, 1].
        z: standard normal quantile of the wanted coverage.
    """
    assert 0 <= correct <= images, (correct, images)
    if images == 0:
        return Interval(0.0, 1.0)
    share = correct / images
    scale = 1 + z * z / images
    centre = (share + z * z / (2 * images)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / images + z * z / (4 * images * images))
    # Rounding may carry the bounds of 0 and n right ones past the ends of [0, 1], where they lie exactly.
    return Interval(
        0.0 if correct == 0 else max(0.0, centre - half), 1.0 if correct == images else min(1.0, centre + half)
    )


def of_accuracy(accuracy: float, images: int) -> Interval:
    """The 95 % interval of an accuracy (a fraction in [0, 1]) measured on so many images.

    One beyond that range, as a damaged log may have it, counts as the nearest in it.
    """
    return wilson(round(min(1.0, max(0.0, accuracy)) * images), images)
