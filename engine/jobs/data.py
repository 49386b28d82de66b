"""What is in a data set: classes, counts, sizes, duplicates, and files that cannot be read."""

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import msgspec
import numpy as np

from vislab.engine.data import manifest
from vislab.engine.data.decoding import read_header
from vislab.engine.data.source import ArrayImages, FileImages, Images, Source, UnreadableImage
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.sources.download import offline
from vislab.engine.data.splits import Split, make_split
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.strategy import Strategy

Tell = Callable[[str, int, int], None]

_CHUNK = 64
_HEADERS = 32
"""Files whose headers say how large the images are: a typical one, not each."""


class DataRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data set and how it would be divided.

    Attributes:
        dataset: fields of the schema.
        data_dir: the data folder.
        strategy: of its fields split, validation, folds, fold and limit count.
        seed: of the run.
        folder: what relative paths start from; empty: the working directory.
        look: decode every image; False: only classes, counts and roles.
        download: fetch published files that are not here; False: that is an error.
    """

    dataset: Dataset
    data_dir: str
    strategy: Strategy = Strategy()
    seed: int = 0
    folder: str = ""
    look: bool = True
    download: bool = True


@dataclass(frozen=True)
class Seen:
    """What was found out about one image; `digest` is `manifest.originals` of it."""

    width: int
    height: int
    format: str
    mode: str
    digest: bytes


def answer(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Read every image of a data set, or with look = False no pixels of any, and say what is in it.

    Returns:
        name, images, labelled, unlabelled, fingerprint; classes; counts: for "all" and each role of the split, images
        of each class in the order of classes; split and selected_on_test, or split_error where it cannot be divided;
        imbalance: the largest class over the smallest; smallest, largest: their names; side: pixels of a typical
        image's shorter side, of arrays or by the headers of a few files, None where these do not say; sizes:
        smallest, median and largest image by area as [width, height], and how many distinct; formats, modes: counts;
        duplicates: groups of images with equal pixels, each with names, classes and roles, how many images are
        superfluous, how many groups reach across roles, how many have more than one class; unreadable: name and
        reason; ignored: other files.
        Without a look, sizes to unreadable are as of no images.

    Raises:
        InputError: the data set cannot be opened.
    """
    wanted = msgspec.convert(request, DataRequest)
    with contextlib.nullcontext() if wanted.download else offline():
        source = open_dataset(
            wanted.dataset,
            data_dir=Path(wanted.data_dir),
            folder=Path(wanted.folder) if wanted.folder else None,
            listener=lambda name, done, total: tell(f"downloading {name}", done, total),
        )
    split: Split | None = None
    split_error = None
    try:
        split = make_split(source, wanted.strategy, wanted.seed)
    except InputError as error:
        split_error = str(error)
    seen = look_at_all(source.images, tell) if wanted.look else []
    roles = _roles(source, split)
    counts = np.bincount(source.labels[source.labels >= 0], minlength=len(source.classes))
    return {
        "name": wanted.dataset.name,
        "images": len(source.images),
        "labelled": int(counts.sum()),
        "unlabelled": len(source.images) - int(counts.sum()),
        "fingerprint": source.fingerprint(),
        "classes": list(source.classes),
        "counts": {"all": counts.tolist(), **_counts(source, split)},
        "split": split.description if split is not None else None,
        "selected_on_test": split is not None and split.selected_on_test,
        "split_error": split_error,
        "imbalance": float(counts.max() / counts.min()) if counts.min() else None,
        "smallest": source.classes[int(counts.argmin())],
        "largest": source.classes[int(counts.argmax())],
        "side": _side(source.images),
        **_looks([image for image in seen if isinstance(image, Seen)]),
        "duplicates": _duplicates(source, seen, roles),
        "unreadable": [
            {"name": image.name, "reason": image.reason} for image in seen if isinstance(image, UnreadableImage)
        ],
        "ignored": list(source.ignored),
    }


def look_at_all(images: Images, tell: Tell) -> list[Seen | UnreadableImage]:
    """Decode every image on all cores, keep none of the pixels."""

    def look(start: int) -> list[Seen | UnreadableImage]:
        return [_look(images, index) for index in range(start, min(start + _CHUNK, len(images)))]

    seen: list[Seen | UnreadableImage] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for chunk in pool.map(look, range(0, len(images), _CHUNK)):
            seen.extend(chunk)
            tell("reading images", len(seen), len(images))
    return seen


def _look(images: Images, index: int) -> Seen | UnreadableImage:
    try:
        pixels = images.read(index)
        kind, mode = "array", "L" if pixels.shape[2] == 1 else "RGB"
        if isinstance(images, FileImages):
            kind, mode, *_ = read_header(images.path(index), images.name(index))
    except UnreadableImage as error:
        return error
    return Seen(pixels.shape[1], pixels.shape[0], kind, mode, manifest.originals([pixels]).tobytes())


def _side(images: Images) -> int | None:
    """The median of the shorter sides, in pixels, of images all over the data set; None where nothing says it."""
    if isinstance(images, ArrayImages):
        return min(images.shape[:2])
    if not isinstance(images, FileImages):
        return None
    sides = []
    for index in range(0, len(images), -(-len(images) // _HEADERS)):
        with contextlib.suppress(UnreadableImage):
            header = read_header(images.path(index), images.name(index))
            sides.append(min(header.width, header.height))
    return median_low(sides) if sides else None


def _roles(source: Source, split: Split | None) -> list[str]:
    """The role of each image, empty for none."""
    roles = [""] * len(source.images)
    if split is not None:
        parts = {"train": split.train, "validation": split.validation, "test": split.test}
        for role, indices in parts.items():
            for index in indices.tolist():
                roles[index] = role
    return roles


def _counts(source: Source, split: Split | None) -> dict[str, list[int]]:
    if split is None:
        return {}
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {
        role: np.bincount(source.labels[indices], minlength=len(source.classes)).tolist()
        for role, indices in parts.items()
    }


def _looks(seen: Sequence[Seen]) -> dict[str, Any]:
    sizes = sorted(((image.width, image.height) for image in seen), key=lambda size: (size[0] * size[1], size))
    return {
        "sizes": {
            "smallest": list(sizes[0]),
            "median": list(sizes[len(sizes) // 2]),
            "largest": list(sizes[-1]),
            "distinct": len(set(sizes)),
        }
        if sizes
        else None,
        "formats": dict(Counter(image.format for image in seen).most_common()),
        "modes": dict(Counter(image.mode for image in seen).most_common()),
    }


def _duplicates(source: Source, seen: Sequence[Seen | UnreadableImage], roles: Sequence[str]) -> dict[str, Any]:
    members: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, image in enumerate(seen):
        if isinstance(image, Seen):
            members[image.digest].append(index)
    groups: list[dict[str, list[Any]]] = []
    for indices in members.values():
        if len(indices) > 1:
            labels = [int(source.labels[index]) for index in indices]
            groups.append(
                {
                    "names": [source.images.name(index) for index in indices],
                    "classes": [source.classes[label] if label >= 0 else None for label in labels],
                    "roles": [roles[index] or None for index in indices],
                }
            )

    def with_several(key: str) -> int:
        return sum(1 for group in groups if len(set(group[key]) - {None}) > 1)

    return {
        "groups": groups,
        "superfluous": sum(len(group["names"]) - 1 for group in groups),
        "across": with_several("roles"),
        "contradictory": with_several("classes"),
    }
