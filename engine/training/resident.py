"""Training pixels in the device's own memory: moved there once where they fit, so that batches are taken there."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import torch

from vislab.engine.cache import amount
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.stores import StoredPixels, in_order, portions_of
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training.controls import Controls
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.presets.schema.spec import Spec

DECISION, DEVICE_MEMORY = "pixels", "device memory"
"""What the decision is called, and what it says of pixels that were moved."""

_SHARE = 1 / 3  # of the device's free memory that pixels may take
_PORTION = 64 << 20  # bytes moved between two looks at requests


def free_memory(device: torch.device) -> int | None:
    """Bytes of a device's own memory that this process may still take; None for the processor."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return None


@dataclass(frozen=True)
class Residence:
    """Moves the training pixels of one run.

    Args:
        spec: of the run, its batch size decided.
        num_classes: length of the logits.
    """

    spec: Spec
    num_classes: int
    device: torch.device
    reporter: Reporter
    controls: Controls

    def __call__(self, batches: TrainingBatches) -> None:
        """Let batches be taken from the device's memory, if the pixels fit there beside what training needs.

        Call it when the model is on the device, and before the first update.

        Raises:
            Interrupted: somebody asked.
        """
        free, size = free_memory(self.device), _bytes(batches.pixels)
        if free is None or size > (room := min(int(_SHARE * free), free - self._needed())):
            return
        try:
            batches.pixels = moved(batches.pixels, self.device, self._check)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.reporter.notice(
                "info",
                DECISION,
                f"Training pixels ({amount(size)}) stay in the host's memory: the device's ran out while they were "
                f"moved ({first_line(error)}).",
            )
            return
        self.reporter.decide(
            DECISION,
            DEVICE_MEMORY,
            f"{amount(size)} of training pixels; {amount(room)} of the {amount(free)} that were free might be",
            bytes=size,
            free=free,
        )

    def _check(self, done: int, total: int) -> None:
        self.reporter.progress("building", done=done, total=total)
        self.controls.check()

    def _needed(self) -> int:
        """Bytes that training will hold at its peak, by the estimate that the launch screen shows."""
        from vislab.engine.jobs import models  # it builds upon this floor's own rooms

        wanted = models.ModelRequest(
            architecture=self.spec.architecture,
            num_classes=self.num_classes,
            in_channels=self.spec.preprocessing.channels,
            image_size=self.spec.preprocessing.image_size,
            strategy=self.spec.strategy,
        )
        found = models.answer(msgspec.to_builtins(wanted), lambda *position: None)
        return int(found["memory"]["total"])


def moved(pixels: StoredPixels, device: torch.device, check: Callable[[int, int], None]) -> torch.Tensor:
    """Pixels, wherever they lie, in a device's memory: uint8 [N, C, S, S].

    Args:
        check: called with (images moved, images in all) between portions; may raise to interrupt.

    Raises:
        RuntimeError: there is no memory for them.
    """
    count, *shape = pixels.shape
    there = torch.empty(count, *shape, dtype=torch.uint8, device=device)
    done = 0
    for part in in_order(pixels, portions_of(count, max(1, _PORTION * count // max(1, _bytes(pixels))))):
        there[done : done + len(part)] = part.to(device)
        done += len(part)
        check(done, count)
    return there


def _bytes(pixels: StoredPixels) -> int:
    return torch.Size(pixels.shape).numel()
