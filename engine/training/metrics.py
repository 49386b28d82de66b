"""Figures of training and validation. Losses are means per sample, accuracies fractions in [0, 1]."""

import torch

from vislab.engine.data.batches import Batch

_TOGETHER = 65_536  # logits counted at once: small updates would pay more for the calls than for the arithmetic


class Accumulator:
    """Sums over samples, kept on the device: nothing waits for it until it is read.

    Hits are counted of several updates together; `settle` brings them into the sums.

    Attributes:
        sums: float64 [6] (float32 on MPS, which has no float64): weighted loss, weight, top-1 hits, top-5 hits,
            images, updates left out. The loss is always up to date.
        updates: how many updates went in, those left out included.
    """

    NAMES = ("loss", "weight", "top1", "top5", "images", "skipped")

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(len(self.NAMES), dtype=torch.float32 if device.type == "mps" else torch.float64).to(
            device
        )
        self.updates = 0
        self._loss, self._weight = self.sums[0], self.sums[1]
        self._plain_weight = 0.0  # of samples whose weight needs no tensor
        self._unsettled: list[tuple[torch.Tensor, torch.Tensor]] = []  # logits and labels
        self._logits = 0  # how many numbers they are

    def add(self, logits: torch.Tensor, loss: torch.Tensor, weight: torch.Tensor | float, batch: Batch) -> None:
        """Take one micro-batch.

        A mixed sample counts as right when the label of the larger share is predicted.

        Args:
            logits: [B, K]; not to be changed afterwards.
            loss: weighted sum over the samples, no dimensions.
            weight: sum of the samples' weights.
        """
        labels = batch.labels
        if batch.share is not None and batch.partner_labels is not None:
            labels = torch.where(batch.share >= 0.5, labels, batch.partner_labels)
        self._loss += loss
        if isinstance(weight, torch.Tensor):
            self._weight += weight
        else:
            self._plain_weight += weight
        self._unsettled.append((logits, labels))
        self._logits += logits.numel()
        if self._logits >= _TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Bring the sums up to date. Waits for no device."""
        if self._unsettled:
            logits, labels = (torch.cat(column) for column in zip(*self._unsettled, strict=True))
            top1, top5 = hits(logits, labels)
            self.sums[2:5] += torch.stack([top1.sum(), top5.sum(), torch.full_like(top1, 1).sum()])
            self._weight += self._plain_weight
            self._forget_unsettled()

    def _forget_unsettled(self) -> None:
        self._plain_weight = 0.0
        self._unsettled.clear()
        self._logits = 0

    def leave_out_unless(self, finite: torch.Tensor) -> None:
        """Where `finite` (bool, no dimensions) is false, forget these sums and count one update as left out."""
        self.settle()
        self.sums.copy_(torch.where(finite, self.sums, torch.zeros_like(self.sums)))
        self.sums[5] = ~finite

    def merge(self, other: "Accumulator") -> None:
        """Add another's sums to these."""
        other.settle()
        self.sums += other.sums
        self.updates += other.updates

    def reset(self) -> None:
        """Start again from zero."""
        self.sums.zero_()
        self.updates = 0
        self._forget_unsettled()

    def read(self) -> dict[str, float]:
        """Means: loss, accuracy, top5; and the numbers images and skipped. Waits for the device."""
        self.settle()
        loss, weight, top1, top5, images, skipped = self.sums.tolist()
        return {
            "loss": loss / weight if weight else 0.0,
            "accuracy": top1 / images if images else 0.0,
            "top5": top5 / images if images else 0.0,
            "images": images,
            "skipped": skipped,
        }


def hits(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether the label is the first, and among the first five, of the logits: two float32 [B].

    Of equal logits the one of the lower class index comes first, as in argmax. A row with a NaN is wrong.
    """
    own = logits.gather(1, labels[:, None])
    index = torch.arange(logits.shape[1], device=logits.device)
    ahead = (logits > own) | ((logits == own) & (index < labels[:, None]))
    rank = ahead.sum(dim=1)
    finite = ~logits.isnan().any(dim=1)
    return ((rank < 1) & finite).float(), ((rank < 5) & finite).float()


def answers(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The class that each row of logits [B, K] answers, int64 [B]: the first of the largest, as in argmax.

    A row with a NaN answers nothing, which is wrong: it counts as the first class that is not the label, so that no
    figure takes it for right.
    """
    wrong = (labels == 0).long().clamp(max=logits.shape[1] - 1)
    return torch.where(logits.isnan().any(dim=1), wrong, logits.argmax(dim=1))


def confusion(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Confusion matrix, int64 [classes, classes]: rows are true classes, columns predicted ones."""
    pairs = labels * classes + predicted
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def macro_f1(matrix: torch.Tensor) -> float:
    """Mean of the classes' F1 scores, over classes that occur or are predicted; 0.0 without any sample.

    Equals scikit-learn's `f1_score(average="macro", zero_division=0)`.
    """
    matrix = matrix.double()
    right = matrix.diagonal()
    support, predicted = matrix.sum(dim=1), matrix.sum(dim=0)
    present = (support + predicted) > 0
    if not present.any():
        return 0.0
    return float((2 * right[present] / (support + predicted)[present]).mean())
