"""A model's figures on images that it was not trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from vislab.engine.data.preprocessing import normalise
from vislab.engine.training.metrics import confusion, hits, macro_f1
from vislab.engine.training.precision import Precision, autocast
from vislab.presets.schema.preprocessing import Preprocessing


@dataclass(frozen=True)
class Figures:
    """What an evaluation found.

    Attributes:
        loss: mean per sample, unweighted and without label smoothing.
        accuracy, top5, macro_f1: fractions in [0, 1].
        predicted: int64 [N], on the CPU.
        logits: float32 [N, K], on the CPU.
    """

    images: int
    loss: float
    accuracy: float
    top5: float
    macro_f1: float
    predicted: torch.Tensor
    logits: torch.Tensor


@torch.no_grad()
def predict_logits(
    model: nn.Module,
    pixels: torch.Tensor,
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
        pixels: uint8 [N, C, S, S] at the model's input size.
        between: called between batches with (batches done, batches in all); may raise to interrupt.

    Returns:
        float32 [N, K], on the CPU.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    found = []
    total = -(-len(pixels) // batch_size)
    try:
        for number in range(total):
            chunk = pixels[number * batch_size : (number + 1) * batch_size].to(device, non_blocking=True)
            images = normalise(chunk, preprocessing).contiguous(memory_format=memory_format)
            with autocast(precision, device):
                found.append(model(images).float())
            if between is not None:
                between(number + 1, total)
    finally:
        for module, mode in modes:
            module.training = mode
    return torch.cat(found).cpu()


def figures(
    logits: torch.Tensor, labels: torch.Tensor, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Figures:
    """Figures from logits float32 [N, K] and labels int64 [N], both on the CPU; N is at least one.

    Args:
        loss: per-sample loss of (logits, labels).
    """
    predicted = logits.argmax(dim=1)
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
