"""A strategy: what is trained, for how long, by which optimizer, on which split, with which augmentation."""

from typing import Annotated, Literal

import msgspec

from vislab.presets.schema.dataset import Option
from vislab.presets.schema.fields import field

Freeze = Literal["none", "backbone", "gradual"]
Schedule = Literal["constant", "cosine", "linear", "step", "one_cycle"]
Monitor = Literal["accuracy", "loss", "macro_f1"]
OnNan = Literal["stop", "skip", "rollback"]

BATCH_SIZE = 64
"""Images per update where nobody says otherwise; what `auto` means where nothing is measured."""


class Strategy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an architecture is trained on a data set. Off is `0` or `"none"`."""

    name: Annotated[str, field("the preset's name")] = "scratch"
    help: Annotated[str, field("one sentence: when this is the right choice")] = ""

    pretrained: Annotated[bool, field("start from pretrained weights; never silently from random ones")] = False
    freeze: Annotated[
        Freeze,
        field(
            "none: everything trains; backbone: only the head trains, the rest stays in evaluation mode; gradual: the "
            "head first, then the backbone's stages from the top"
        ),
    ] = "none"
    unfreeze_every: Annotated[int, field("with freeze = gradual: one more stage trains", unit="epochs", ge=1)] = 1

    epochs: Annotated[int, field("passes over the training images", unit="epochs", ge=1)] = 10
    max_steps: Annotated[int, field("stop after this many updates; 0: no limit", unit="steps", ge=0)] = 0
    batch_size: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | Literal["auto"],
        field("images per update; auto: the smallest power of two measured about as fast as any", unit="images"),
    ] = BATCH_SIZE
    accumulate: Annotated[int, field("micro-batches that make up one batch", ge=1)] = 1
    optimizer: Annotated[str, field("a timm optimizer by name")] = "adamw"
    optimizer_options: Annotated[dict[str, Option], field("further keyword options of the optimizer")] = {}
    learning_rate: Annotated[float, field("base learning rate, reached after the warm-up", gt=0.0)] = 1e-3
    head_learning_rate: Annotated[float, field("base learning rate of the head; 0: learning_rate", ge=0.0)] = 0.0
    norm_learning_rate: Annotated[
        float, field("base learning rate of normalisation layers, wherever they are; 0: as their neighbours", ge=0.0)
    ] = 0.0
    minimum_learning_rate: Annotated[float, field("learning rate at which a decaying schedule ends", ge=0.0)] = 0.0
    weight_decay: Annotated[float, field("weight decay; never on norms and biases", ge=0.0)] = 0.0
    momentum: Annotated[float, field("momentum, of optimizers that have one", ge=0.0, lt=1.0)] = 0.9
    schedule: Annotated[Schedule, field("learning rate over the updates")] = "constant"
    warmup_epochs: Annotated[float, field("linear rise of the learning rate from zero", unit="epochs", ge=0.0)] = 0.0
    layer_decay: Annotated[
        float, field("learning rate factor from each layer group to the one below; 0: off", ge=0.0, le=1.0)
    ] = 0.0
    clip_norm: Annotated[float, field("largest L2 norm of the gradient; 0: off", ge=0.0)] = 0.0
    on_nan: Annotated[
        OnNan,
        field(
            "when a loss or gradient is not finite: stop; skip (leave the update out, counted); rollback (to the last "
            "checkpoint, and leave that update out; at most 3 times)"
        ),
    ] = "stop"
    ema: Annotated[float, field("decay of the exponential moving average of weights; 0: off", ge=0.0, lt=1.0)] = 0.0

    loss: Annotated[
        str, field("cross_entropy, binary_cross_entropy, focal, or ./file.py:function(logits, targets)")
    ] = "cross_entropy"
    label_smoothing: Annotated[float, field("probability mass spread over all classes", ge=0.0, lt=1.0)] = 0.0
    class_weights: Annotated[
        Literal["none", "balanced"], field("balanced: each class weighs the inverse of its frequency in the loss")
    ] = "none"
    drop_rate: Annotated[
        float, field("dropout before the head's last layer; 0: the architecture's own", ge=0.0, lt=1.0)
    ] = 0.0
    drop_path: Annotated[float, field("stochastic depth of the backbone's blocks; 0: off", ge=0.0, lt=1.0)] = 0.0

    augment: Annotated[
        tuple[str, ...] | Literal["none"],
        field("augmentations of training images in order, as name or name(option=value); none: no augmentation"),
    ] = "none"
    cached_views: Annotated[
        int,
        field(
            "with freeze = backbone and augment: augment each training image so many times before training and let "
            "epochs take these views in turn; another experiment than new draws in each epoch. 0: off",
            unit="views",
            ge=0,
        ),
    ] = 0
    mixup: Annotated[float, field("alpha of mixup; 0: off", ge=0.0)] = 0.0
    cutmix: Annotated[float, field("alpha of CutMix; 0: off", ge=0.0)] = 0.0
    balance_to: Annotated[
        int, field("bring every class to this many training images with augmented copies; 0: off", unit="images", ge=0)
    ] = 0
    balance_augment: Annotated[
        tuple[str, ...],
        field("augmentations drawn once, before training, for the copies that balance_to adds; written as in augment"),
    ] = ("rotation(degrees=15)", "horizontal_flip")

    split: Annotated[
        str,
        field(
            "official (a validation part of 10 % is held out of train where none is published), train/validation or "
            "train/validation/test in percent such as 80/20 or 80/10/10, or none (train on everything)"
        ),
    ] = "official"
    validation: Annotated[
        Literal["held_out", "test"],
        field("test: choose the best epoch on the test images, labelled as selected on the test set"),
    ] = "held_out"
    folds: Annotated[int, field("k of k-fold cross-validation, in place of split; 0: off", ge=0)] = 0
    fold: Annotated[int, field("which fold validates, from 1", ge=1)] = 1
    limit: Annotated[int, field("at most this many images of each role, stratified; 0: all", unit="images", ge=0)] = 0

    monitor: Annotated[Monitor, field("validation figure that chooses the best epoch")] = "accuracy"
    patience: Annotated[
        int, field("stop after this many evaluations without a better one; 0: off", unit="evaluations", ge=0)
    ] = 0
    evaluate_every: Annotated[int, field("validate after every so many epochs", unit="epochs", ge=1)] = 1

    @property
    def decided_batch_size(self) -> int:
        """Images per update as a number: in the spec of a worker that has decided what `auto` means."""
        assert self.batch_size != "auto", "asked before it is decided"
        return self.batch_size
