"""A model's figures on images that it was not trained on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from vislab.engine.data.preprocessing import normalise
from vislab.engine.data.sending import sent
from vislab.engine.data.stores import StoredPixels, in_order, portions_of
from vislab.engine.models.network import in_evaluation
from vislab.engine.training.metrics import answers, confusion, hits, macro_f1
from vislab.engine.training.precision import Precision, autocast
from vislab.presets.schema.preprocessing import Preprocessing


@dataclass(frozen=True)
class Figures:
    """What an evaluation found.

    Attributes:
        loss: mean per sample, unweighted and without label smoothing.
        accuracy, top5, macro_f1: fractions in [0, 1].
        predicted: int64 [N], on the CPU; for an answer that is not a number a class that is not the label.
        logits: float32 [N, K], on the CPU.
    """

    images: int
    loss: float
    accuracy: float
    top5: float
    macro_f1: float
    predicted: torch.Tensor
    logits: torch.Tensor


def predict_logits(
    model: nn.Module,
    pixels: StoredPixels,
    *,
    preprocessing: Preprocessing,
    precision: Precision,
    device: torch.device,
    memory_format: torch.memory_format,
    batch_size: int,
    between: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """Logits of images in evaluation mode; every module's mode is put back afterwards.

    Args:
        pixels: uint8 [N, C, S, S] at the model's input size, wherever they lie.
        between: called between batches with (batches done, batches in all); may raise to interrupt.

    Returns:
        float32 [N, K], on the CPU.
    """

    def image_batches() -> Iterator[torch.Tensor]:
        for stored in in_order(pixels, portions_of(len(pixels), batch_size)):
            images = normalise(sent(stored, device), preprocessing)
            yield images.contiguous(memory_format=memory_format)

    total = -(-len(pixels) // batch_size)
    return logits_of(model, model, image_batches(), total, precision=precision, device=device, between=between)


@torch.no_grad()
def logits_of(
    model: nn.Module,
    forward: Callable[[torch.Tensor], torch.Tensor],
    batches: Iterable[torch.Tensor],
    total: int,
    *,
    precision: Precision,
    device: torch.device,
    between: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """What `forward` makes of batches, while a model is in evaluation mode; else as `predict_logits`.

    Args:
        total: how many batches there are.
    """
    found = []
    with in_evaluation(model):
        for number, batch in enumerate(batches, 1):
            with autocast(precision, device):
                found.append(forward(batch).float())
            if between is not None:
                between(number, total)
    return torch.cat(found).cpu()


def figures(
    logits: torch.Tensor, labels: torch.Tensor, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Figures:
    """Figures from logits float32 [N, K] and labels int64 [N], both on the CPU; N is at least one.

    Args:
        loss: per-sample loss of (logits, labels).
    """
    predicted = answers(logits, labels)
    top1, top5 = hits(logits, labels)
    return Figures(
        images=len(labels),
        loss=float(loss(logits, labels).double().mean()),
        accuracy=float(top1.double().mean()),
        top5=float(top5.double().mean()),
        macro_f1=macro_f1(confusion(predicted, labels, logits.shape[1])),
        predicted=predicted,
        logits=logits,
    )
