"""The built-in augmentations: what each does, its options with their ranges, and how many draws it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

OPERATIONS = "vislab.engine.data.augment.operations"
POLICIES = "vislab.engine.data.augment.policies"


@dataclass(frozen=True)
class Option:
    """One option of an augmentation: default, help, and either a closed range or the texts that are allowed."""

    default: bool | int | float | str
    help: str
    minimum: float = -inf
    maximum: float = inf
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Augmentation:
    """One built-in augmentation.

    Attributes:
        help: one line: what it does to an image.
        columns: uniform draws that it takes of a sample's row.
        columns_per: the option that multiplies `columns`; empty: none does.
        options: by name, in order. A pair `x_min`, `x_max` must not be crossed.
        module: where the function of the same name lies.
        supplied: keyword arguments that the pipeline passes besides the options.
        host_draws: it groups samples by what they drew, so it reads its draws on the CPU.
        alternates: a sample's draws are those of the first epoch, moved by one half in every second epoch.
    """

    help: str
    columns: int
    options: Mapping[str, Option] = field(default_factory=dict)
    columns_per: str = ""
    module: str = OPERATIONS
    supplied: tuple[str, ...] = ()
    host_draws: bool = False
    alternates: bool = False

    def columns_for(self, options: Mapping[str, Any]) -> int:
        """Draws a sample that it takes with these `options` (all of them)."""
        return self.columns * (int(options[self.columns_per]) if self.columns_per else 1)


_FILL = Option(0.0, "grey level of what comes in from outside the image; 0 is black", 0.0, 1.0)


def _probability(default: float) -> Option:
    return Option(default, "share of samples it happens to", 0.0, 1.0)


CATALOGUE: dict[str, Augmentation] = {
    "horizontal_flip": Augmentation("mirrors left and right", 1, {"p": _probability(0.5)}),
    "alternating_flip": Augmentation(
        "mirrors every image in each second epoch: half of them in the first, the others in the next (Jordan 2024)",
        1,
        alternates=True,
    ),
    "vertical_flip": Augmentation("mirrors top and bottom", 1, {"p": _probability(0.5)}),
    "rotation": Augmentation(
        "rotates about the centre by an angle up to degrees either way",
        1,
        {"degrees": Option(15.0, "largest angle, in degrees", 0.0, 180.0), "fill": _FILL},
    ),
    "affine": Augmentation(
        "rotates, shifts, scales and shears about the centre at once",
        5,
        {
            "degrees": Option(15.0, "largest rotation either way, in degrees", 0.0, 180.0),
            "translate": Option(0.1, "largest shift either way, as a share of the image's side", 0.0, 1.0),
            "scale_min": Option(0.9, "smallest factor of size", 0.05, 20.0),
            "scale_max": Option(1.1, "largest factor of size", 0.05, 20.0),
            "shear": Option(0.0, "largest horizontal shear either way, in degrees", 0.0, 80.0),
            "fill": _FILL,
        },
    ),
    "random_crop": Augmentation(
        "pads every side, then cuts the image's own size out at a random place",
        2,
        {
            "padding": Option(4, "pixels added to every side", 1, 1024),
            "mode": Option("zero", "what the padding is: black, or the image reflected", choices=("zero", "reflect")),
        },
    ),
    "random_resized_crop": Augmentation(
        "cuts a box of random area and shape out and resizes it to the image size",
        4,
        {
            "scale_min": Option(0.08, "smallest area of the box, as a share of the image's", 0.001, 1.0),
            "scale_max": Option(1.0, "largest area of the box, as a share of the image's", 0.001, 1.0),
            "ratio_min": Option(3 / 4, "smallest width : height of the box", 0.05, 20.0),
            "ratio_max": Option(4 / 3, "largest width : height of the box", 0.05, 20.0),
        },
        supplied=("image_size",),
    ),
    "colour_jitter": Augmentation(
        "changes brightness, contrast, saturation and hue, in this order",
        4,
        {
            "brightness": Option(0.4, "factor from 1 - value to 1 + value", 0.0, 1.0),
            "contrast": Option(0.4, "factor from 1 - value to 1 + value", 0.0, 1.0),
            "saturation": Option(0.4, "factor from 1 - value to 1 + value; nothing on greyscale", 0.0, 1.0),
            "hue": Option(0.0, "largest turn either way, 0.5 is half the circle; nothing on greyscale", 0.0, 0.5),
        },
    ),
    "rand_augment": Augmentation(
        "applies num_ops of 14 random operations at one magnitude (RandAugment)",
        2,
        {
            "num_ops": Option(2, "operations applied to each sample, one after another", 1, 14),
            "magnitude": Option(9, "strength of the operations", 0, 30),
        },
        columns_per="num_ops",
        module=POLICIES,
        host_draws=True,
    ),
    "trivial_augment": Augmentation(
        "applies one of 14 random operations at a random strength (TrivialAugment, wide)",
        3,
        module=POLICIES,
        host_draws=True,
    ),
    "random_erasing": Augmentation(
        "paints over a box of random area and shape",
        5,
        {
            "p": _probability(0.25),
            "scale_min": Option(0.02, "smallest area of the box, as a share of the image's", 0.0, 1.0),
            "scale_max": Option(0.33, "largest area of the box, as a share of the image's", 0.0, 1.0),
            "ratio_min": Option(0.3, "smallest width : height of the box", 0.05, 20.0),
            "ratio_max": Option(3.3, "largest width : height of the box", 0.05, 20.0),
            "value": Option(0.0, "grey level of the box; 0 is black", 0.0, 1.0),
        },
    ),
}
