"""GoogLeNet (Inception v1) with batch norm after each convolution and without auxiliary classifiers.

Szegedy and others: Going deeper with convolutions (2014), table 1; batch norm after Ioffe and Szegedy: Batch
normalization (2015), which made the auxiliary classifiers needless. The large branch is 5×5, as in the paper.
"""

import torch
from torch import Tensor, nn

from vislab.engine.models.network import Network

# Filters of 1×1; reduction and 3×3; reduction and 5×5; projection after the pool. A new row of the tuple begins after
# a max pool. Columns of the paper's table 1.
STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


class Inception(nn.Module):
    """Four branches side by side: 1×1, 3×3, 5×5 and a max pool; the map keeps its side.

    float [B, inputs, H, W] -> float [B, sum of the branches' filters, H, W].
    """

    def __init__(self, inputs: int, filters: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, projection = filters
        self.branches = nn.ModuleList(
            [
                _convolution(inputs, one, 1),
                nn.Sequential(_convolution(inputs, reduce3, 1), _convolution(reduce3, three, 3)),
                nn.Sequential(_convolution(inputs, reduce5, 1), _convolution(reduce5, five, 5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), _convolution(inputs, projection, 1)),
            ]
        )
        self.filters = one + three + five + projection

    def forward(self, features: Tensor) -> Tensor:
        """Return the branches' maps, one after the other."""
        return torch.cat([branch(features) for branch in self.branches], dim=1)


def build(num_classes: int, *, in_channels: int, drop_rate: float = 0.4) -> nn.Module:
    """GoogLeNet: nine inception modules, 22 layers deep, with batch norm."""
    stages: list[nn.Module] = [
        nn.Sequential(_convolution(in_channels, 64, 7, stride=2), _pool()),
        nn.Sequential(_convolution(64, 64, 1), _convolution(64, 192, 3), _pool()),
    ]
    features = 192
    for number, rows in enumerate(STAGES):
        modules: list[nn.Module] = []
        for filters in rows:
            module = Inception(features, filters)
            modules.append(module)
            features = module.filters
        if number < len(STAGES) - 1:
            modules.append(_pool())
        stages.append(nn.Sequential(*modules))
    neck = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(stages, neck, features, num_classes, drop_rate=drop_rate)


def _convolution(inputs: int, filters: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, filters, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(inplace=True),
    )


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)
