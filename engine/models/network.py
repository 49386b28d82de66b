"""The common shapes of networks: stages, neck and linear head of our own; any backbone with a head put on it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from vislab.engine.models.heads import LinearHead, Takes


class Network(nn.Module):
    """Images, float [B, C, S, S] -> stages -> neck -> head -> logits [B, num_classes].

    Args:
        stages: from the input upwards; what gradual unfreezing and layer-wise learning rates tell apart.
        neck: turns the last stage's output into a vector, float [B, width].
        width: length of that vector.
        num_classes: 0 leaves the head out; the network then returns the vector.
        drop_rate: dropout before the linear head.
        bias: the linear head has one.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        neck: nn.Module,
        width: int,
        num_classes: int,
        *,
        drop_rate: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(*stages)
        self.neck = neck
        self.head = LinearHead(width, num_classes, drop_rate=drop_rate, bias=bias) if num_classes else nn.Identity()

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last stage's output, the feature map of a convolutional network."""
        return self.features(images)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.neck(self.features(images)))


class BackboneWithHead(nn.Module):
    """A head of its own on a backbone's last feature map or pooled vector."""

    def __init__(self, backbone: nn.Module, head: nn.Module, takes: Takes) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.takes: Takes = takes

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(features_of(self.backbone, self.takes, images))


def features_of(backbone: nn.Module, takes: Takes, images: Tensor) -> Tensor:
    """What a head takes of a backbone: its last feature map, float [B, F, H, W], or its pooled vector, float [B, F].

    The vector is what the backbone returns; the map is what its `forward_features` returns, where it has one.
    """
    forward_features: Callable[[Tensor], Tensor] | None = getattr(backbone, "forward_features", None)
    if takes == "vector" or forward_features is None:
        return backbone(images)
    features = forward_features(images)
    # timm's name for models that keep channels last, such as Swin
    return features.permute(0, 3, 1, 2) if getattr(backbone, "output_fmt", "NCHW") == "NHWC" else features


@contextmanager
def in_evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards each module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
