"""The augmentations of a strategy, one after another, on whole batches."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vislab.engine import code, randomness
from vislab.engine.data.augment import geometry
from vislab.engine.data.sending import sent
from vislab.presets.augmentation_text import Call, parse_names
from vislab.presets.errors import InputError

CROPS = "random_resized_crop"


@dataclass(frozen=True)
class _Step:
    call: Call
    function: Callable[[Tensor, Tensor], Tensor]
    columns: slice


class Pipeline:
    """Augmentations of training images, built once and called on every batch.

    Attributes:
        names: the augmentations, in order: names of the catalogue, references of the user's own functions.
        columns: uniform draws a sample that a call needs.
        crops: `random_resized_crop` is among them, so images may come larger than the model's input.
    """

    def __init__(self, augment: tuple[str, ...], *, image_size: int, folder: Path | None = None) -> None:
        """Check and load the augmentations.

        Args:
            augment: texts as `vislab.presets.augmentation_text.parse_names` takes them; none: images are only resized.
            image_size: side of the images that come out, in pixels.
            folder: where a user's `./file.py` is looked up; None: the working directory.

        Raises:
            InputError: an unknown augmentation or option, a value out of range, or a user's file that does not load.
        """
        self.image_size = image_size
        self.columns = 0
        self._steps: list[_Step] = []
        for call in parse_names(augment, folder):
            if call.options.get("mode") == "reflect" and call.builtin and call.options["padding"] >= image_size:
                raise InputError(f"augment: {call.text}: reflected padding must be below image_size = {image_size}")
            supplied = dict.fromkeys(call.supplied, image_size)
            function = partial(code.load(call.reference, folder), **call.options, **supplied)
            self._steps.append(_Step(call, function, slice(self.columns, self.columns + call.columns)))
            self.columns += call.columns
        self._alternating = [step.columns for step in self._steps if step.call.alternates]
        self.names = tuple(step.call.name for step in self._steps)
        self.crops = CROPS in self.names

    def draws(self, seed: int, epoch: int, count: int) -> Tensor:
        """The draws of an epoch (counted from 1), float32 [count, columns]: one row a training image."""
        table = randomness.table(seed, "augment", epoch, count, self.columns)
        for columns in self._alternating:
            first = randomness.table(seed, f"alternate {columns.start}", 0, count, columns.stop - columns.start)
            table[:, columns] = first if epoch % 2 else np.where(first < 0.5, first + 0.5, first - 0.5)
        return torch.from_numpy(table)

    def __call__(self, images: Tensor, draws: Tensor) -> Tensor:
        """Augment a batch.

        Without `random_resized_crop`, images of another size are first resized to the output's, so that options in
        pixels mean pixels of the model's input. Call it outside autocast.

        Args:
            images: float32 [B, C, H, W] in [0, 1], 1 or 3 channels, on any device.
            draws: float32 [B, columns], uniform in [0, 1), on the CPU wherever the images are.

        Returns:
            float32 [B, C, image_size, image_size] in [0, 1]; row i depends on rows i of images and draws alone.

        Raises:
            InputError: a user's own augmentation returned anything but such images.
        """
        assert draws.shape == (len(images), self.columns), (draws.shape, len(images), self.columns)
        batch, channels = images.shape[:2]
        if not self.crops:
            images = geometry.resize(images, self.image_size)
        there = sent(draws, images.device)
        for step in self._steps:
            source = draws if step.call.host_draws else there
            images = step.function(images, source[:, step.columns])
            if not step.call.builtin:
                images = _checked(images, step.call.text, batch, channels)
        return geometry.resize(images, self.image_size).clamp(0, 1)


def _checked(images: object, text: str, batch: int, channels: int) -> Tensor:
    """What a user's function returned, clamped to [0, 1], if it is a batch of images."""
    wanted = f"float32 [{batch}, {channels}, height, width]"
    if not isinstance(images, Tensor):
        raise InputError(f"augment: {text} returned a {type(images).__name__}, not images: {wanted}")
    if images.dim() != 4 or images.shape[:2] != (batch, channels) or images.dtype != torch.float32:
        found = f"{str(images.dtype).removeprefix('torch.')} {list(images.shape)}"
        raise InputError(f"augment: {text} returned {found}, not images: {wanted}")
    return images.clamp(0, 1)
