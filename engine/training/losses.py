"""Losses: one number a sample, from logits and (possibly mixed) labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from vislab.engine.code import load
from vislab.engine.data.batches import Batch
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy

PerSample = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits float32 [B, K], targets float32 [B, K] summing to one) -> float32 [B]"""


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of softmax(logits) with target distributions."""
    return -(targets * F.log_softmax(logits, dim=1)).sum(dim=1)


def binary_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Sum over classes of the binary cross-entropy of sigmoid(logits): each class is a question of its own.

    Wightman et al. 2021, "ResNet strikes back".
    """
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(dim=1)


def focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Focal loss with gamma = 2: cross-entropy in which well classified samples count less. Lin et al. 2017."""
    log_probabilities = F.log_softmax(logits, dim=1)
    return -(targets * (1 - log_probabilities.exp()).square() * log_probabilities).sum(dim=1)


BUILT_IN: dict[str, PerSample] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "focal": focal,
}


class Loss:
    """The training objective: a weighted mean over samples, whatever the batch and the micro-batch.

    With class weights, cross-entropy and the focal loss follow torch's CrossEntropyLoss(weight=…): each class's share
    of a target counts with that class's weight, and the sum is divided by the weights of the samples.

    Args:
        class_weights: float32 [K], the weight of each class's samples; None: all one.
        own: a user's function (logits [B, K], labels int64 [B]) -> [B] or a scalar mean.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        per_sample: PerSample | None,
        label_smoothing: float = 0.0,
        class_weights: torch.Tensor | None = None,
        own: Callable[..., Any] | None = None,
        own_name: str = "",
    ) -> None:
        assert (per_sample is None) != (own is None)
        self._num_classes = num_classes
        self._per_sample = per_sample
        self._label_smoothing = label_smoothing
        self._class_weights = class_weights
        self._own = own
        self._own_name = own_name

    def weights(self, batch: Batch) -> torch.Tensor | None:
        """The weight of each sample, float32 [B]; of a mixed sample, that of both labels by their shares.

        None where all are one.
        """
        if self._class_weights is None:
            return None
        own = self._class_weights[batch.labels]
        if batch.share is None or batch.partner_labels is None:
            return own
        return own * batch.share + self._class_weights[batch.partner_labels] * (1 - batch.share)

    def __call__(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of each sample, float32 [B], before it is multiplied by the sample's weight."""
        logits = logits.float()
        if self._own is not None:
            return self._own_loss(logits, batch)
        assert self._per_sample is not None
        weights = self.weights(batch)
        if self._per_sample is cross_entropy and weights is None and batch.share is None and not self._label_smoothing:
            return F.cross_entropy(logits, batch.labels, reduction="none")  # the same bits, and three times as fast
        targets = self._targets(batch)
        if self._class_weights is not None and weights is not None and self._per_sample is not binary_cross_entropy:
            targets = targets * self._class_weights / weights[:, None]
        return self._per_sample(logits, targets)

    def plain(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of each sample without label smoothing: what validation reports. float32 [B]."""
        batch = Batch(logits, labels)
        if self._own is not None:
            return self._own_loss(logits.float(), batch)
        assert self._per_sample is not None
        return self._per_sample(logits.float(), F.one_hot(labels, self._num_classes).float())

    def _targets(self, batch: Batch) -> torch.Tensor:
        targets = F.one_hot(batch.labels, self._num_classes).float()
        if batch.share is not None and batch.partner_labels is not None:
            partners = F.one_hot(batch.partner_labels, self._num_classes).float()
            targets = torch.lerp(partners, targets, batch.share[:, None])
        if self._label_smoothing:
            targets = targets * (1 - self._label_smoothing) + self._label_smoothing / self._num_classes
        return targets

    def _own_loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert self._own is not None
        losses = self._one_own_loss(logits, batch.labels)
        if batch.share is not None and batch.partner_labels is not None:
            losses = torch.lerp(self._one_own_loss(logits, batch.partner_labels), losses, batch.share)
        return losses

    def _one_own_loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        assert self._own is not None
        losses = self._own(logits, labels)
        if not isinstance(losses, torch.Tensor) or losses.shape not in ((), labels.shape):
            found = tuple(losses.shape) if isinstance(losses, torch.Tensor) else type(losses).__name__
            raise InputError(
                f"The loss {self._own_name} must return a tensor of one number, or of one a sample "
                f"({len(labels)} here); it returned {found}."
            )
        return losses.float().expand(len(labels))


def make_loss(strategy: Strategy, *, counts: list[int], device: torch.device, folder: Path | None = None) -> Loss:
    """The loss that a strategy names.

    Args:
        counts: training images of each class, for class_weights = "balanced" (N / (K x count), as scikit-learn's).
        folder: where the copies of the user's own files lie.

    Raises:
        InputError: an unknown loss, or a class without training images whose weight would be infinite.
    """
    class_weights = None
    if strategy.class_weights == "balanced":
        present = torch.tensor(counts, dtype=torch.float64)
        weights = present.sum() / (len(counts) * present.clamp(min=1))
        class_weights = weights.to(device=device, dtype=torch.float32)
    own = load(strategy.loss, folder) if strategy.loss not in BUILT_IN else None
    return Loss(
        num_classes=len(counts),
        per_sample=BUILT_IN.get(strategy.loss),
        label_smoothing=strategy.label_smoothing,
        class_weights=class_weights,
        own=own,
        own_name=strategy.loss,
    )
