"""Plain convolutional networks: the ones of Studies A, C and D, by their options."""

from typing import Literal

from torch import nn

from vislab.engine.models.network import Network
from vislab.engine.models.pooling import HalvingMaxPool
from vislab.presets.errors import InputError


def build(
    num_classes: int,
    *,
    in_channels: int,
    image_size: int,
    widths: tuple[int, ...] = (32, 64, 128, 256),
    dense: tuple[int, ...] = (),
    batch_norm: bool = True,
    pool: Literal["average", "flatten"] = "average",
    drop_rate: float = 0.0,
) -> nn.Module:
    """Plain convolutional network: blocks of convolution 3×3, ReLU and max pooling, then dense layers.

    Args:
        widths: filters of each block; a block halves the map's side.
        dense: units of each hidden dense layer, with ReLU; a linear layer to the classes always follows.
        batch_norm: between convolution and ReLU.
        pool: how the last map becomes a vector: its average, or all of it, flattened.
        drop_rate: dropout before the last layer.

    Raises:
        InputError: an option out of range, or images that so many blocks shrink to nothing.
    """
    side = image_size // 2 ** len(widths)
    if pool not in ("average", "flatten"):
        raise InputError(f"the convolutional network's pool must be average or flatten, found '{pool}'")
    if not widths or min(*widths, *dense, 1) < 1:
        raise InputError("the convolutional network needs one or more blocks, and widths and dense of 1 or more")
    if side < 1:
        raise InputError(
            f"{len(widths)} blocks need images of {2 ** len(widths)} px or more, found {image_size}; "
            f"set preprocessing.image_size, or fewer widths"
        )
    stages = []
    features = in_channels
    for filters in widths:
        norm = [nn.BatchNorm2d(filters)] if batch_norm else []
        stages.append(
            nn.Sequential(
                nn.Conv2d(features, filters, 3, padding=1, bias=not batch_norm),
                *norm,
                nn.ReLU(inplace=True),
                HalvingMaxPool(),
            )
        )
        features = filters
    neck = nn.Sequential(nn.Flatten()) if pool == "flatten" else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    features *= side * side if pool == "flatten" else 1
    for units in dense:
        neck.extend([nn.Linear(features, units), nn.ReLU(inplace=True)])
        features = units
    return Network(stages, neck, features, num_classes, drop_rate=drop_rate)
