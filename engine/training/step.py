"""One update: forward and backward over the micro-batches of a batch, then the optimizer."""

from dataclasses import dataclass

import torch
from torch import nn

from vislab.engine import randomness
from vislab.engine.data.batches import Batch
from vislab.engine.training.losses import Loss
from vislab.engine.training.optim import set_learning_rates
from vislab.engine.training.precision import Precision, autocast
from vislab.engine.training.resumable import Resumable
from vislab.presets.errors import InputError


@dataclass(frozen=True)
class Step:
    """How an update is made; the same for the whole run."""

    loss: Loss
    seed: int
    device: torch.device
    precision: Precision
    accumulate: int
    clip_norm: float
    minimum_learning_rate: float

    def __call__(
        self, training: Resumable, batch: Batch, learning_rate_factor: float, base_factor: float = 1.0
    ) -> float:
        """Make one update and add its figures to `training.interval`. Does not wait for the device.

        Args:
            learning_rate_factor: where the rate stands between its minimum (0) and its base (1).
            base_factor: multiplies the base rates.

        The gradient is that of the weighted mean loss over the whole batch, however it is cut into micro-batches.

        Returns:
            The largest learning rate used.

        Raises:
            InputError: batch normalisation met a batch of one; the user's own loss returned something else.
        """
        optimizer, scaler = training.optimizer, training.scaler
        rate = set_learning_rates(optimizer, self.minimum_learning_rate, learning_rate_factor, base_factor)
        optimizer.zero_grad(set_to_none=True)
        weights = self.loss.weights(batch)
        total_weight = weights.sum()
        first = 0
        for number, part in enumerate(batch.split(self.accumulate)):
            self._seed_dropout(training.position.step, number)
            part_weights = weights[first : first + len(part)]
            first += len(part)
            logits = self._forward(training.model, part)
            losses = self.loss(logits, part)
            scaler.scale((losses * part_weights).sum() / total_weight).backward()
            training.interval.add(logits.detach(), losses.detach(), part_weights, part)
        scaler.unscale_(optimizer)
        training.interval.add_update(self._clip(training.model))
        scaler.step(optimizer)
        scaler.update()
        if training.ema is not None:
            training.ema.update(training.model, training.position.step + 1)
        return rate

    def _forward(self, model: nn.Module, part: Batch) -> torch.Tensor:
        try:
            with autocast(self.precision, self.device):
                return model(part.images)
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

    def _clip(self, model: nn.Module) -> torch.Tensor:
        """Norm of the gradient before clipping; clips where the strategy says so."""
        parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.clip_norm, norm)
        return norm
