"""One update: forward and backward over the micro-batches of a batch, then the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from vislab.engine import randomness
from vislab.engine.data.batches import Batch
from vislab.engine.training.compiled import Forward
from vislab.engine.training.endings import TrainingFailed
from vislab.engine.training.kept import Kept
from vislab.engine.training.losses import Loss
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.engine.training.optim import set_learning_rates
from vislab.engine.training.precision import Precision, autocast
from vislab.engine.training.resumable import Resumable
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import OnNan

_Part = tuple[torch.Tensor, torch.Tensor, torch.Tensor | float, Batch]  # what Accumulator.add takes


@dataclass(frozen=True)
class Step:
    """How an update is made; the same for the whole run.

    Attributes:
        forward: (model, what a batch holds) -> logits; by default the whole network, of images.
        compiled: takes its place in batches of `whole` images. Others, such as the last of an epoch, run as they are:
            each size is compiled for itself, which a single batch does not repay.
    """

    loss: Loss
    seed: int
    device: torch.device
    precision: Precision
    accumulate: int
    clip_norm: float
    minimum_learning_rate: float
    on_nan: OnNan = "stop"
    smallest: int = 2
    """Images that a micro-batch must have: two where batch normalisation takes its statistics from it, else one."""
    on_smaller: Callable[[int, int, str], None] = lambda parts, images, said: None
    """Told how many micro-batches make up a batch from now on, their largest size, and what torch said."""
    forward: Forward = nn.Module.__call__
    compiled: Forward | None = None
    whole: int = 0

    def __call__(
        self,
        training: Resumable,
        batch: Batch,
        learning_rate_factor: float,
        base_factor: float = 1.0,
        wants_norm: bool = True,
    ) -> float:
        """Make one update and add its figures to `training.interval`.

        The gradient is that of the weighted mean loss over the whole batch, however it is cut into micro-batches.
        Does not wait for the device, except as `on_nan = skip` says.

        Args:
            learning_rate_factor: where the rate stands between its minimum (0) and its base (1).
            base_factor: multiplies the base rates.
            wants_norm: measure the norm of the gradient though nothing in the update depends on it.

        Returns:
            The largest learning rate used.

        Raises:
            InputError: batch normalisation met a batch of one; the user's own loss returned something else.
            TrainingFailed: memory ran out with the smallest micro-batches.
        """
        rate = set_learning_rates(training.optimizer, self.minimum_learning_rate, learning_rate_factor, base_factor)
        training.buffers.take()
        while isinstance(parts := self._gradients(training, batch), str):
            self._cut_smaller(training, batch, said=parts)
        training.scaler.unscale_(training.optimizer)
        # What may have to be left out is counted apart first.
        figures = training.interval if self.on_nan == "stop" else training.update
        for part in parts:
            figures.add(*part)
        figures.updates += 1
        needs_norm = bool(self.clip_norm) or self.on_nan != "stop"
        training.gradient_norm = self._clip(training) if needs_norm or wants_norm else None
        if self.on_nan == "skip":
            self._update_if_finite(training)
        else:
            self._update(training)
        if self.on_nan == "rollback":
            training.note_if_not_finite()
        if figures is training.update:
            training.interval.merge(figures)
            figures.reset()
        return rate

    def _gradients(self, training: Resumable, batch: Batch) -> list[_Part] | str:
        """Forward and backward over the micro-batches; returns their figures, or what was said if memory ran out."""
        training.drop_gradients()
        forward = self.forward_of(batch)
        weights = self.loss.weights(batch)
        total_weight = len(batch) if weights is None else weights.sum()
        first = 0
        found: list[_Part] = []
        try:
            for number, part in enumerate(batch.split(self._parts(training), self.smallest)):
                self._seed_dropout(training.position.step, number)
                logits = self._forward(forward, training.model, part)
                losses = self.loss(logits, part)
                weight: torch.Tensor | float = len(part)
                if weights is not None:
                    part_weights = weights[first : first + len(part)]
                    losses, weight = losses * part_weights, part_weights.sum()
                first += len(part)
                loss = losses.sum()
                training.scaler.scale(loss / total_weight).backward()
                found.append((logits.detach(), loss.detach(), weight, part))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return first_line(error)
        return found

    def forward_of(self, batch: Batch) -> Forward:
        """What runs forward over the micro-batches of a batch."""
        return self.compiled if self.compiled is not None and len(batch) == self.whole else self.forward

    def _parts(self, training: Resumable) -> int:
        return max(self.accumulate, training.position.accumulate)

    def _cut_smaller(self, training: Resumable, batch: Batch, said: str) -> None:
        """Put everything back to before the step, to be made again from micro-batches of half the size."""
        before = len(batch.split(self._parts(training), self.smallest))
        smaller = batch.split(2 * before, self.smallest)
        if len(smaller) == before:
            size = "one image" if len(smaller[0]) == 1 else f"{len(smaller[0])} images, which batch normalisation needs"
            raise TrainingFailed(
                f"Out of memory with micro-batches of {size}: there are no smaller ones. Try a smaller "
                f"preprocessing.image_size or architecture, or precision = bf16. ({said})"
            )
        training.buffers.put_back()
        training.drop_gradients()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        training.position.accumulate = len(smaller)
        self.on_smaller(len(smaller), len(smaller[0]), said)

    def _update(self, training: Resumable) -> None:
        training.scaler.step(training.optimizer)
        training.scaler.update()
        if training.ema is not None:
            training.ema.update(training.model, training.position.step + 1)

    def _update_if_finite(self, training: Resumable) -> None:
        """Update, unless the loss or the gradient is not finite: then nothing changes, and the update is counted.

        Decided on the device, where all the optimizer's state is in tensors there; else the host waits for the answer,
        as it does on the CPU anyway.
        """
        finite = training.update_is_finite()
        if self._decided_on_device(training):
            touched = Kept(training.touched_by_update())
            touched.take()
            self._update(training)
            touched.put_back_unless(finite)
            training.buffers.put_back_unless(finite)
        elif finite:
            self._update(training)
        else:
            training.scaler.update()
            training.buffers.put_back()
        training.update.leave_out_unless(finite)

    def _decided_on_device(self, training: Resumable) -> bool:
        return self.device.type != "cpu" and training.optimizer_is_on(self.device)

    def _forward(self, forward: Forward, model: nn.Module, part: Batch) -> torch.Tensor:
        try:
            with autocast(self.precision, self.device):
                return forward(model, part.images)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise InputError(
                "strategy.batch_size: batch normalisation cannot train on a single image of one pixel a channel; "
                "set strategy.batch_size to 2 or more"
            ) from error

    def _seed_dropout(self, step: int, micro_batch: int) -> None:
        # The default generator itself: torch.manual_seed would seed every device and costs a hundred times more.
        seed = randomness.mix(self.seed, "dropout", step, micro_batch)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index or 0].manual_seed(seed)
        elif self.device.type == "mps":
            torch.mps.manual_seed(seed)
        else:
            torch.default_generator.manual_seed(seed)

    def _clip(self, training: Resumable) -> torch.Tensor:
        """Norm of the gradient before clipping; clips where the strategy says so."""
        gradients = [parameter.grad for parameter in training.parameters if parameter.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(training.parameters, self.clip_norm, norm)
        return norm
