"""Which part of a network trains, and that the frozen part stays exactly as it was."""

import hashlib
from collections.abc import Iterable

import torch
from torch import nn

from vislab.presets.schema.strategy import Strategy


def trained_groups(strategy: Strategy, groups: int, epoch: int) -> int:
    """How many groups of parameters train in an epoch (counted from 1), from the head downwards."""
    match strategy.freeze:
        case "none":
            return groups
        case "backbone":
            return 1
        case "gradual":
            return min(groups, 1 + (epoch - 1) // strategy.unfreeze_every)


def freeze(model: nn.Module, head: Iterable[str], groups: tuple[tuple[str, ...], ...], trained: int) -> None:
    """Let the last `trained` groups of parameters train and put everything else into evaluation mode.

    Batch norm, dropout and stochastic depth of the frozen part are all in evaluation mode: neither its parameters nor
    its buffers change. A module that holds frozen and training parts is itself in training mode (it may apply the
    head's dropout); its own parameterless children follow the frozen part, unless they belong to the head.

    Args:
        head: dotted names of the modules of the head.
        groups: names of parameters from the input upwards; the last one is the head's.
        trained: how many groups train, counted from the head.
    """
    training = {name for group in groups[len(groups) - trained :] for name in group}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in training)
        if name not in training:
            parameter.grad = None
    everything = trained == len(groups)
    model.train(everything)
    if everything:
        return
    for module in model.modules():
        flags = {parameter.requires_grad for parameter in module.parameters()}
        if flags == {True}:
            module.train()
        elif True in flags:
            module.training = True
    for name in head:
        model.get_submodule(name).train()


def state_hash(tensors: Iterable[tuple[str, torch.Tensor]]) -> str:
    """A hash of names, shapes and bits, for proving that something did not change."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in tensors:
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def frozen_state(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters that do not train, and buffers of modules in evaluation mode."""
    tensors: list[tuple[str, torch.Tensor]] = [
        (name, parameter) for name, parameter in model.named_parameters() if not parameter.requires_grad
    ]
    for prefix, module in model.named_modules():
        if not module.training:
            tensors += [(f"{prefix}.{name}", buffer) for name, buffer in module.named_buffers(recurse=False)]
    return tensors
