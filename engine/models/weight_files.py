"""Files of weights: reading them without running what they hold, and their checksums."""

import hashlib
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vislab.presets.errors import InputError

PICKLED = (".pth", ".pt", ".bin")
WRAPPERS = ("_orig_mod.", "module.", "_orig_mod.")
"""Prefixes that torch.compile and DistributedDataParallel put before every name, in whichever order."""


def read(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a .safetensors file, or from a .pth, .pt or .bin file with `weights_only=True`.

    A training checkpoint of another program is searched under its keys `state_dict` and `model`; prefixes of wrappers
    (DistributedDataParallel, torch.compile) are taken off.

    Raises:
        InputError: no such file, another format, damaged, or holding anything but tensors.
    """
    if not path.is_file():
        raise InputError(f"There is no weights file {path}; see architecture.weights")
    if path.suffix not in (".safetensors", *PICKLED):
        raise InputError(
            f"{path}: weights must be a .safetensors file, or a .pth, .pt or .bin file that holds a state dict"
        )
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickled(path)
    if not state or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()):
        raise InputError(f"{path} holds no state dict: names and tensors are expected, and nothing else")
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or no safetensors file: {error}") from error


def _read_pickled(path: Path) -> dict[str, Tensor]:
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(
            f"{path} cannot be loaded: it is damaged, or it holds more than tensors, and code in a weights file is "
            f"never run. Save its state dict as .safetensors where the file comes from"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            return held[key]
    return held if isinstance(held, dict) else {}
