"""The one list of what a resume needs.

Training state comes from here alone, never from the log. Randomness is not in the list: it has no state.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from vislab.engine.training.checkpoint import Tensors
from vislab.engine.training.ema import ExponentialMovingAverage
from vislab.engine.training.kept import Kept
from vislab.engine.training.metrics import Accumulator
from vislab.presets.errors import InputError


@dataclass
class Position:
    """Where a run stands between two updates, and what it has found so far."""

    epoch: int = 1
    """The epoch being trained, counted from 1."""
    step: int = 0
    """Updates done in the whole run."""
    step_in_epoch: int = 0
    elapsed: float = 0.0
    """Seconds of work; pauses and stops left out."""
    epoch_seconds: float = 0.0
    """Seconds of training in this epoch."""
    interval_seconds: float = 0.0
    """Seconds of training since the last log interval, and of these, seconds spent waiting for data."""
    interval_waiting: float = 0.0
    best_figure: float | None = None
    best_epoch: int = 0
    since_best: int = 0
    """Evaluations since the best one, for patience."""
    learning_rate: float | None = None
    """The base learning rate that was asked for while training; None: the strategy's."""
    accumulate: int = 0
    """Micro-batches that make up a batch since memory ran out; 0: as many as the strategy says."""
    skipped: int = 0
    """Updates left out because they were not finite."""


@dataclass
class Resumable:
    """Everything that changes while training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    ema: ExponentialMovingAverage | None
    interval: Accumulator
    epoch: Accumulator
    position: Position = field(default_factory=Position)
    parameters: list[nn.Parameter] = field(init=False)
    """The model's."""
    update: Accumulator = field(init=False)
    """Figures of the update being made, where it may have to be left out."""
    gradient_norm: torch.Tensor | None = None
    """Norm of the last update's gradient before clipping; None where it was not measured."""
    buffers: Kept = field(init=False)
    """The model's buffers as they were before it."""
    first_bad: torch.Tensor = field(init=False)
    """int64, the first update since the last log interval that was not finite, counted from 1; 0: there was none."""

    def __post_init__(self) -> None:
        device = self.interval.sums.device
        self.parameters = list(self.model.parameters())
        self.update = Accumulator(device)
        self.buffers = Kept(self.model.buffers())
        self.first_bad = torch.zeros((), dtype=torch.int64, device=device)

    def drop_gradients(self) -> None:
        """Forget the gradients of the update before."""
        for parameter in self.parameters:
            parameter.grad = None

    def update_is_finite(self) -> torch.Tensor:
        """Whether loss and gradient of the update being made are finite: bool, no dimensions, on the device.

        With fp16 the gradient is not asked: it overflows now and then, and the scaler leaves such an update out.
        """
        finite = self.update.sums[0].isfinite()
        if self.scaler.is_enabled():
            return finite
        assert self.gradient_norm is not None
        return finite & self.gradient_norm.isfinite()

    def note_if_not_finite(self) -> None:
        """Remember the update being made in `first_bad` if it is not finite and the first such one."""
        new = (self.first_bad == 0) & ~self.update_is_finite()
        self.first_bad = torch.where(new, self.position.step + 1, self.first_bad)

    def touched_by_update(self) -> list[torch.Tensor]:
        """What an update changes in place, but for the model's buffers."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        state = [value for p in parameters for value in self.optimizer.state[p].values()]
        average = list(self.ema.model.state_dict().values()) if self.ema is not None else []
        return [*parameters, *state, *average]

    def optimizer_is_on(self, device: torch.device) -> bool:
        """Whether the optimizer's whole state is there, and in tensors on a device."""
        for group in self.optimizer.param_groups:
            if "step" in group:  # timm's LAMB counts there
                return False
            for parameter in group["params"]:
                state = self.optimizer.state.get(parameter, {})
                there = all(isinstance(v, torch.Tensor) and v.device.type == device.type for v in state.values())
                if parameter.grad is not None and not (state and there):
                    return False
        return True

    def is_finite(self) -> bool:
        """Whether the weights and the loss since the last log interval are finite: only then is a state worth saving.

        A buffer may hold an infinity by design (a mask), but no NaN. Waits for the device.
        """
        found = [parameter.detach().isfinite().all() for parameter in self.parameters]
        found += [~buffer.isnan().any() for buffer in self.model.buffers()]
        found.append(self.interval.sums[0].isfinite())
        return bool(torch.stack(found).all())

    def tensors(self) -> dict[str, Tensors]:
        """Tensors by file: weights (the model's), and state (optimizer, EMA, sums of metrics)."""
        self.interval.settle()
        state = {"metrics.interval": self.interval.sums, "metrics.epoch": self.epoch.sums}
        for number, values in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{number}.{key}": v for key, v in values.items() if isinstance(v, torch.Tensor)}
        for number, group in enumerate(self.optimizer.param_groups):  # timm's LAMB counts its steps there
            state |= {f"group.{number}.{key}": v for key, v in group.items() if isinstance(v, torch.Tensor)}
        if self.ema is not None:
            state |= {f"ema.{name}": tensor for name, tensor in self.ema.model.state_dict().items()}
        return {"weights": self.model.state_dict(), "state": state}

    def scalars(self) -> dict[str, Any]:
        """Everything that is not a tensor, as JSON can hold it."""
        optimizer = self.optimizer.state_dict()
        return {
            "position": vars(self.position).copy(),
            "updates": {"interval": self.interval.updates, "epoch": self.epoch.updates},
            "scaler": self.scaler.state_dict(),
            "optimizer": {
                "groups": [
                    {key: v for key, v in group.items() if not isinstance(v, torch.Tensor)}
                    for group in optimizer["param_groups"]
                ],
                "state": {
                    str(number): {key: v for key, v in values.items() if not isinstance(v, torch.Tensor)}
                    for number, values in optimizer["state"].items()
                },
            },
        }

    def restore(self, tensors: dict[str, Tensors], scalars: dict[str, Any]) -> None:
        """The inverse of `tensors` and `scalars`.

        Raises:
            InputError: the checkpoint belongs to another model or optimizer.
        """
        state = tensors["state"]
        try:
            self.model.load_state_dict(tensors["weights"])
            if self.ema is not None:
                self.ema.model.load_state_dict(_below(state, "ema."))
            self._restore_optimizer(_below(state, "optimizer."), _below(state, "group."), scalars["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(f"The checkpoint does not fit the run's model or optimizer: {error}") from error
        self.first_bad.zero_()
        self.interval.reset()
        self.interval.sums.copy_(state["metrics.interval"])
        self.epoch.sums.copy_(state["metrics.epoch"])
        self.interval.updates = scalars["updates"]["interval"]
        self.epoch.updates = scalars["updates"]["epoch"]
        if scalars["scaler"]:
            self.scaler.load_state_dict(scalars["scaler"])
        self.position = Position(**scalars["position"])

    def _restore_optimizer(self, tensors: Tensors, group_tensors: Tensors, scalars: dict[str, Any]) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Any]] = {int(number): dict(values) for number, values in scalars["state"].items()}
        for name, tensor in tensors.items():
            number, key = name.split(".", 1)
            state.setdefault(int(number), {})[key] = _with_strides_of(tensor, parameters[int(number)])
        groups: list[dict[str, Any]] = [
            {
                key: tuple(value) if isinstance(value, list) and key != "params" else value
                for key, value in group.items()
            }
            for group in scalars["groups"]
        ]
        for name, tensor in group_tensors.items():
            number, key = name.split(".", 1)
            groups[int(number)][key] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _with_strides_of(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """Lay a state tensor out in memory like its parameter.

    A fused optimizer walks both by the same offsets: state of other strides is silently applied to the wrong weights.
    """
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _below(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
