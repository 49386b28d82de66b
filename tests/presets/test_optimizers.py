"""The list of optimizers is exactly those of timm whose state comes back bit for bit."""

import inspect
import json
from typing import Any

import pytest
import timm.optim
import torch
from torch import nn

from vislab.presets.optimizers import OPTIMIZERS, REFUSED, TORCH_OPTIONS

STEPS = 3


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    )


def optimizer(name: str, model: nn.Module) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    return timm.optim.create_optimizer_v2(groups, opt=name, lr=1e-2)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(6, 2, 5, 5, generator=generator)
        labels = torch.randint(0, 3, (6,), generator=generator)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 / (step + 1)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()


def through_files(value: Any, tensors: dict[str, torch.Tensor], path: str = "") -> Any:
    """What becomes of a state when tensors go into one file and everything else through JSON."""
    if isinstance(value, torch.Tensor):
        tensors[path] = value.clone()
        return {"tensor": path}
    if isinstance(value, dict):
        return {str(key): through_files(item, tensors, f"{path}/{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [through_files(item, tensors, f"{path}/{index}") for index, item in enumerate(value)]
    return json.loads(json.dumps(value))


def restored(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return tensors[value["tensor"]].clone()
        return {int(k) if k.isdigit() else k: restored(item, tensors) for k, item in value.items()}
    return [restored(item, tensors) for item in value] if isinstance(value, list) else value


def comes_back(name: str) -> bool:
    whole = network()
    first = optimizer(name, whole)
    train(whole, first, range(2 * STEPS))

    model = network()
    before = optimizer(name, model)
    train(model, before, range(STEPS))
    tensors: dict[str, torch.Tensor] = {}
    state = through_files(before.state_dict(), tensors)
    weights = {key: value.clone() for key, value in model.state_dict().items()}

    fresh = network()
    fresh.load_state_dict(weights)
    after = optimizer(name, fresh)
    after.load_state_dict(restored(state, tensors))
    train(fresh, after, range(STEPS, 2 * STEPS))
    wanted, found = whole.state_dict(), fresh.state_dict()
    moved = any(not torch.equal(wanted[key], weights[key]) for key in ("0.weight", "5.weight"))
    return moved and all(torch.equal(wanted[key], found[key]) for key in wanted)


def test_the_lists_name_every_optimizer_of_timm() -> None:
    installed = set(timm.optim.list_optimizers())
    assert installed <= OPTIMIZERS.keys() | REFUSED.keys()
    assert not OPTIMIZERS.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", TORCH_OPTIONS)
def test_the_options_of_torchs_optimizers_are_those_of_their_signatures(name: str) -> None:
    signature = inspect.signature(type(optimizer(name, network())))
    assert {"params", "lr", "weight_decay", *TORCH_OPTIONS[name]} == set(signature.parameters)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() & set(timm.optim.list_optimizers())))
def test_an_allowed_optimizer_comes_back_bit_for_bit(name: str) -> None:
    assert comes_back(name)


@pytest.mark.parametrize("name", ["adahessian", "adafactorbv", "adafactorbvc", "cadafactorbv", "cadafactorbvc"])
def test_a_refused_optimizer_does_not(name: str) -> None:
    """The others of the refused ones need a CUDA device and packages, or a minute of compilation."""
    with pytest.raises((RuntimeError, TypeError)):
        comes_back(name)
