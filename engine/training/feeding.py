"""Training batches as a spec wants them."""

from pathlib import Path

import torch

from vislab.engine.data.augment import Pipeline
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.loading import Data
from vislab.presets.schema.spec import Spec


def training_batches(
    spec: Spec, data: Data, device: torch.device, layout: torch.memory_format, folder: Path
) -> TrainingBatches:
    """The training images, augmented and mixed as the strategy says.

    Args:
        layout: memory format of the batches.
        folder: where relative files of the user's own code lie.
    """
    strategy = spec.strategy
    return TrainingBatches(
        data.train.pixels,
        data.train.labels,
        preprocessing=spec.preprocessing,
        pipeline=Pipeline(
            () if strategy.augment == "none" else strategy.augment,
            image_size=spec.preprocessing.image_size,
            folder=folder,
        ),
        seed=spec.seed,
        batch_size=strategy.decided_batch_size,
        mixup=strategy.mixup,
        cutmix=strategy.cutmix,
        views=strategy.cached_views,
        device=device,
        memory_format=layout,
    )
