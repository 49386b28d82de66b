"""The optimizer and its parameter groups."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from vislab.engine.training.schedules import learning_rate
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy

# These are timm's optimizers of the same names, which are torch's. Building them here spares the import of timm
# (seconds) to runs that need nothing else of it.
_OF_TORCH: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "sgd": (torch.optim.SGD, {"nesterov": True}),
    "momentum": (torch.optim.SGD, {"nesterov": False}),
}


def make_optimizer(
    strategy: Strategy, model: nn.Module, groups: tuple[tuple[str, ...], ...], device: torch.device
) -> torch.optim.Optimizer:
    """Build the strategy's optimizer over all parameters that train at any time of the run.

    Parameter groups differ by learning rate (head, normalisation layers, layer decay) and weight decay (none on norms
    and biases, which are the parameters of fewer than two dimensions). They are as few as that allows, since each costs
    calls at every update. Each carries `base`, the rate after the warm-up.

    Args:
        groups: names of parameters from the input upwards; the last one is the head's.

    Raises:
        InputError: an option that the optimizer does not have.
    """
    parameters = dict(model.named_parameters())
    norms = _of_norms(model) if strategy.norm_learning_rate else frozenset()
    kept = groups[-1:] if strategy.freeze == "backbone" else groups
    alike: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for depth, names in enumerate(reversed(kept)):
        head = depth == 0
        base = (strategy.head_learning_rate or strategy.learning_rate) if head else strategy.learning_rate
        factor = strategy.layer_decay**depth if strategy.layer_decay else 1.0
        for norm, decays in ((False, True), (False, False), (True, False)):
            rate = (strategy.norm_learning_rate if norm else base) * factor
            members = [
                parameters[name]
                for name in names
                if (name in norms) == norm and (parameters[name].ndim >= 2 and not norm) == decays
            ]
            if members:
                alike.setdefault((rate, strategy.weight_decay if decays else 0.0, norm), []).extend(members)
    parameter_groups: list[dict[str, Any]] = [
        {"params": members, "base": rate, "lr": rate, "weight_decay": weight_decay, "norm": norm}
        for (rate, weight_decay, norm), members in alike.items()
    ]
    return _build(strategy, parameter_groups, device)


def set_learning_rates(
    optimizer: torch.optim.Optimizer, minimum: float, factor: float, base_factor: float = 1.0
) -> float:
    """Set each group's rate for the coming update; returns what `shown_learning_rate` does.

    Args:
        base_factor: multiplies each group's base rate, so that the ratios between groups stay.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(group["base"] * base_factor, minimum, factor)
    return shown_learning_rate(optimizer)


def shown_learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate to tell of: the largest, those of normalisation layers with a rate of their own left out."""
    return max(group["lr"] for group in optimizer.param_groups if not group.get("norm", False))


def implementation(optimizer: torch.optim.Optimizer) -> str:
    """Which of torch's implementations runs: fused, foreach or a loop over parameters."""
    if optimizer.defaults.get("fused"):
        return "fused"
    return "foreach" if optimizer.defaults.get("foreach") else "default"


def _of_norms(model: nn.Module) -> frozenset[str]:
    """Names of the parameters of normalisation layers, timm's own (subclasses of torch's) among them."""
    return frozenset(
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        if isinstance(module, _NormBase | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm)
        for name, _ in module.named_parameters(recurse=False)
    )


def _build(strategy: Strategy, parameter_groups: list[dict[str, Any]], device: torch.device) -> torch.optim.Optimizer:
    options: dict[str, Any] = dict(strategy.optimizer_options)
    for name, value in options.items():
        if isinstance(value, list):
            options[name] = tuple(value)
    name = strategy.optimizer.lower()
    build: Callable[..., torch.optim.Optimizer]
    if name in _OF_TORCH:
        optimizer, defaults = _OF_TORCH[name]
        options = defaults | options
        if optimizer is torch.optim.SGD:
            options.setdefault("momentum", strategy.momentum)
            options["nesterov"] = options["nesterov"] and options["momentum"] > 0
        if not any(options.get(choice) for choice in ("fused", "foreach", "capturable", "differentiable")):
            options.setdefault("fused", device.type in ("cpu", "cuda"))
        _check(strategy, optimizer, options)
        build = optimizer
    else:
        import timm
        from timm.optim._optim_factory import create_optimizer_v2, default_registry

        if name not in default_registry.list_optimizers():
            raise InputError(
                f"strategy.optimizer: timm {timm.__version__} has no {name}, newer ones have. Install a newer timm, or "
                "take another optimizer, such as adamw."
            )
        _check(strategy, default_registry.get_optimizer_class(name, bind_defaults=False), options)
        if default_registry.get_optimizer_info(name).has_momentum:
            options.setdefault("momentum", strategy.momentum)
        build = partial(create_optimizer_v2, opt=name)
    try:
        return build(parameter_groups, lr=strategy.learning_rate, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"optimizer {strategy.optimizer} refuses its options {options}: {error}") from error


def _check(strategy: Strategy, optimizer: Callable[..., Any], options: dict[str, Any]) -> None:
    known = [name for name in inspect.signature(optimizer).parameters if name not in ("params", "lr", "weight_decay")]
    for option in options:
        if option not in known:
            raise InputError(
                f"strategy.optimizer_options: {strategy.optimizer} has no option {option!r}; it has {', '.join(known)}"
            )
