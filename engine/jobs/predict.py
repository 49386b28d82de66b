"""What a trained run says of images without labels."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from vislab.engine.data.sources.named import named
from vislab.engine.evaluation.trained import open_trained
from vislab.engine.runs.store import Run


class PredictRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Images, and the run that is asked.

    Attributes:
        run_dir: the run.
        paths: files, folders and patterns.
        top: so many of the likeliest classes, at most all.
        device: auto, cpu, mps, cuda or cuda:N.
        tta: each image counts with its mirror image.
    """

    run_dir: str
    paths: tuple[str, ...]
    top: int = 1
    device: str = "auto"
    tta: bool = False


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Predict.

    Returns:
        run, checkpoint, weights, epoch and more of `Trained.origin`; tta; classes: all names, in the model's order;
        images: for each that could be read its name, classes (positions of the likeliest, first one first; of equal
        ones the earlier) and probabilities (in [0, 1]; None where not a number); unreadable: name and reason of the
        others; ignored: files below the folders that are not images.

    Raises:
        InputError: there are no such images, or the run cannot be opened.
    """
    wanted = msgspec.convert(request, PredictRequest)
    source = named(wanted.paths)
    model = open_trained(Run(Path(wanted.run_dir)), device=wanted.device)
    found = model.predict(
        source.images,
        flip=wanted.tta,
        skip_unreadable=True,
        progress=lambda done, total: tell("reading images", done, total),
    )
    shares = found.logits.double().softmax(dim=1)
    ordered = shares.sort(dim=1, descending=True, stable=True)
    top = max(1, min(wanted.top, len(model.classes)))
    images = [
        {
            "name": source.images.name(int(index)),
            "classes": classes,
            "probabilities": [share if math.isfinite(share) else None for share in values],
        }
        for index, classes, values in zip(
            found.kept, ordered.indices[:, :top].tolist(), ordered.values[:, :top].tolist(), strict=True
        )
    ]
    return {
        **model.origin(),
        "tta": wanted.tta,
        "classes": list(model.classes),
        "images": images,
        "unreadable": [{"name": image.name, "reason": image.reason} for image in found.unreadable],
        "ignored": list(source.ignored),
    }
