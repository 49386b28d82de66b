"""A trained model as an ONNX file, checked against onnxruntime before anybody gets it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vislab.engine.data.preprocessing import normalise
from vislab.engine.evaluation.trained import Trained
from vislab.engine.runs.checkpoints import sha256
from vislab.presets.errors import InputError
from vislab.presets.schema.preprocessing import Preprocessing
from vislab.presets.sizes import amount

OPSET = 18
LIMIT = 1e-4
"""Largest difference of a probability between torch and onnxruntime that is let through."""

INPUT, OUTPUT = "pixels", "logits"
_RANDOM_BATCHES = (1, 3, 8)  # none of them is the size with which the graph is traced
_LARGEST = 2 * 10**9  # bytes: a file of protocol buffers holds no more


class WithNormalisation(nn.Module):
    """A network that takes pixels, uint8 [B, C, S, S], as `to_square` gives them, and returns logits [B, K]."""

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.preprocessing = preprocessing

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise, then ask the network."""
        return self.network(normalise(pixels, self.preprocessing))


def write(model: Trained, file: Path, real: Tensor) -> dict[str, Any]:
    """Write the model with its normalisation, in fp32, for batches of any size; nothing is left where parity fails.

    The file's metadata hold the names of the classes, the preprocessing, the run and the checksum of its weights.

    Args:
        model: opened on the CPU.
        real: uint8 [n, C, S, S], real images to compare on; n may be zero.

    Returns:
        file, sha256 (empty where parity fails), bytes, opset, input and output (name, type and shape), versions,
        random_images, real_images, largest_difference (of a probability, in [0, 1]; None: not a number), limit, passed.

    Raises:
        InputError: the extra `onnx` is not installed, the network cannot be expressed, or the file cannot be written.
    """
    assert model.device.type == "cpu", model.device
    try:
        import onnx
        import onnxruntime
        import onnxscript
    except ModuleNotFoundError as error:
        raise InputError(f"--onnx needs the package {error.name}: python install.py --extra onnx") from error
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.model.state_dict().values())
    if size > _LARGEST:
        raise InputError(f"The weights take {amount(size)}; one ONNX file holds 2 GB. Use --weights instead.")
    network = WithNormalisation(model.model, model.spec.preprocessing).eval()
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        _export(model, network, temporary)
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        random = [_random_pixels(model, images) for images in _RANDOM_BATCHES]
        parts = [*random, real] if len(real) else random
        largest = max(_difference(network, session, pixels) for pixels in parts)
        passed = largest <= LIMIT  # False for NaN
        checksum, written = sha256(temporary), temporary.stat().st_size
        if passed:
            temporary.replace(file)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}. Name another file.") from error
    finally:
        temporary.unlink(missing_ok=True)
    side, channels = model.spec.preprocessing.image_size, model.spec.preprocessing.channels
    return {
        "file": str(file),
        "sha256": checksum if passed else "",
        "bytes": written,
        "opset": OPSET,
        "input": {"name": INPUT, "type": "uint8", "shape": ["batch", channels, side, side]},
        "output": {"name": OUTPUT, "type": "float32", "shape": ["batch", len(model.classes)]},
        "versions": {module.__name__: str(module.__version__) for module in (torch, onnx, onnxscript, onnxruntime)},
        "random_images": sum(map(len, random)),
        "real_images": len(real),
        "largest_difference": largest if np.isfinite(largest) else None,
        "limit": LIMIT,
        "passed": passed,
    }


def _export(model: Trained, network: nn.Module, file: Path) -> None:
    import msgspec

    try:
        program = torch.onnx.export(
            network,
            (_random_pixels(model, 2),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        said = " ".join(str(error).split())[:1000]
        raise InputError(
            f"{model.spec.architecture.build} cannot be written as ONNX for batches of any size: {said}"
        ) from error
    assert program is not None
    program.model.metadata_props.update(
        {
            "vislab.run": model.run.id,
            "vislab.weights_sha256": model.sha256,
            "vislab.classes": json.dumps(model.classes),
            "vislab.preprocessing": json.dumps(msgspec.to_builtins(model.spec.preprocessing)),
        }
    )
    program.save(file, external_data=False)


def _random_pixels(model: Trained, images: int) -> Tensor:
    side, channels = model.spec.preprocessing.image_size, model.spec.preprocessing.channels
    generator = torch.Generator().manual_seed(images)
    return torch.randint(0, 256, (images, channels, side, side), dtype=torch.uint8, generator=generator)


@torch.no_grad()
def _difference(network: nn.Module, session: Any, pixels: Tensor) -> float:
    """Largest difference of a probability between torch and onnxruntime; NaN where one of them has none."""
    answered = torch.from_numpy(session.run([OUTPUT], {INPUT: pixels.numpy()})[0])
    return float((answered.softmax(dim=1) - network(pixels).float().softmax(dim=1)).abs().max())
