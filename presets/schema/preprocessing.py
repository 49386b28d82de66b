"""From a file's pixels to the model's input: one section for training, evaluation, prediction and export."""

from typing import Annotated, Literal

import msgspec

from vislab.presets.schema.fields import field

Resize = Literal["stretch", "crop", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic"]


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an image becomes the model's input tensor, float32 [channels, image_size, image_size]."""

    image_size: Annotated[int, field("side of the square model input", unit="pixels", ge=1, le=4096)] = 224
    resize: Annotated[
        Resize,
        field("stretch to the square, crop the centre of the shorter side's square, or pad to a square with black"),
    ] = "crop"
    crop_fraction: Annotated[
        float, field("share of the shorter side that the centre crop keeps (resize = crop only)", gt=0.0, le=1.0)
    ] = 1.0
    interpolation: Annotated[Interpolation, field("filter used when resizing")] = "bilinear"
    antialias: Annotated[bool, field("low-pass filter before shrinking")] = True
    channels: Annotated[Literal[1, 3], field("1 for greyscale, 3 for RGB; images are converted")] = 3
    mean: Annotated[
        tuple[float, ...], field("subtracted from pixels scaled to [0, 1]; one value, or one for each channel")
    ] = (0.5,)
    std: Annotated[
        tuple[Annotated[float, msgspec.Meta(gt=0.0)], ...],
        field("divides after the mean was subtracted; one value, or one for each channel"),
    ] = (0.5,)
    store_size: Annotated[
        int,
        field(
            "side at which training pixels are kept; 0: image_size, or 1.5 x image_size with random_resized_crop",
            unit="pixels",
            ge=0,
            le=8192,
        ),
    ] = 0
