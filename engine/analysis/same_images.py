"""Two models on the same images: McNemar's test."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vislab.engine.analysis.intervals import Z_95
from vislab.engine.analysis.predictions import Predictions
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


def same_images(a: Predictions, b: Predictions) -> SameImages:
    """Compare two models on the images that both were judged by.

    Raises:
        InputError: other images or other labels; one sentence that says how they differ.
    """
    if not a or not b:
        raise InputError(
            "No same-images test: there are no predictions; they are written when a run is done "
            "that holds images out for validation or test."
        )
    if not (a.names.distinct and b.names.distinct):
        raise InputError("No same-images test: two images of a run have the same name.")
    in_b = _places(a.names, b.names)
    common = len(in_b) - in_b.count(-1)
    if common < max(len(a), len(b)):
        raise InputError(
            f"No same-images test: the runs were judged by different images ({common} in common of {len(a)} and "
            f"{len(b)})."
        )
    classes = _places(b.classes, a.classes)
    relabelled = sum(label != classes[b.labels[place]] for label, place in zip(a.labels, in_b, strict=True))
    if relabelled:
        raise InputError(f"No same-images test: {relabelled} of {common} images have another label in each run.")
    counts = Counter(zip(a.right, map(b.right.__getitem__, in_b), strict=True))
    only_a, only_b = counts[True, False], counts[False, True]
    return SameImages(common, counts[True, True], only_a, only_b, counts[False, False], mcnemar(only_a, only_b))


def _places(names: Sequence[str], among: Sequence[str]) -> "array[int]":
    """Where each name stands among others, each of which is there once; -1: nowhere."""
    if names == among:  # as always, where runs were judged by the same images
        return array("l", range(len(names)))
    places = {name: place for place, name in enumerate(among)}
    return array("l", (places.get(name, -1) for name in names))


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
