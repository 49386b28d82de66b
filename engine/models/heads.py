"""Heads: what turns a backbone's features into class logits.

A head is `head(features, num_classes, *, …) -> nn.Module`. It declares with `@takes` whether it reads the backbone's
last feature `map`, float [B, features, H, W], or its pooled `vector`, float [B, features]. Without a declaration it
reads the vector.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from torch import Tensor, nn
from torch.nn import functional

from vislab.presets.errors import InputError

Takes = Literal["map", "vector"]
_DECLARATION = "takes"
Head = TypeVar("Head", bound=Callable[..., nn.Module])


def takes(kind: Takes) -> Callable[[Head], Head]:
    """Declare a head's input: the backbone's last feature `map` or its pooled `vector`."""

    def declare(head: Head) -> Head:
        setattr(head, _DECLARATION, kind)
        return head

    return declare


def taken_by(head: Callable[..., Any]) -> Takes:
    """What a head declared with `takes`; `vector` when it declared nothing."""
    declared: Takes = getattr(head, _DECLARATION, "vector")
    return declared


class LinearHead(nn.Linear):
    """Dropout, then a linear layer: float [B, features] -> logits [B, num_classes].

    Being one module, the dropout follows the head's mode: it acts while the head trains on a backbone that is kept in
    evaluation mode. Its tensors are named like those of a plain linear layer.

    Raises:
        InputError: drop_rate outside [0, 1).
    """

    def __init__(self, features: int, num_classes: int, *, drop_rate: float = 0.0, bias: bool = True) -> None:
        if not 0.0 <= drop_rate < 1.0:
            raise InputError(f"drop_rate must be at least 0 and below 1, found {drop_rate}")
        super().__init__(features, num_classes, bias=bias)
        self.drop_rate = drop_rate

    def forward(self, vector: Tensor) -> Tensor:
        """Return the logits."""
        return super().forward(functional.dropout(vector, self.drop_rate, self.training))

    def extra_repr(self) -> str:
        """Add the drop rate to what `print` shows."""
        return f"{super().extra_repr()}, drop_rate={self.drop_rate}"


@takes("vector")
def linear(features: int, num_classes: int, *, drop_rate: float = 0.0) -> nn.Module:
    """One linear layer on the pooled features: the usual head of transfer learning."""
    return LinearHead(features, num_classes, drop_rate=drop_rate)


@takes("vector")
def mlp(features: int, num_classes: int, *, width: int = 512, drop_rate: float = 0.0) -> nn.Module:
    """One hidden dense layer on the pooled features: when a linear layer is too little."""
    return nn.Sequential(
        nn.Linear(features, width), nn.ReLU(inplace=True), LinearHead(width, num_classes, drop_rate=drop_rate)
    )


@takes("map")
def study_b(features: int, num_classes: int, *, width: int = 32, drop_rate: float = 0.0) -> nn.Module:
    """Study B's own layers: three convolutions with max pooling, an average over the map and a linear layer.

    They fit any map of at least 1 × 1: pixels in `study-b-cnn`, a backbone's last feature map in `study-b-base`.
    """
    layers: list[nn.Module] = []
    for filters in (width, 2 * width, 4 * width):
        layers += [
            nn.Conv2d(features, filters, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
        ]
        features = filters
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), LinearHead(features, num_classes, drop_rate=drop_rate)
    )
