"""How far a model's probabilities can be believed, and one number that makes them better.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: On calibration of modern neural networks, ICML 2017.
"""

import torch

BINS = 15
COOLEST, HOTTEST = 0.01, 100.0
"""Bounds of a fitted temperature. A model that is right on every image would have its probabilities all made one."""

_HALVINGS = 60


def calibration_error(logits: torch.Tensor, labels: torch.Tensor, *, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over bins of confidence of equal width.

    Confidence is the largest probability, the predicted class the first that has it. A bin holds what lies above its
    lower edge up to its upper one, and counts with its share of the images.

    Args:
        logits: [N, K], N at least one, finite.
        labels: int64 [N].

    Returns:
        In [0, 1].
    """
    shares = logits.double().softmax(dim=1)
    confidence, predicted = shares.amax(dim=1), logits.argmax(dim=1)
    inner_edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    place = torch.bucketize(confidence, inner_edges)
    gaps = torch.zeros(bins, dtype=torch.float64)
    gaps.index_add_(0, place, (predicted == labels).double() - confidence)
    return float(gaps.abs().sum() / len(labels))


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float | None:
    """The temperature T for which softmax(logits / T) has the smallest cross-entropy.

    The cross-entropy is convex in 1 / T, so bisection on its derivative finds the minimum between the bounds.

    Args:
        logits: [N, K], N at least one, finite.
        labels: int64 [N].

    Returns:
        In [COOLEST, HOTTEST]; None where no temperature makes a difference.
    """
    scores = logits.double()
    scores = scores - scores.gather(1, labels[:, None])  # the label's own score is zero

    def slope(inverse: float) -> float:
        return float(((scores * inverse).softmax(dim=1) * scores).sum(dim=1).mean())

    if not scores.any():
        return None
    low, high = 1 / HOTTEST, 1 / COOLEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COOLEST
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 1 / (low * high) ** 0.5
