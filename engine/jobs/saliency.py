"""Where a trained run looks, on some images of its data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from vislab.engine.data.pixels import decode
from vislab.engine.data.preprocessing import normalise
from vislab.engine.data.source import Pixels
from vislab.engine.data.sources import open_dataset
from vislab.engine.evaluation.saliency import saliency
from vislab.engine.evaluation.trained import open_trained
from vislab.engine.jobs.pictures import picture
from vislab.engine.jobs.thumbnails import small
from vislab.engine.runs.store import Run

_PORTION = 16  # images whose gradients are held at once
_COLOURS = (
    (0.0, (0, 0, 4)),
    (0.25, (87, 16, 110)),
    (0.5, (188, 55, 84)),
    (0.75, (249, 142, 9)),
    (1.0, (252, 255, 164)),
)
"""Stops of matplotlib's `inferno`, which stays in order for colour-blind eyes and in grey."""


class SaliencyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Images of a run's data set, by their names.

    Attributes:
        run_dir: the run.
        data_dir: the data folder.
        names: as in the run's predictions.csv.
        side: pixels of the pictures' sides, 1 to 512.
        device: auto, cpu, mps, cuda or cuda:N.
    """

    run_dir: str
    data_dir: str
    names: tuple[str, ...]
    side: int
    device: str = "auto"


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Explain the predicted class of each image.

    Returns:
        method: Grad-CAM, attention roll-out or gradient; pictures: for each name two pictures as of `picture`, the
        square that the model saw ("seen") and the same under its heat map ("heat"), and the predicted class
        ("predicted"); or {"error": why not}.

    Raises:
        InputError: the run or its data cannot be opened.
    """
    wanted = msgspec.convert(request, SaliencyRequest)
    run = Run(Path(wanted.run_dir))
    model = open_trained(run, device=wanted.device)
    source = open_dataset(model.spec.dataset, data_dir=Path(wanted.data_dir), folder=run.code)
    places = {source.images.name(index): index for index in range(len(source.images))}
    known = [name for name in wanted.names if name in places]
    preprocessing = model.spec.preprocessing
    side = max(1, min(wanted.side, 512))
    found: dict[str, dict[str, Any]] = {}
    method = ""
    for start in range(0, len(known), _PORTION):
        names = known[start : start + _PORTION]
        indices = np.array([places[name] for name in names], dtype=np.int64)
        decoded = decode(source.images, indices, preprocessing, size=preprocessing.image_size, skip_unreadable=True)
        if len(decoded.kept):
            pixels = decoded.pixels[:]
            logits = model.logits(pixels)
            images = normalise(pixels.to(model.device), preprocessing)
            explained = saliency(model.model, images, logits.argmax(dim=1))
            method = explained.method
            for row, position in enumerate(decoded.kept.tolist()):
                seen = small(np.moveaxis(pixels[row].numpy(), 0, 2), side)
                found[names[position]] = {
                    "seen": picture(seen),
                    "heat": picture(_under(seen, explained.maps[row])),
                    "predicted": model.classes[int(logits[row].argmax())],
                }
        found |= {image.name: {"error": image.reason} for image in decoded.unreadable}
        tell("looking", start + len(names), len(known))
    gone = {"error": "not in the data set any more"}
    return {"method": method, "pictures": [found.get(name, gone) for name in wanted.names]}


def _under(seen: Pixels, heat: torch.Tensor) -> Pixels:
    """A picture, uint8 [S, S, 3], mixed with the colours of a map, float32 in [0, 1]: the more the hotter."""
    size = seen.shape[:2]
    smooth = torch.nn.functional.interpolate(heat[None, None], size, mode="bilinear", align_corners=False)[0, 0].numpy()
    stops = [stop for stop, _ in _COLOURS]
    colours = np.stack(
        [np.interp(smooth, stops, [colour[channel] for _, colour in _COLOURS]) for channel in range(3)], axis=-1
    )
    share = 0.25 + 0.5 * smooth[:, :, None]
    return np.rint(seen * (1 - share) + colours * share).astype(np.uint8)
