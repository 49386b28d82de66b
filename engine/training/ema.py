"""The exponential moving average of weights."""

import copy

import torch
from torch import nn


class ExponentialMovingAverage:
    """A second copy of the model whose weights follow the trained ones slowly (Polyak & Juditsky 1992).

    Args:
        decay: share of the old average kept at an update. It begins smaller, min(decay, (1 + t) / (10 + t)), so that
            the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the model after update `step`, counted from 1. Buffers are copied."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), weight)
        for average, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(buffer)
