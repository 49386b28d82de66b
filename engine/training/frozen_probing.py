"""Which arithmetic is fastest for a frozen part that runs once per image: a few images, forward only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch

from vislab.engine.data.loading import Data
from vislab.engine.training.precision import Arithmetic, autocast
from vislab.engine.training.probing import Probe
from vislab.presets.schema.spec import Spec

IMAGES = 4
"""Seen at once. The candidates differ by factors, and a measurement must be short beside the work itself."""


@dataclass(kw_only=True)
class FrozenProbe(Probe):
    """As `Probe`, for a run whose head trains on features: what takes time there is the forward pass of the rest.

    Args:
        batch: its first images are used.
        steps: see `steps_of`.
    """

    unit: ClassVar[str] = f"{IMAGES} images"
    rounds: ClassVar[int] = 5

    def _limits(self) -> tuple[float, float]:
        return 5.0, 0.2

    def _prepare(self, arithmetic: Arithmetic) -> Callable[[], None]:
        model = self.copied(arithmetic).model
        images = self.batch.images[:IMAGES].contiguous(memory_format=arithmetic.layout)

        @torch.no_grad()
        def forward() -> None:
            with autocast(arithmetic.precision, self.device):
                model(images)

        return forward


def steps_of(spec: Spec, data: Data) -> int:
    """Forward passes of `IMAGES` that the features of a run take."""
    parts = [part for part in (data.validation, data.test) if part is not None]
    images = len(data.train) * max(1, spec.strategy.cached_views) + sum(map(len, parts))
    return -(-images // IMAGES)
