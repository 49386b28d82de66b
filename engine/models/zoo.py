"""Architectures that are not ours: every model of the timm library by its name; and pixels as a backbone."""

import difflib
from typing import Any

from torch import Tensor, nn

from vislab.engine.models.heads import LinearHead
from vislab.presets.errors import InputError


def build(
    num_classes: int,
    *,
    in_channels: int,
    image_size: int,
    model: str = "resnet18",
    drop_rate: float = 0.0,
    drop_path: float = 0.0,
) -> nn.Module:
    """Any model of the timm library by its name, with randomly initialised weights.

    Args:
        model: name as timm lists it, with or without a tag of its weights: `resnet18`, `resnet18.a1_in1k`.
        num_classes: 0 gives the backbone: it returns the pooled vector, and `forward_features` the last features.
        drop_rate: dropout before the classifier; 0: the model's own.
        drop_path: stochastic depth; 0: the model's own.

    Raises:
        InputError: an unknown name, or a model without the dropout or the image size that is asked for.
    """
    import timm

    config = published_config(model)
    keywords: dict[str, Any] = {}
    if config.fixed_input_size:
        keywords["img_size"] = image_size
    if drop_rate:
        keywords["drop_rate"] = drop_rate
    if drop_path:
        keywords["drop_path_rate"] = drop_path
    try:
        network: nn.Module = timm.create_model(
            model, pretrained=False, num_classes=num_classes, in_chans=in_channels, **keywords
        )
    except TypeError as error:
        for key, setting in _SETTINGS.items():
            if f"'{key}'" in str(error):
                raise InputError(f"timm model '{model}' has no {setting}; leave it at 0") from error
        raise
    _give_dropout_to_classifier(network)
    return network


def pixels(num_classes: int = 0, *, in_channels: int) -> nn.Module:
    """The pixels themselves as the feature map: a backbone that does nothing, for heads that read images."""
    if num_classes:
        raise InputError("pixels is a backbone without a head of its own; choose one with architecture.head")
    return Pixels(in_channels)


class Pixels(nn.Module):
    """The identity as a backbone: its feature map is the image, float [B, C, S, S]."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.num_features = in_channels

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the images."""
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Return each image as a vector, float [B, C * S * S]."""
        return images.flatten(1)


def published_config(model: str) -> Any:
    """What timm knows of a model's published weights, a `timm.models.PretrainedCfg`.

    Raises:
        InputError: timm has no such model, or no such tag of its weights.
    """
    import timm
    from timm.models import is_model, split_model_name_tag

    if ":" in model or "/" in model or not is_model(model):
        near = difflib.get_close_matches(model.partition(".")[0], timm.list_models(), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; see: vislab presets architectures"
        raise InputError(f"timm {timm.__version__} has no model '{model}'{hint}")
    name, tag = split_model_name_tag(model)
    config = timm.get_pretrained_cfg(model) if not tag or model in timm.list_pretrained(f"{name}*") else None
    if config is None:
        tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{name}.*")]
        known_tags = ", ".join(tags) or "none are published"
        raise InputError(f"timm model '{name}' has no weights tagged '{tag}'; tags: {known_tags}")
    return config


def classifiers(network: nn.Module) -> tuple[str, ...]:
    """Dotted names of the modules behind timm's `get_classifier()`; two with a distillation head, none without one."""
    ask = getattr(network, "get_classifier", None)
    found = ask() if ask is not None else None
    modules = found if isinstance(found, tuple | list) else [found]
    wanted = {
        id(module) for module in modules if isinstance(module, nn.Module) and any(True for _ in module.parameters())
    }
    return tuple(name for name, module in network.named_modules() if id(module) in wanted)


def _give_dropout_to_classifier(network: nn.Module) -> None:
    """Move the dropout in front of a timm model's linear classifier into the classifier (see LinearHead).

    timm applies it in the root's forward or as a module beside the classifier, where it would fall silent, or act on
    a backbone in evaluation mode, when only the head trains.
    """
    from timm.layers.linear import Linear

    names = classifiers(network)
    if len(names) != 1:
        return
    parent = network.get_submodule(names[0].rpartition(".")[0])
    child = names[0].rpartition(".")[2]
    classifier = getattr(parent, child)
    if type(classifier) not in (nn.Linear, Linear):
        return
    beside = [name for name, module in parent.named_children() if type(module) is nn.Dropout and name in _HEAD_DROPS]
    drop_rate = float(getattr(network, "drop_rate", 0.0) or 0.0)
    if beside:
        drop_rate = getattr(parent, beside[0]).p
    if not drop_rate:
        return
    head = LinearHead(
        classifier.in_features, classifier.out_features, drop_rate=drop_rate, bias=classifier.bias is not None
    )
    head.weight, head.bias = classifier.weight, classifier.bias
    setattr(parent, child, head)
    for name in beside:
        setattr(parent, name, nn.Identity())
    if not beside:
        network.drop_rate = 0.0  # type: ignore[assignment]


_HEAD_DROPS = ("head_drop", "drop")
_SETTINGS = {
    "drop_rate": "dropout (strategy.drop_rate)",
    "drop_path_rate": "stochastic depth (strategy.drop_path)",
}
