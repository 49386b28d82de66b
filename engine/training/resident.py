"""What a run trains on in the device's own memory: moved there once where it fits, so that batches are taken there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import torch

from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.stores import StoredPixels, in_order, portions_of
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training.controls import Controls
from vislab.engine.training.features import Features, Table
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.presets.schema.spec import Spec
from vislab.presets.sizes import amount

DECISION, OF_FEATURES, DEVICE_MEMORY = "pixels", "place of features", "device memory"
"""What the decisions are called, and what they say of pixels and features that were moved."""

_SHARE = 1 / 3  # of the device's free memory that they may take
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
    """Moves the training pixels of one run, or its features.

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
        if there := self._there(DECISION, "Training pixels", [batches.pixels]):
            (batches.pixels,) = there

    def of_features(self, features: Features) -> Features:
        """Features, those of the training images in the device's memory if they fit there; else as they are.

        Raises:
            Interrupted: somebody asked.
        """
        if any(len(table.shards) > 1 for table in features.train):
            return features
        shards = {id(table.shards[0]): table.shards[0] for table in features.train}
        there = self._there(OF_FEATURES, "Features", list(shards.values()))
        placed = dict(zip(shards, there, strict=False))

        def of(table: Table) -> Table:
            return replace(table, shards=tuple(placed.get(id(shard), shard) for shard in table.shards))

        return replace(
            features,
            train=tuple(map(of, features.train)),
            validation=features.validation and of(features.validation),
            test=features.test and of(features.test),
        )

    def _there(self, decision: str, what: str, stores: Sequence[StoredPixels]) -> list[torch.Tensor]:
        """What lies in stores, in the device's memory; nothing where there is no room for it."""
        free, size = free_memory(self.device), sum(map(_bytes, stores))
        if free is None or size > _SHARE * free:
            return []

        def stay(why: str) -> list[torch.Tensor]:
            self.reporter.notice("info", decision, f"{what} ({amount(size)}) stay in the host's memory: {why}.")
            return []

        try:
            room = min(int(_SHARE * free), free - self._needed())
        except Exception as error:  # of the user's own network, which may want numbers where there are none
            return stay(f"what training needs of the device's cannot be estimated ({first_line(error)})")
        if size > room:
            return []
        try:
            found = [moved(store, self.device, self._check) for store in stores]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            return stay(f"the device's ran out while they were moved ({first_line(error)})")
        why = f"{amount(size)} of {what.lower()}; {amount(room)} of the {amount(free)} that were free might be"
        self.reporter.decide(decision, DEVICE_MEMORY, why, bytes=size, free=free)
        return found

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
    """Pixels or features, wherever they lie, in a device's memory: [N, ...] as they were.

    Args:
        check: called with (images moved, images in all) between portions; may raise to interrupt.

    Raises:
        RuntimeError: there is no memory for them.
    """
    count, *shape = pixels.shape
    there = torch.empty(count, *shape, dtype=pixels.dtype, device=device)
    done = 0
    for part in in_order(pixels, portions_of(count, max(1, _PORTION * count // max(1, _bytes(pixels))))):
        there[done : done + len(part)] = part.to(device)
        done += len(part)
        check(done, count)
    return there


def _bytes(pixels: StoredPixels) -> int:
    return torch.Size(pixels.shape).numel() * pixels.dtype.itemsize
