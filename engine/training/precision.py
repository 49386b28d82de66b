"""Arithmetic of the forward pass: autocast, the gradient scaler of fp16."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from vislab.presets.errors import InputError

Precision = Literal["fp32", "bf16", "fp16"]

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def check(precision: Precision, device: torch.device) -> None:
    """Refuse a precision that the device cannot train in.

    Raises:
        InputError: fp16 off CUDA (its gradients vanish without hardware support), bf16 on a GPU without it.
    """
    if precision == "fp16" and device.type != "cuda":
        raise InputError(f"precision = fp16 needs a CUDA GPU; this run uses {device.type}. Use fp32 or bf16.")
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise InputError(f"{torch.cuda.get_device_name(device)} has no bf16. Use precision fp16 or fp32.")


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which forward passes run; weights and their gradients stay fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16)


def scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Scales the loss so that fp16 gradients do not vanish; does nothing in other precisions."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
