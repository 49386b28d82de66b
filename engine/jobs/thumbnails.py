"""Small pictures of some images of a run's data set."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vislab.engine.data.source import Pixels, Source, UnreadableImage
from vislab.engine.data.sources import open_dataset
from vislab.engine.jobs.pictures import picture
from vislab.engine.runs.store import Run
from vislab.engine.worker import with_copied_code
from vislab.presets.schema.dataset import Dataset

_LARGEST = 512


class ThumbnailsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Images of a run's data set, by their names.

    Attributes:
        run_dir: the run.
        data_dir: the data folder.
        names: as in the run's predictions.csv.
        side: pixels that width and height keep within, 1 to 512.
    """

    run_dir: str
    data_dir: str
    names: tuple[str, ...]
    side: int


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Read the images and make them small.

    Returns:
        pictures: for each name {"width", "height", "rgb": base64 of uint8 [height, width, 3]}, or {"error": why not}.

    Raises:
        InputError: the data set cannot be opened.
    """
    wanted = msgspec.convert(request, ThumbnailsRequest)
    run = Run(Path(wanted.run_dir))
    dataset = with_copied_code(run.spec(), run.code).dataset
    source, places = _opened(msgspec.json.encode(dataset), Path(wanted.data_dir), run.code)
    side = max(1, min(wanted.side, _LARGEST))
    pictures = []
    for number, name in enumerate(wanted.names):
        pictures.append(_picture(source, places.get(name), side))
        tell("reading images", number + 1, len(wanted.names))
    return {"pictures": pictures}


@lru_cache(maxsize=1)
def _opened(dataset: bytes, data_dir: Path, folder: Path) -> tuple[Source, dict[str, int]]:
    """The data set and the position of each name; the last one is kept for the next page of pictures."""
    source = open_dataset(msgspec.json.decode(dataset, type=Dataset), data_dir=data_dir, folder=folder)
    return source, {source.images.name(index): index for index in range(len(source.images))}


def _picture(source: Source, index: int | None, side: int) -> dict[str, Any]:
    if index is None:
        return {"error": "not in the data set any more"}
    try:
        pixels = small(source.images.read(index), side)
    except UnreadableImage as error:
        return {"error": error.reason}
    return picture(pixels)


def small(pixels: Pixels, side: int) -> Pixels:
    """Shrink an image (or enlarge a small one) so that its longer side is `side` pixels.

    Args:
        pixels: uint8 [H, W, C], C = 1 or 3.

    Returns:
        uint8 [h, w, 3].
    """
    from PIL import Image

    height, width, channels = pixels.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).convert("RGB")
    return np.asarray(picture.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST))
