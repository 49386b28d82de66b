"""From the host's memory to the device's, while the host goes on."""

import torch


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on a device. A GPU takes without a wait only what lies in pinned memory, so it is put there first."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
