"""What is settled by measuring: the probes of one run, and the choice of its batch size."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch

from vislab.engine.data.batches import Batch
from vislab.engine.data.loading import Data
from vislab.engine.models.assemble import Assembled
from vislab.engine.runs.batch_size import with_batch_size
from vislab.engine.training.arithmetic import default_arithmetic
from vislab.engine.training.batch_choice import BatchChoice, candidates, usual
from vislab.engine.training.batch_probing import BatchProbe
from vislab.engine.training.features import never
from vislab.engine.training.feeding import training_batches
from vislab.engine.training.frozen_probing import FrozenProbe, steps_of
from vislab.engine.training.loop import plan
from vislab.engine.training.losses import Loss, make_loss
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Choice, Probe
from vislab.engine.training.remembered import Remembered, work_of
from vislab.presets.schema.spec import Spec

_VERSION = 1  # of how batch sizes are measured; another one forgets what is remembered


@dataclass(frozen=True)
class Measuring:
    """Makes the measurements of one run.

    Args:
        assembled: the network of the run, on the CPU; copies of it are trained.
        code: folder with the copies of the user's own files.
        check: called between updates; may raise to interrupt.
    """

    spec: Spec
    data: Data
    assembled: Assembled
    device: torch.device
    code: Path
    check: Callable[[], None]

    def arithmetic(self, default: Arithmetic) -> Choice:
        """The fastest arithmetic for what the run does most: updates, or forward passes of what is frozen."""
        batches = training_batches(self.spec, self.data, self.device, torch.contiguous_format, self.code)
        once = not never(self.spec)  # then the head trains on features
        steps = plan(self.spec.strategy, batches.steps_per_epoch).total_steps
        probe = (FrozenProbe if once else Probe)(
            spec=self.spec,
            device=self.device,
            assembled=self.assembled,
            batch=next(iter(batches.epoch(1))),
            loss=self._loss(),
            steps=steps_of(self.spec, self.data) if once else steps,
            check=self.check,
        )
        return probe(default)

    def batch_size(self, remembered: Remembered) -> tuple[BatchChoice, str]:
        """The batch size that `auto` means.

        Returns:
            The choice, and why it could not be remembered if so.
        """
        spec, images = self.spec, len(self.data.train)
        sizes = candidates(images, spec.strategy.accumulate)
        if len(sizes) == 1:
            return BatchChoice(sizes[0], f"the one that suits {images} training images"), ""
        if spec.deterministic:
            return BatchChoice(usual(sizes), "the usual one: deterministic = true measures nothing"), ""
        if not never(spec):
            why = "the usual one: the head trains on features, which takes little time with any"
            return BatchChoice(usual(sizes), why), ""
        key = {
            **work_of(spec, len(self.data.classes), self.device, self.code),
            "batch size": _VERSION,
            "asked": [spec.precision, spec.memory_format, spec.threads],
            "default": str(default_arithmetic(spec)),
            "input": [spec.preprocessing.channels, spec.preprocessing.image_size],
            "sizes": sizes,
        }
        if (kept := _choice(remembered.recall(key), sizes)) is not None:
            return kept, ""
        choice = self._measured(sizes)
        return choice, remembered.keep(key, asdict(choice)) if choice.lasting else ""

    def _measured(self, sizes: tuple[int, ...]) -> BatchChoice:
        spec, arithmetic = self.spec, default_arithmetic(self.spec)

        def batch_of(size: int) -> Batch:
            sized = with_batch_size(spec, size)
            return next(training_batches(sized, self.data, self.device, arithmetic.layout, self.code).epoch(1))

        strategy = spec.strategy
        images = strategy.epochs * len(self.data.train)
        probe = BatchProbe(
            spec=spec,
            device=self.device,
            assembled=self.assembled,
            loss=self._loss(),
            check=self.check,
            sizes=sizes,
            batch_of=batch_of,
            arithmetic=arithmetic,
            images=min(images, strategy.max_steps * usual(sizes)) if strategy.max_steps else images,
        )
        return probe()

    def _loss(self) -> Loss:
        counts = list(self.data.counts["train"])
        return make_loss(self.spec.strategy, counts=counts, device=self.device, folder=self.code)


def _choice(content: dict[str, Any], sizes: tuple[int, ...]) -> BatchChoice | None:
    """What was remembered; None where it is not there, or damaged: it is measured again."""
    try:
        found = msgspec.convert(content, BatchChoice)
    except msgspec.ValidationError:
        return None
    return replace(found, why=f"{found.why}; remembered") if found.batch_size in sizes else None
