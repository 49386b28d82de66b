"""The small residual network of Study D.

He, Zhang, Ren, Sun: Deep residual learning for image recognition (2015), with the study's own order of layers.
"""

from torch import Tensor, nn

from vislab.engine.models.network import Network
from vislab.presets.errors import InputError


class ResidualBlock(nn.Module):
    """(convolution → batch norm → ReLU) × 2 plus a skip connection; halves the map's side.

    float [B, inputs, H, W] -> float [B, filters, ceil(H / 2), ceil(W / 2)].
    """

    def __init__(self, inputs: int, filters: int, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, filters, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
        )
        self.skip = nn.Sequential(nn.Conv2d(inputs, filters, 1, stride=2, bias=False), nn.BatchNorm2d(filters))
        self.drop_path: nn.Module = nn.Identity()
        if drop_path:
            from timm.layers.drop import DropPath

            self.drop_path = DropPath(drop_path)

    def forward(self, features: Tensor) -> Tensor:
        """Return skip + residual."""
        return self.skip(features) + self.drop_path(self.residual(features))


def build(
    num_classes: int,
    *,
    in_channels: int,
    widths: tuple[int, ...] = (64, 128, 256, 512),
    drop_rate: float = 0.0,
    drop_path: float = 0.0,
) -> nn.Module:
    """Small residual network: one residual block a width, an average over the map and a linear layer.

    Raises:
        InputError: no widths, or one below 1.
    """
    if not widths or min(widths) < 1:
        raise InputError(f"the residual network needs one or more widths of 1 or more, found {list(widths)}")
    inputs = (in_channels, *widths[:-1])
    stages = [
        ResidualBlock(before, filters, drop_path=drop_path) for before, filters in zip(inputs, widths, strict=True)
    ]
    neck = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(stages, neck, widths[-1], num_classes, drop_rate=drop_rate)
