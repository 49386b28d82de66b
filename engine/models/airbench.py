"""A small network for CIFAR-10 that is fast to train, in the manner of airbench.

Keller Jordan: 94% on CIFAR-10 in 3.29 seconds on a single GPU (arXiv:2404.00498, 2024). Kept of it: fixed whitening
filters made of the training images, max pooling behind the first convolution of a block, batch normalisation that only
shifts, convolutions that begin as the identity, GELU, and logits scaled down.
"""

import itertools

import torch
from torch import Tensor, nn

from vislab.engine.models.network import Network
from vislab.presets.errors import InputError

_PATCH = 2  # pixels, the side of what is whitened
_EPSILON = 5e-4  # keeps directions without variance from being blown up


class Whitening(nn.Conv2d):
    """Filters that make 2 x 2 patches uncorrelated, of both signs; only their bias trains.

    float [B, C, H, W] -> float [B, 8 C, H - 1, W - 1]. The filters are a buffer, set by `initialise`; until then they
    are random.
    """

    def __init__(self, in_channels: int) -> None:
        filters = 2 * in_channels * _PATCH**2
        super().__init__(in_channels, filters, _PATCH)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)

    @torch.no_grad()
    def initialise(self, images: Tensor) -> None:
        """Set the filters to the eigenvectors of the covariance of patches, each divided by its standard deviation.

        Args:
            images: float [N, C, H, W], as the network is going to see them.
        """
        channels = images.shape[1]
        patches = images.float().unfold(2, _PATCH, 1).unfold(3, _PATCH, 1).permute(0, 2, 3, 1, 4, 5)
        patches = patches.reshape(-1, channels * _PATCH**2)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (directions / torch.sqrt(variances.clamp(min=0) + _EPSILON)).T
        filters = filters.reshape(-1, channels, _PATCH, _PATCH)
        self.weight.copy_(torch.cat([filters, -filters]))


class Shift(nn.BatchNorm2d):
    """Batch normalisation whose scale stays 1: only the shift trains."""

    def __init__(self, features: int) -> None:
        super().__init__(features, momentum=0.4)
        del self.weight
        self.register_buffer("weight", torch.ones(features))


class Block(nn.Module):
    """Convolution, max pooling, then convolutions of the same width, each with normalisation and GELU.

    float [B, inputs, H, W] -> float [B, filters, H // 2, W // 2].

    Args:
        depth: convolutions in all.
        residual: what stands behind the pooling is added before the last GELU.
    """

    def __init__(self, inputs: int, filters: int, *, depth: int, residual: bool) -> None:
        super().__init__()
        self.first = nn.Sequential(_convolution(inputs, filters), nn.MaxPool2d(2), Shift(filters), nn.GELU())
        further: list[nn.Module] = []
        for _ in range(depth - 1):
            further += [_convolution(filters, filters), Shift(filters), nn.GELU()]
        self.further = nn.Sequential(*further[:-1])
        self.last = further[-1]
        self.residual = residual

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's map."""
        pooled = self.first(features)
        found = self.further(pooled)
        return self.last(found + pooled if self.residual else found)


class Scaled(nn.Module):
    """Largest value of each map, times a factor: float [B, F, H, W] -> float [B, F]."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        """Return the vector."""
        # Not amax, whose gradient goes by equality: compiled, a map that is made anew in fp32 need not hold the bf16
        # maximum, and none equal made the gradient 0 / 0.
        return features.flatten(2).max(dim=2).values * self.factor

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"factor={self.factor:.3g}"


class Airbench(Network):
    """The network, with the data-dependent initialisation that a run calls before its first update."""

    def initialise(self, images: Tensor) -> None:
        """Whiten; images float [N, C, S, S], as the network is going to see them."""
        whitening = next(module for module in self.features.modules() if isinstance(module, Whitening))
        whitening.initialise(images)


def build(
    num_classes: int,
    *,
    in_channels: int,
    widths: tuple[int, ...] = (64, 256, 256),
    depth: int = 2,
    residual: bool = False,
    drop_rate: float = 0.0,
) -> nn.Module:
    """Whitening, then one block a width: a network for 32-pixel images that is made to train fast.

    Raises:
        InputError: no widths, one that is smaller than its input's, or fewer than two convolutions a block.
    """
    stem = Whitening(in_channels)
    inputs = (stem.out_channels, *widths[:-1])
    if not widths or any(after < before for before, after in zip(inputs, widths, strict=True)):
        raise InputError(f"widths must not fall, from {stem.out_channels} on; found {list(widths)}")
    if depth < 2:
        raise InputError(f"depth must be 2 or more convolutions a block, found {depth}")
    blocks = [
        Block(before, after, depth=depth, residual=residual)
        for before, after in itertools.pairwise((stem.out_channels, *widths))
    ]
    stages = [nn.Sequential(stem, nn.GELU()), *blocks]
    return Airbench(stages, Scaled(1 / 9), widths[-1], num_classes, drop_rate=drop_rate, bias=False)


def _convolution(inputs: int, filters: int) -> nn.Conv2d:
    """A 3 x 3 convolution whose first filters hand their inputs on; the others are random."""
    convolution = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
    with torch.no_grad():
        nn.init.dirac_(convolution.weight[:inputs])
    return convolution
