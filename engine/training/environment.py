"""Where a run is trained, for the record."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch


def environment(device: torch.device) -> dict[str, str]:
    """Versions, host and device, for the record."""
    found = {
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "cores": str(os.cpu_count()),
        "cuda": torch.version.cuda or "none",
    }
    for package in ("vislab", "torch", "torchvision", "timm", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def card(device: torch.device) -> str:
    """The card's id as NVML names it; empty for other devices."""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}" if device.type == "cuda" else ""
