"""Updates made on copies of a model, to be timed; nothing of the run itself changes."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import Assembled
from vislab.engine.training import optim, precision, strategies
from vislab.engine.training.compiled import compiled as compile_forward
from vislab.engine.training.losses import Loss
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.precision import Arithmetic, MemoryFormat
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.step import Step
from vislab.presets.schema.spec import Spec


@dataclass(kw_only=True)
class Rehearsal:
    """Makes updates on copies of a network, with the rate at zero.

    Args:
        assembled: the network of the run, on any device, in the contiguous format.
        check: called between updates; may raise to interrupt.
    """

    spec: Spec
    device: torch.device
    assembled: Assembled
    loss: Loss
    check: Callable[[], None]
    _trained: dict[MemoryFormat, Resumable] = field(default_factory=dict)

    @contextlib.contextmanager
    def leaving_no_trace(self) -> Iterator[None]:
        """Give back random numbers, threads and memory as they were."""
        cuda = [self.device] if self.device.type == "cuda" else []
        threads = torch.get_num_threads()
        try:
            with torch.random.fork_rng(devices=cuda):
                yield
        finally:
            torch.set_num_threads(threads)
            self._trained.clear()
            if cuda:
                torch.cuda.empty_cache()

    def update(
        self,
        arithmetic: Arithmetic,
        batch: Batch,
        on_smaller: Callable[[int, int, str], None] = lambda parts, images, said: None,
        *,
        compiled: bool = False,
    ) -> Callable[[], None]:
        """An update on a batch, to be called over and over.

        Args:
            on_smaller: see `Step`; may raise where the batch must not be cut.
            compiled: let torch compile it when it is called for the first time.
        """
        strategy = self.spec.strategy
        shared = self.copied(arithmetic)
        training = Resumable(
            model=shared.model,
            optimizer=shared.optimizer,
            scaler=precision.scaler(arithmetic.precision, self.device),
            ema=None,
            interval=Accumulator(self.device),
            epoch=Accumulator(self.device),
        )
        step = Step(
            loss=self.loss,
            seed=self.spec.seed,
            device=self.device,
            precision=arithmetic.precision,
            accumulate=strategy.accumulate,
            clip_norm=strategy.clip_norm,
            minimum_learning_rate=0.0,
            on_nan=strategy.on_nan,
            on_smaller=on_smaller,
            compiled=compile_forward(shared.model) if compiled else None,
            whole=len(batch),
        )
        images = batch.images.contiguous(memory_format=arithmetic.layout)
        batch = Batch(images, batch.labels, batch.partner_labels, batch.share)

        def update() -> None:
            step(training, batch, 0.0)

        return update

    def copied(self, arithmetic: Arithmetic) -> Resumable:
        """One copy of model and optimizer for each memory format: precisions and threads share it."""
        if arithmetic.memory_format not in self._trained:
            strategy, groups = self.spec.strategy, self.assembled.groups
            model = copy.deepcopy(self.assembled.model).to(self.device).to(memory_format=arithmetic.layout)
            half_way = strategies.trained_groups(strategy, len(groups), 1 + strategy.epochs // 2)
            strategies.freeze(model, self.assembled.head, groups, half_way)
            self._trained[arithmetic.memory_format] = Resumable(
                model=model,
                optimizer=optim.make_optimizer(strategy, model, groups, self.device),
                scaler=precision.scaler("fp32", self.device),
                ema=None,
                interval=Accumulator(self.device),
                epoch=Accumulator(self.device),
            )
        return self._trained[arithmetic.memory_format]

    def wait(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
