"""How large a model is, and what it costs to apply it to an image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from vislab.engine.models.assemble import assemble
from vislab.engine.training.strategies import trained_groups
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.strategy import Strategy


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An architecture and what it is built for.

    Attributes:
        architecture: fields of the schema.
        num_classes: length of the logits.
        in_channels: 1 or 3.
        image_size: side of the square input, pixels.
        strategy: of its fields freeze and unfreeze_every count.
        folder: what relative paths start from; empty: the working directory.
    """

    architecture: Architecture
    num_classes: int
    in_channels: int
    image_size: int
    strategy: Strategy = Strategy()
    folder: str = ""


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Build the model, with random weights, and count.

    Returns:
        parameters: of the whole model; trainable: of these, those that train in the first epoch; multiply_adds: of
        matrix products and convolutions for one image; head: names of the modules that form the head; stages: groups
        of parameters that gradual unfreezing tells apart.

    Raises:
        InputError: the model cannot be built.
    """
    wanted = msgspec.convert(request, ModelRequest)
    assembled = assemble(
        wanted.architecture,
        num_classes=wanted.num_classes,
        in_channels=wanted.in_channels,
        image_size=wanted.image_size,
        pretrained=False,
        folder=Path(wanted.folder) if wanted.folder else None,
    )
    sizes = {name: parameter.numel() for name, parameter in assembled.model.named_parameters()}
    trained = trained_groups(wanted.strategy, len(assembled.groups), epoch=1)
    trainable = {name for group in assembled.groups[len(assembled.groups) - trained :] for name in group}
    return {
        "parameters": sum(sizes.values()),
        "trainable": sum(sizes[name] for name in trainable),
        "multiply_adds": _multiply_adds(assembled.model, wanted.in_channels, wanted.image_size),
        "head": list(assembled.head),
        "stages": len(assembled.groups),
    }


def _multiply_adds(model: torch.nn.Module, channels: int, size: int) -> int:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model.eval()
    counter = FlopCounterMode(display=False)
    # Fused attention on the CPU is unknown to the counter; spelt out as matrix products it is counted.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(torch.zeros(1, channels, size, size))
    return counter.get_total_flops() // 2
