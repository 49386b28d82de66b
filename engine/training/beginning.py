"""How a run begins: a network that sets itself up from its images, and what is said before the first update."""

import torch
from torch import nn

from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.loading import Data
from vislab.engine.runs.events import RunStarted
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training.environment import environment
from vislab.engine.training.loop import Loop
from vislab.presets.schema.spec import Spec

_IMAGES = 5000  # that a data-dependent initialisation sees, as in the published airbench


def initialise(model: nn.Module, batches: TrainingBatches) -> None:
    """Let a network without trained weights set itself up from training images, if it is of a kind that does.

    Args:
        model: where it has a method `initialise`, that is given images as the network is going to see them, float32
            [N, C, S, S].
    """
    if (by_images := getattr(model, "initialise", None)) is not None:
        by_images(batches.sample(_IMAGES))


def say_started(reporter: Reporter, spec: Spec, device: torch.device, data: Data, loop: Loop) -> None:
    """Say what begins, and what is remarkable about it."""
    strategy, assembled, model = spec.strategy, loop.assembled, loop.training.model
    kept = assembled.groups[-1:] if strategy.freeze == "backbone" else assembled.groups
    trained = {name for group in kept for name in group}
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    reporter.say(
        RunStarted(
            environment=environment(device),
            classes=data.classes,
            counts=data.counts,
            split=data.split.description,
            selected_on_test=data.split.selected_on_test,
            parameters=sum(sizes.values()),
            trained_parameters=sum(size for name, size in sizes.items() if name in trained),
            head=assembled.head,
            batch_size=strategy.decided_batch_size,
            steps_per_epoch=loop.plan.steps_per_epoch,
            epochs=loop.plan.epochs,
            log_every=loop.plan.log_every,
            evaluated_weights="ema" if strategy.ema else "raw",
        )
    )
    if strategy.decided_batch_size > len(data.train):
        reporter.notice(
            "warning",
            "batch size",
            f"The batch of {strategy.batch_size} is larger than the training set ({len(data.train)} images): "
            f"one update an epoch.",
        )
    if strategy.cached_views:
        reporter.notice(
            "info",
            "cached views",
            f"strategy.cached_views = {strategy.cached_views}: that many augmentations are drawn for each training "
            f"image, and epochs take them in turn. That is another experiment than drawing one anew in each epoch.",
        )
