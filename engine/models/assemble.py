"""From an architecture to a model that is ready to train: built, checked, seeded, with its weights."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vislab.engine.code import check_options, describe, load
from vislab.engine.models import weights
from vislab.engine.models.heads import taken_by
from vislab.engine.models.network import BackboneWithHead, Network, features_of, in_evaluation
from vislab.engine.models.weights import WeightsRecord
from vislab.engine.models.zoo import classifiers
from vislab.engine.randomness import mix
from vislab.presets.errors import InputError
from vislab.presets.schema.architecture import Architecture


@dataclass
class Assembled:
    """A model and what training has to know of its parts.

    Attributes:
        model: images, float [B, C, S, S] -> logits [B, num_classes]; on the CPU, float32, in training mode.
        head: dotted names of the submodules that form the head: what trains while the backbone is frozen.
        groups: names of parameters from the input upwards, each parameter once, the head's last: stages for gradual
            unfreezing and for layer-wise learning rates.
        weights: which pretrained weights were loaded; None: all weights are random.
    """

    model: nn.Module
    head: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    weights: WeightsRecord | None


def assemble(
    architecture: Architecture,
    *,
    num_classes: int,
    in_channels: int,
    image_size: int,
    pretrained: bool,
    drop_rate: float = 0.0,
    drop_path: float = 0.0,
    seed: int = 0,
    folder: Path | None = None,
    runs_dir: Path | None = None,
) -> Assembled:
    """Build the model of `architecture` and load its weights.

    Initial weights are a function of the seed alone, and torch's own generators are left as they were.

    Args:
        architecture: the resolved architecture.
        num_classes: length of the logits.
        in_channels: 1 or 3.
        image_size: side of the square input, pixels.
        pretrained: load `architecture.weights`; never silently random.
        drop_rate: dropout before the head's last layer, in [0, 1); 0: the architecture's own.
        drop_path: stochastic depth, in [0, 1); 0: the architecture's own.
        seed: the run's seed.
        folder: where the user's own files are looked up; None: the working directory.
        runs_dir: where runs are, for weights of the form RUN/best.

    Raises:
        InputError: an unknown function or option, an option the architecture does not take, images it cannot read, or
            weights that are not to be found or do not fit.
    """
    assert num_classes > 0
    owner = f"architecture '{architecture.name or architecture.build}'"
    supplied = {"in_channels": in_channels, "image_size": image_size}
    images = torch.zeros(2, in_channels, image_size, image_size)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(mix(seed, "init"))
        if architecture.head == "none":
            drops = {"drop_rate": drop_rate, "drop_path": drop_path}
            model = _call(owner, architecture.build, (num_classes,), architecture.options, supplied, drops, folder)
        else:
            drops = {"drop_path": drop_path}
            backbone = _call(owner, architecture.build, (0,), architecture.options, supplied, drops, folder)
            model = _with_head(owner, architecture, backbone, images, num_classes, drop_rate, folder)
        if pretrained and not isinstance(model, BackboneWithHead | Network):
            _start_head_anew(model)
        with in_evaluation(model), torch.no_grad(), _explained(owner, images):
            logits = model(images)
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (2, num_classes):
        raise InputError(
            f"{owner}: {architecture.build} must return logits [B, {num_classes}], but returned {_said(logits)} "
            f"for a batch of 2 images"
        )
    head = _head_of(model)
    record = None
    if pretrained:
        record = weights.load_pretrained(
            model,
            wanted=architecture.weights,
            owner=owner,
            head=head,
            in_channels=in_channels,
            image_size=image_size,
            runs_dir=runs_dir,
        )
    return Assembled(model, head, _groups(model, head), record)


def _call(
    owner: str,
    reference: str,
    arguments: tuple[int, ...],
    options: Mapping[str, Any],
    supplied: Mapping[str, int],
    drops: Mapping[str, float],
    folder: Path | None,
) -> nn.Module:
    """Call the function that builds a model or a head with the user's options and what the engine supplies."""
    function = describe(reference, folder)
    check_options(owner, options, function)
    known = {*function.supplied, *function.options}
    keywords: dict[str, Any] = {name: value for name, value in supplied.items() if name in known} | dict(options)
    for name, value in drops.items():
        if value and name not in known and not function.any_option:
            raise InputError(f"{owner} does not take {name}; set strategy.{name} to 0")
        if value or name in function.supplied:
            keywords[name] = value
    missing = [name for name in function.supplied if name not in keywords]
    if missing:
        raise InputError(
            f"{owner}: {reference} has keyword arguments that nothing supplies: {', '.join(missing)}; "
            f"give them defaults or set them in architecture.options"
        )
    build = load(reference, folder)
    try:
        built = build(*arguments, **keywords)
    except _MISFITS as error:
        raise InputError(f"{owner}: {reference} cannot be built: {_told(error)}") from error
    if not isinstance(built, nn.Module):
        raise InputError(f"{owner}: {reference} must return a torch.nn.Module, but returned {_said(built)}")
    return built


def _with_head(
    owner: str,
    architecture: Architecture,
    backbone: nn.Module,
    images: Tensor,
    num_classes: int,
    drop_rate: float,
    folder: Path | None,
) -> BackboneWithHead:
    takes = taken_by(load(architecture.head, folder))
    with in_evaluation(backbone), torch.no_grad(), _explained(owner, images):
        features = features_of(backbone, takes, images)
    dimensions = {"map": 4, "vector": 2}[takes]
    if not isinstance(features, Tensor) or features.ndim != dimensions:
        raise InputError(
            f"{owner}: head {architecture.head} takes a {takes}, but {architecture.build} gives {_said(features)}; "
            f"choose a head that takes a {'vector' if takes == 'map' else 'map'}, or another architecture"
        )
    head = _call(
        f"{owner}, head",
        architecture.head,
        (features.shape[1], num_classes),
        architecture.head_options,
        {},
        {"drop_rate": drop_rate},
        folder,
    )
    return BackboneWithHead(backbone, head, takes)


def _head_of(model: nn.Module) -> tuple[str, ...]:
    """The head by what declares it: our own classes, timm's `get_classifier()`, a usual name, else the last layer."""
    if isinstance(model, BackboneWithHead | Network):
        return ("head",)
    children = dict(model.named_children())
    usual = [name for name in ("head", "classifier", "fc") if name in children]
    last = [name for name, module in model.named_modules() if name and module._parameters][-1:]
    return classifiers(model) or tuple(usual[:1]) or tuple(last)


def _start_head_anew(model: nn.Module) -> None:
    """Give linear classifiers torch's own initial weights.

    Some of timm's begin with weights as large as 1 / sqrt(classes), made for a thousand classes: on a pretrained
    backbone with few classes the loss would start several times too high.
    """
    for name in _head_of(model):
        for module in model.get_submodule(name).modules():
            if isinstance(module, nn.Linear):
                module.reset_parameters()


def _groups(model: nn.Module, head: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    names = [name for name, _ in model.named_parameters()]
    top = tuple(name for name in names if name.startswith(tuple(f"{part}." for part in head)))
    body = [tuple(name for name in group if name not in set(top)) for group in _body(model)]
    groups = (*body, top)
    assert sorted(name for group in groups for name in group) == sorted(names)
    return tuple(group for group in groups if group)


def _body(model: nn.Module) -> list[list[str]]:
    """All names of parameters in groups from the input upwards; the head's are among them."""
    if isinstance(model, BackboneWithHead):
        below = [[f"backbone.{name}" for name in group] for group in _body(model.backbone)]
        return [*below, [f"head.{name}" for name, _ in model.head.named_parameters()]]
    matcher: Callable[..., Any] | None = getattr(model, "group_matcher", None)
    if matcher is not None:
        from timm.models import group_parameters

        numbered = group_parameters(model, matcher(coarse=True))
        return [numbered[number] for number in sorted(numbered)]
    if isinstance(model, Network):
        parts = [f"features.{name}" for name, _ in model.features.named_children()] + ["neck", "head"]
    elif isinstance(model, nn.Sequential):
        parts = [name for name, _ in model.named_children()]
    else:
        return [[name for name, _ in model.named_parameters()]]
    names = [name for name, _ in model.named_parameters()]
    return [[name for name in names if name.startswith(f"{part}.")] for part in parts]


@contextmanager
def _explained(owner: str, images: Tensor) -> Iterator[None]:
    _, channels, size, _ = images.shape
    try:
        yield
    except _MISFITS as error:
        raise InputError(
            f"{owner} cannot read images of {channels} × {size} × {size} px: {_told(error)}. "
            f"Set preprocessing.image_size or preprocessing.channels to what it can read"
        ) from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _said(value: object) -> str:
    return f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


# What torch, timm and an ordinary build function raise when sizes or options do not fit.
_MISFITS = (RuntimeError, AssertionError, ValueError, TypeError, IndexError, ZeroDivisionError, NotImplementedError)
