"""A trained run as files for others: ONNX, or weights with a model card."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from vislab.engine.data.pixels import decode
from vislab.engine.data.sources import open_dataset
from vislab.engine.evaluation import model_card, onnx_file, weights_file
from vislab.engine.evaluation.trained import Trained, open_trained
from vislab.engine.jobs.results import write_result
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError

REAL_IMAGES = 32
"""Images of the run's data set on which the ONNX file is compared."""

CARD = "README.md"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written of a run.

    Attributes:
        run_dir: the run.
        data_dir: the data folder.
        onnx: the ONNX file; empty: none.
        weights: the safetensors file, README.md beside it; empty: none.
    """

    run_dir: str
    data_dir: str
    onnx: str = ""
    weights: str = ""


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Write the files; what was found of the ONNX file is written into results/onnx.json, passed or not.

    Returns:
        onnx: as `onnx_file.write` says, why there are no real images, time, which weights, and not_written: why there
        is no results/onnx.json, empty where there is; None without one.
        weights: files, how timm builds the network (None: by model.py), largest_difference; None without them.

    Raises:
        InputError: the run cannot be opened, or a file cannot be written.
    """
    wanted = msgspec.convert(request, ExportRequest)
    # Others do not get what a GPU computes; and onnxruntime is compared on the processor.
    model = open_trained(Run(Path(wanted.run_dir)), device="cpu")
    if wanted.weights:
        weights_file.refuse_foreign(Path(wanted.weights).with_name(CARD), model_card.MARK)
    return {
        "onnx": _onnx(model, Path(wanted.onnx), Path(wanted.data_dir), tell) if wanted.onnx else None,
        "weights": _weights(model, Path(wanted.weights), tell) if wanted.weights else None,
    }


def _onnx(model: Trained, file: Path, data_dir: Path, tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    tell("writing ONNX", 0, 0)
    real, why_not = _real_images(model, data_dir)
    found = onnx_file.write(model, file, real)
    content = {**model.origin(), **found, "why_no_real_images": why_not, "time": time.time()}
    printable = content | {"file": str(file).encode(errors="replace").decode()}
    not_written = write_result(model.run.results / "onnx.json", printable)
    return content | {"not_written": not_written}


def _real_images(model: Trained, data_dir: Path) -> tuple[torch.Tensor, str]:
    """Images of the run's data set, uint8 [n, C, S, S], from its whole length; and why there are none."""
    preprocessing = model.spec.preprocessing
    side = preprocessing.image_size
    try:
        images = open_dataset(model.spec.dataset, data_dir=data_dir, folder=model.run.code).images
    except InputError as error:
        return torch.empty(0, preprocessing.channels, side, side, dtype=torch.uint8), str(error)
    indices = np.unique(np.linspace(0, len(images) - 1, REAL_IMAGES).astype(np.int64))
    return decode(images, indices, preprocessing, size=side, skip_unreadable=True).pixels, ""


def _weights(model: Trained, file: Path, tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    tell("writing weights", 0, 0)
    written = weights_file.write(model, file)
    card = file.with_name(CARD)
    try:
        write_atomically(card, model_card.card(model, written).encode())
    except OSError as error:
        raise InputError(f"Cannot write {card}: {error.strerror}. Name another file.") from error
    files = [written.file, *filter(None, [written.model_file]), card]
    return {
        "files": [str(path) for path in files],
        "timm": written.timm,
        "largest_difference": written.largest_difference,
    }
