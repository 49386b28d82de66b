"""From stored squares to the model's input, alike in training, evaluation, prediction and export."""

from functools import lru_cache

import numpy as np
import torch

from vislab.presets.schema.preprocessing import Preprocessing


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """(pixels / 255 - mean) / std.

    Args:
        pixels: [B, C, S, S], uint8 or floating point, 0…255, on any device.
        preprocessing: says mean and std, one value or one for each channel.

    Returns:
        float32 [B, C, S, S] on the same device, in the same memory format.
    """
    # While a graph is traced for export tensors are only stand-ins, which must not be remembered.
    constants = _scale_and_shift.__wrapped__ if torch.compiler.is_compiling() else _scale_and_shift
    scale, shift = constants(preprocessing.mean, preprocessing.std, pixels.device)
    return torch.addcmul(shift, pixels.to(torch.float32), scale)


def denormalise(images: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """The inverse of `normalise`, to look at what a model saw: [B, C, S, S] -> uint8 of the same shape, clamped."""
    scale, shift = _scale_and_shift(preprocessing.mean, preprocessing.std, images.device)
    return ((images.to(torch.float32) - shift) / scale).round_().clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=64)
def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """1 / (255 std) and -mean / std, float32 [C, 1, 1]: made once, for a small batch takes no longer."""
    deviations = np.array(std, dtype=np.float64)
    scale = torch.tensor(1 / (255 * deviations), dtype=torch.float32)
    shift = torch.tensor(-np.array(mean, dtype=np.float64) / deviations, dtype=torch.float32)
    return scale.view(-1, 1, 1).to(device), shift.view(-1, 1, 1).to(device)
