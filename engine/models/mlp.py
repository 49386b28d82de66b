"""The multilayer perceptron: dense layers on flattened pixels, blind to where a pixel lies."""

from torch import nn

from vislab.engine.models.network import Network
from vislab.presets.errors import InputError


def build(
    num_classes: int,
    *,
    in_channels: int,
    image_size: int,
    width: int = 512,
    depth: int = 2,
    drop_rate: float = 0.0,
) -> nn.Module:
    """Multilayer perceptron: `depth` hidden layers of `width` units with ReLU on flattened pixels.

    Raises:
        InputError: width or depth below 1.
    """
    if width < 1 or depth < 1:
        raise InputError(f"the multilayer perceptron needs width and depth of 1 or more, found {width} and {depth}")
    inputs = [in_channels * image_size * image_size] + [width] * (depth - 1)
    stages = [nn.Sequential(nn.Linear(features, width), nn.ReLU(inplace=True)) for features in inputs]
    stages[0].insert(0, nn.Flatten())
    return Network(stages, nn.Identity(), width, num_classes, drop_rate=drop_rate)
