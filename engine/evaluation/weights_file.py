"""A trained model's weights for others: with timm's own keys where it is timm's network, else with a model.py."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

import vislab
from vislab.engine.code import load
from vislab.engine.evaluation.trained import Trained
from vislab.engine.models.heads import LinearHead
from vislab.engine.models.network import BackboneWithHead
from vislab.engine.runs.files import write_atomically
from vislab.engine.training.checkpoint import save_tensors
from vislab.presets.errors import InputError
from vislab.presets.schema.architecture import Architecture

MODEL_FILE, CODE_FOLDER = "model.py", "code"
MARK = '"""Written by vislab'
"""Beginning of a model.py that may be replaced."""
_ELSEWHERE = "Name a file in a folder of its own, such as --weights handover/model.safetensors"

TOLERANCE = 1e-5
"""Largest difference of a logit of the model loaded again; both are computed alike, so it is zero as a rule."""


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        file: the weights, safetensors.
        timm: arguments of timm.create_model, `model_name` among them, that with `checkpoint_path` give the network;
            None where it is not timm's.
        model_file: the generated model.py; None where timm builds the network.
        largest_difference: of a logit, between the run's network and the one loaded from the files.
    """

    file: Path
    timm: dict[str, Any] | None
    model_file: Path | None
    largest_difference: float


def write(model: Trained, file: Path) -> Written:
    """Write the weights, and load them again as another person would.

    Args:
        model: opened on the CPU.
        file: of the kind .safetensors; its folder is made where it is missing.

    Raises:
        InputError: a file cannot be written, or one that vislab has not written would be replaced.
    """
    assert model.device.type == "cpu", model.device
    if file.suffix != ".safetensors":
        raise InputError(f"--weights {file}: the weights are written as .safetensors; give the file that ending.")
    model_file = file.with_name(MODEL_FILE)
    generator = torch.Generator().manual_seed(0)
    side, channels = model.spec.preprocessing.image_size, model.spec.preprocessing.channels
    images = torch.randn(2, channels, side, side, generator=generator)
    with torch.no_grad():
        expected = model.model(images)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        named = _timm_form(model)
        if named is not None:
            arguments, state = named
            _save(state, file, model)
            difference = _difference(_through_timm(arguments, file), images, expected)
            if difference <= TOLERANCE:
                if model_file.exists() and _is_ours(model_file, MARK):
                    model_file.unlink()  # of another run, written here before: it does not fit these weights
                return Written(file, arguments, None, difference)
        refuse_foreign(model_file, MARK)
        copies = _own_files(model.spec.architecture, file.parent)
        _save(model.model.state_dict(), file, model)
        for copy, content in copies.items():
            copy.parent.mkdir(exist_ok=True)
            write_atomically(copy, content)
        write_atomically(model_file, _model_py(model, file).encode())
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror or error}. Name another file.") from error
    return Written(file, None, model_file, _difference(load(f"{model_file.absolute()}:load")(), images, expected))


def refuse_foreign(file: Path, mark: str) -> None:
    """Refuse to replace a file that does not begin with `mark`.

    Raises:
        InputError: it is there, and not ours.
    """
    if file.exists() and not _is_ours(file, mark):
        raise InputError(f"{file} is there already and is not vislab's; it would be replaced. {_ELSEWHERE}")


def _is_ours(file: Path, mark: str) -> bool:
    return file.read_bytes().startswith(mark.encode())


def _timm_form(model: Trained) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Arguments of timm.create_model and the weights under its keys; None where the network is not timm's alone."""
    network = model.model
    backbone = network.backbone if isinstance(network, BackboneWithHead) else network
    config: Any = getattr(backbone, "pretrained_cfg", None)
    if config is None:
        return None
    state = network.state_dict()
    if isinstance(network, BackboneWithHead):
        classifier = config.get("classifier")
        if network.takes != "vector" or type(network.head) is not LinearHead or not isinstance(classifier, str):
            return None
        state = {f"{classifier}.{name}": tensor for name, tensor in network.head.state_dict().items()}
        state |= backbone.state_dict()
    arguments = {
        "model_name": config["architecture"],
        "num_classes": len(model.classes),
        "in_chans": model.spec.preprocessing.channels,
    }
    if config.get("fixed_input_size"):
        arguments["img_size"] = model.spec.preprocessing.image_size
    return arguments, state


def _through_timm(arguments: dict[str, Any], file: Path) -> nn.Module | None:
    import timm

    try:
        built: nn.Module = timm.create_model(**arguments, pretrained=False, checkpoint_path=str(file))
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError):
        return None  # a network that was changed after timm made it
    return built.eval()


@torch.no_grad()
def _difference(network: nn.Module | None, images: Tensor, expected: Tensor) -> float:
    if network is None:
        return float("inf")
    found = network(images)
    return float((found - expected).abs().max()) if found.shape == expected.shape else float("inf")


def _save(state: dict[str, Tensor], file: Path, model: Trained) -> None:
    metadata = {
        "format": "pt",
        "vislab.run": model.run.id,
        "vislab.weights_sha256": model.sha256,
        "vislab.classes": json.dumps(model.classes),
        "vislab.preprocessing": json.dumps(msgspec.to_builtins(model.spec.preprocessing)),
    }
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        save_tensors(state, temporary, metadata)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


_TEMPLATE = '''{mark} {version}: the network of run {run}, with its weights.

    from model import CLASSES, load
    logits = load()(images)  # float32 [B, {channels}, {side}, {side}], normalised as README.md says -> [B, {classes}]

Needs vislab {version} (its package, no settings and no run).
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from vislab.engine.models.assemble import assemble
from vislab.presets.schema.architecture import Architecture

HERE = Path(__file__).resolve().parent
CLASSES = {names}
ARCHITECTURE = Architecture(
    build={build},
    options={options},
    head={head},
    head_options={head_options},
)


def load(device: str = "cpu") -> nn.Module:
    """The network in evaluation mode."""
    network = assemble(
        ARCHITECTURE,
        num_classes=len(CLASSES),
        in_channels={channels},
        image_size={side},
        pretrained=False,
        drop_rate={drop_rate},
        drop_path={drop_path},
        folder=HERE,
    ).model
    network.load_state_dict(load_file(HERE / {file}))
    return network.eval().to(device)
'''


def _model_py(model: Trained, file: Path) -> str:
    architecture: Architecture = model.spec.architecture
    return _TEMPLATE.format(
        mark=MARK,
        version=vislab.__version__,
        run=model.run.id,
        channels=model.spec.preprocessing.channels,
        side=model.spec.preprocessing.image_size,
        classes=len(model.classes),
        names=ascii(model.classes),
        build=ascii(_beside(architecture.build)),
        options=ascii(architecture.options),
        head=ascii(_beside(architecture.head)),
        head_options=ascii(architecture.head_options),
        drop_rate=model.spec.strategy.drop_rate,
        drop_path=model.spec.strategy.drop_path,
        file=ascii(file.name),
    )


def _own_files(architecture: Architecture, folder: Path) -> dict[Path, bytes]:
    """The copies of the user's own files that model.py needs and that are not there yet, with what they hold.

    Raises:
        InputError: another file is there.
        OSError: one of them cannot be read.
    """
    found = {}
    for reference in (architecture.build, architecture.head):
        if (source := _own_file(reference)) is None:
            continue
        copy, content = folder / CODE_FOLDER / source.name, source.read_bytes()
        if not copy.exists():
            found[copy] = content
        elif copy.read_bytes() != content:
            raise InputError(f"{copy} is there already and is not the run's; it would be replaced. {_ELSEWHERE}")
    return found


def _beside(reference: str) -> str:
    """A reference to the user's own file as one to its copy beside the weights."""
    source = _own_file(reference)
    return reference if source is None else f"./{CODE_FOLDER}/{source.name}:{reference.partition('.py:')[2]}"


def _own_file(reference: str) -> Path | None:
    place, own, _ = reference.partition(".py:")
    return Path(f"{place}.py") if own else None
