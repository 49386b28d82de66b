"""Augmentation of whole batches, every sample by its own row of uniform draws.

    pipeline    `Pipeline`: the augmentations of a strategy, one after another
    operations  what each built-in makes of its draws and options
    policies    RandAugment and TrivialAugment
    mix         mixup and CutMix
    geometry, colour, tone   kernels with one parameter a sample
    uniform     uniform draws to numbers of other ranges

`vislab.presets` holds what needs no torch: the catalogue of options and ranges, and reading `"rotation(degrees=15)"`.
An augmentation is a function `(images, draws, *, option=default, …) -> images`, ours and the user's alike. What becomes
of a sample depends on its pixels and its row of draws only, never on its batch.
"""

from typing import TYPE_CHECKING, Any

from vislab.presets.augmentation_text import parse_names

if TYPE_CHECKING:
    from vislab.engine.data.augment.pipeline import Pipeline

__all__ = ["Pipeline", "parse_names"]


def __getattr__(name: str) -> Any:
    """Import `Pipeline` when it is first asked for, so that checking names needs no torch."""
    if name == "Pipeline":
        from vislab.engine.data.augment.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
