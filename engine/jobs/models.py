"""How large a model is, what it costs to apply it to an image, and what memory training it takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.training.optim import make_optimizer
from vislab.engine.training.strategies import freeze, trained_groups
from vislab.presets.errors import InputError
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.strategy import BATCH_SIZE, Strategy

_PROBE = 256  # side of the matrix on which an optimizer shows how much state it keeps


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An architecture and what it is built for.

    Attributes:
        architecture: fields of the schema.
        num_classes: length of the logits.
        in_channels: 1 or 3.
        image_size: side of the square input, pixels.
        strategy: of its fields freeze, unfreeze_every, batch_size, accumulate, optimizer, its options and ema count; a
            batch_size of auto counts as the usual one.
        precision: auto, fp32, bf16 or fp16.
        folder: what relative paths start from; empty: the working directory.
    """

    architecture: Architecture
    num_classes: int
    in_channels: int
    image_size: int
    strategy: Strategy = Strategy()
    precision: str = "fp32"
    folder: str = ""


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Build the model, with random weights, and count.

    Returns:
        parameters: of the whole model; trainable: of these, those that train in the first epoch; multiply_adds: of
        matrix products and convolutions for one image; memory: an estimate in bytes of what training holds at its
        peak: weights, gradients, optimizer (its state), activations (of one micro-batch) and total; images, the
        library's own memory and fragments are left out; head: names of the modules that form the head; stages: groups
        of parameters that gradual unfreezing tells apart.

    Raises:
        InputError: the model cannot be built, or the optimizer refuses its options.
    """
    wanted = msgspec.convert(request, ModelRequest)
    assembled, device = _assembled(wanted)
    groups = assembled.groups
    sizes = {name: parameter.numel() for name, parameter in assembled.model.named_parameters()}
    trained = trained_groups(wanted.strategy, len(groups), epoch=1)
    trainable = {name for group in groups[len(groups) - trained :] for name in group}
    return {
        "parameters": sum(sizes.values()),
        "trainable": sum(sizes[name] for name in trainable),
        "multiply_adds": _multiply_adds(assembled.model, wanted, device),
        "memory": _memory(assembled, wanted, device),
        "head": list(assembled.head),
        "stages": len(groups),
    }


def _assembled(wanted: ModelRequest) -> tuple[Assembled, str]:
    """The model on the meta device, which holds shapes and no numbers; on the CPU where its code needs numbers."""

    def build() -> Assembled:
        return assemble(
            wanted.architecture,
            num_classes=wanted.num_classes,
            in_channels=wanted.in_channels,
            image_size=wanted.image_size,
            pretrained=False,
            folder=Path(wanted.folder) if wanted.folder else None,
        )

    try:
        with torch.device("meta"):
            return build(), "meta"
    except InputError:
        return build(), "cpu"


def _multiply_adds(model: torch.nn.Module, wanted: ModelRequest, device: str) -> int:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model.eval()
    counter = FlopCounterMode(display=False)
    # Fused attention on the CPU is unknown to the counter; spelt out as matrix products it is counted.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(torch.zeros(1, wanted.in_channels, wanted.image_size, wanted.image_size, device=device))
    return counter.get_total_flops() // 2


def _memory(assembled: Assembled, wanted: ModelRequest, device: str) -> dict[str, int]:
    """Bytes at the peak of the run, when with gradual unfreezing everything trains."""
    strategy, groups = wanted.strategy, assembled.groups
    trained = 1 if strategy.freeze == "backbone" else len(groups)
    freeze(assembled.model, assembled.head, groups, trained)
    weights = _bytes([*assembled.model.parameters(), *assembled.model.buffers()])
    gradients = _bytes(parameter for parameter in assembled.model.parameters() if parameter.requires_grad)
    found = {
        "weights": weights * (2 if strategy.ema else 1),
        "gradients": gradients,
        "optimizer": int(gradients * _state_share(strategy)),
        "activations": _activations(assembled.model, wanted, device),
    }
    return found | {"total": sum(found.values())}


def _state_share(strategy: Strategy) -> float:
    """Elements of an optimizer's state for each element of a large matrix, by one update of a small model."""
    with torch.device("cpu"):
        probe = torch.nn.Linear(_PROBE, _PROBE, bias=False)
    options = msgspec.structs.replace(strategy, freeze="none")
    optimizer = make_optimizer(options, probe, (("weight",),), torch.device("cpu"))
    probe.weight.grad = torch.ones_like(probe.weight)
    optimizer.step()
    state = [value for value in optimizer.state[probe.weight].values() if isinstance(value, torch.Tensor)]
    return sum(value.numel() for value in state if value.ndim) / probe.weight.numel()


def _activations(model: torch.nn.Module, wanted: ModelRequest, device: str) -> int:
    """Bytes that the forward pass of one micro-batch keeps for the backward pass, and the largest output besides.

    Measured on two images, since batch normalisation cannot train on one.
    """
    kept: dict[int, torch.UntypedStorage] = {}
    own = {parameter.untyped_storage()._cdata for parameter in [*model.parameters(), *model.buffers()]}
    largest = 0

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage  # held, so that its address is not given to another
        return tensor

    def look(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        nonlocal largest
        if isinstance(output, torch.Tensor):
            largest = max(largest, output.untyped_storage().nbytes())

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    images = torch.zeros(2, wanted.in_channels, wanted.image_size, wanted.image_size, device=device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(images)
    for hook in hooks:
        hook.remove()
    batch = BATCH_SIZE if wanted.strategy.batch_size == "auto" else wanted.strategy.batch_size
    micro_batch = -(-batch // wanted.strategy.accumulate)
    for_two = sum(storage.nbytes() for storage in kept.values()) + 2 * largest
    halved = 2 if wanted.precision in ("bf16", "fp16") else 1  # auto may choose fp32
    return for_two * micro_batch // 2 // halved


def _bytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
