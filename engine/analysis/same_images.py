"""Two models on the same images: McNemar's test."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vislab.engine.analysis.intervals import Z_95
from vislab.engine.analysis.predictions import Prediction
from vislab.presets.errors import InputError

LEVEL = 0.05
"""From this p-value down a difference counts as shown."""


class SameImages(NamedTuple):
    """Two models, A and B, judged on the same images."""

    images: int
    both_right: int
    only_a: int
    """Images that only A got right."""
    only_b: int
    both_wrong: int
    p: float
    """Two-sided p-value of the exact test; as adjusted by `holm` where several are told together."""

    @property
    def shown(self) -> bool:
        """Whether the difference is larger than chance would often make it."""
        return self.p <= LEVEL


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value that two models are right equally often, from the images that only one got right.

    Were the models equally good, either would be as likely to be the one that is right: the smaller count is then
    binomial with probability 1/2. Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947), 153-157; exact form as in A. Agresti, "Categorical Data
    Analysis" (2013), 11.1. Computed in whole numbers.
    """
    differing, smaller = only_a + only_b, min(only_a, only_b)
    term = total = 1
    for count in range(smaller):
        term = term * (differing - count) // (count + 1)
        total += term
    return min(1.0, 2 * total / 2**differing)


def same_images(a: Sequence[Prediction], b: Sequence[Prediction]) -> SameImages:
    """Compare two models on the images that both were judged by.

    Raises:
        InputError: other images or other labels; one sentence that says how they differ.
    """
    first, second = ({row.name: row for row in rows} for rows in (a, b))
    if not a or not b:
        raise InputError("No same-images test: there are no predictions; they are written when a run is done.")
    if len(first) < len(a) or len(second) < len(b):
        raise InputError("No same-images test: two images of a run have the same name.")
    common = first.keys() & second.keys()
    if len(common) < max(len(first), len(second)):
        raise InputError(
            f"No same-images test: the runs were judged by different images ({len(common)} in common of "
            f"{len(first)} and {len(second)})."
        )
    relabelled = sum(first[name].label != second[name].label for name in common)
    if relabelled:
        raise InputError(f"No same-images test: {relabelled} of {len(common)} images have another label in each run.")
    counts = {(right_a, right_b): 0 for right_a in (True, False) for right_b in (True, False)}
    for name in common:
        counts[first[name].right, second[name].right] += 1
    only_a, only_b = counts[True, False], counts[False, True]
    return SameImages(len(common), counts[True, True], only_a, only_b, counts[False, False], mcnemar(only_a, only_b))


def images_to_show(images: int, only_a: float, only_b: float) -> int:
    """Images at which McNemar's test would show two models to differ, were they right as often as on these.

    From the normal approximation of the test: (b - c)^2 / (b + c) grows with the images and must reach 1.96^2.

    Args:
        images: images that were judged.
        only_a, only_b: of them, those that only one got right.

    Returns:
        0 where both were right alone equally often: no number of images would do.
    """
    if only_a == only_b:
        return 0
    return math.ceil(images * Z_95**2 * (only_a + only_b) / (only_a - only_b) ** 2)


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for being several: the chance of any false difference among them stays at the level.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
    65-70.
    """
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda index: values[index])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted
