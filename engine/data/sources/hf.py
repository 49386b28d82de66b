"""Image data sets of the Hugging Face Hub, through the `datasets` library (the extra `hf`)."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vislab.engine.data.decoding import UnreadableImage, read_image
from vislab.engine.data.source import Pixels, Role, Source
from vislab.engine.data.sources.parts import role_of
from vislab.presets.errors import InputError


class HubImages:
    """Images of `datasets` tables, decoded here and not by the library.

    Args:
        parts: name of a part to its table.
        column: the column of images.
    """

    def __init__(self, parts: dict[str, Any], column: str) -> None:
        from datasets import Image

        self._tables = {part: table.cast_column(column, Image(decode=False)) for part, table in parts.items()}
        self._column = column
        self._places = [(part, row) for part, table in parts.items() for row in range(len(table))]

    def __len__(self) -> int:
        return len(self._places)

    def name(self, index: int) -> str:
        """Part and row, such as "train/00012"."""
        part, row = self._places[index]
        return f"{part}/{row:05d}"

    def read(self, index: int) -> Pixels:
        """Pixels, uint8 [H, W, C], C = 1 or 3. Raises UnreadableImage."""
        part, row = self._places[index]
        cell = self._tables[part][row][self._column]
        if cell is None:
            raise UnreadableImage(self.name(index), "the cell is empty")
        if cell["bytes"] is not None:
            return read_image(io.BytesIO(cell["bytes"]), self.name(index))
        return read_image(Path(cell["path"]), self.name(index))

    def manifest(self, *, contents: bool = False) -> Iterator[str]:
        """One line a part: its fingerprint by the library, or SHA-256 of its images' bytes."""
        for part, table in self._tables.items():
            if not contents:
                yield f"{part}\t{len(table)}\t{table._fingerprint}"
                continue
            digest = hashlib.sha256()
            for cell in table[self._column]:
                digest.update((cell or {}).get("bytes") or b"")
            yield f"{part}\t{len(table)}\t{digest.hexdigest()}"


def source(
    root: Path, *, dataset: str = "", config: str = "", revision: str = "", image: str = "", label: str = ""
) -> Source:
    """An image classification data set of the Hugging Face Hub; its code is never run.

    Args:
        root: folder of the library's cache.
        dataset: its name on the Hub, such as "uoft-cs/cifar10", or a local folder in its format.
        config: which configuration, where there are several.
        revision: branch, tag or commit; empty: the newest.
        image: the column of images; empty: the only one.
        label: the column of labels; empty: the only one.

    Raises:
        InputError: `datasets` is not installed, no such data set, no network, or no column of images or of labels.
    """
    try:
        from datasets import ClassLabel, Image, load_dataset
    except ImportError as error:
        raise InputError(
            f"data sets of the Hugging Face Hub need the extra hf: python install.py --extra hf ({error})"
        ) from error
    if not dataset:
        raise InputError("dataset.options.dataset is empty; give the name of a data set, such as uoft-cs/cifar10")
    try:
        loaded = load_dataset(dataset, config or None, revision=revision or None, cache_dir=str(root))
    except (OSError, ValueError, RuntimeError) as error:  # what the library raises for names, configs and the network
        raise InputError(
            f"hf:{dataset} cannot be loaded: {error}. Without a network, load it once where there is one and copy "
            f"{root}, or give a local folder in the library's format"
        ) from error
    parts = {part: table for part, table in loaded.items() if role_of(part) is not None} or dict(loaded)
    features = next(iter(parts.values())).features
    image = _column(dataset, features, Image, image, "image")
    label = _column(dataset, features, ClassLabel, label, "label")
    roles = [role_of(part) or Role.TRAIN for part in parts]
    sizes = [len(table) for table in parts.values()]
    labels = [np.array([-1 if value is None else value for value in table[label]]) for table in parts.values()]
    return Source(
        classes=tuple(features[label].names),
        labels=np.concatenate(labels).astype(np.int64),
        images=HubImages(parts, image),
        roles=np.repeat(np.array(roles, dtype=np.int8), sizes) if len(parts) > 1 else None,
    )


def _column(name: str, features: dict[str, Any], kind: type, wanted: str, option: str) -> str:
    fitting = [column for column, feature in features.items() if isinstance(feature, kind)]
    if wanted in fitting:
        return wanted
    if wanted or len(fitting) != 1:
        columns = ", ".join(fitting) or "none"
        raise InputError(f"hf:{name}: columns of {option}s: {columns}; name one with dataset.options.{option}")
    return fitting[0]
