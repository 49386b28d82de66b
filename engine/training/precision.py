"""Arithmetic of training: precision, memory format and threads; autocast, and the gradient scaler of fp16."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from vislab.presets.errors import InputError

Precision = Literal["fp32", "bf16", "fp16"]
MemoryFormat = Literal["contiguous", "channels_last"]

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True)
class Arithmetic:
    """How the numbers of a run are computed.

    Attributes:
        precision: of the forward pass; weights and their gradients are fp32.
        memory_format: order of image tensors and of the weights of convolutions.
        threads: that share one operation on the CPU.
    """

    precision: Precision = "fp32"
    memory_format: MemoryFormat = "contiguous"
    threads: int = 1

    @property
    def layout(self) -> torch.memory_format:
        """The memory format as torch names it."""
        return MEMORY_FORMATS[self.memory_format]

    def __str__(self) -> str:
        threads = f"{self.threads} thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.precision} {self.memory_format}, {threads}"


def trouble(precision: Precision, device: torch.device) -> str:
    """Why the device cannot train in a precision; empty where it can.

    fp16 needs CUDA (gradients vanish without hardware support), bf16 a GPU that has it.
    """
    if precision == "fp16" and device.type != "cuda":
        return f"precision = fp16 needs a CUDA GPU; this run uses {device.type}. Use fp32 or bf16."
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return f"{torch.cuda.get_device_name(device)} has no bf16. Use precision fp16 or fp32."
    return ""


def check(precision: Precision, device: torch.device) -> None:
    """Refuse a precision that the device cannot train in.

    Raises:
        InputError: see `trouble`.
    """
    if said := trouble(precision, device):
        raise InputError(said)


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which forward passes run; weights and their gradients stay fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16)


def scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Scales the loss so that fp16 gradients do not vanish; does nothing in other precisions."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
