"""Images that a person names on a command line: files, folders, patterns."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vislab.engine.data.source import FileImages, Source
from vislab.engine.data.sources.folder import unlabelled
from vislab.presets.errors import InputError
from vislab.presets.guess import IMAGE_SUFFIXES, is_hidden


def named(paths: Sequence[str]) -> Source:
    """Images without labels, in the order in which they are named; each file once.

    A folder stands for all images below it, at any depth and in the order of their names. A pattern (`*`, `?`, `[…]`,
    `**`) stands for the images and folders that fit it, unless there is a file of exactly that name.

    Returns:
        A source whose names are paths as they were given, with forward slashes, below folders continued.

    Raises:
        InputError: names all paths that do not exist or hold no images.
    """
    found: dict[str, str] = {}  # absolute path: as it was given
    ignored: list[str] = []
    faults = []
    for given in paths:
        path = os.path.expanduser(given)  # noqa: PTH111  (a Path would lose the ./ and the spelling)
        if os.path.lexists(path):
            places = [path]
        elif glob.has_magic(path):
            fitting = glob.glob(path, recursive=True)  # noqa: PTH207  (which keeps the spelling)
            places = sorted(place for place in fitting if _fits(place))
        else:
            faults.append(f"there is no file or folder {given}")
            continue
        if not places:
            faults.append(f"nothing fits the pattern {given}")
        for place in places:
            try:
                for name in _below(place, ignored):
                    found.setdefault(os.path.abspath(name), name)  # noqa: PTH100  (links are files of their own)
            except InputError as error:
                faults.append(str(error))
    if faults:
        raise InputError("; ".join(faults))
    names = list(found.values())
    return Source(
        classes=(),
        labels=np.full(len(names), -1, dtype=np.int64),
        images=FileImages(Path(), names),
        ignored=tuple(ignored),
    )


def _fits(place: str) -> bool:
    return Path(place).is_dir() or (Path(place).suffix.lower() in IMAGE_SUFFIXES and not is_hidden(Path(place).name))


def _below(place: str, ignored: list[str]) -> list[str]:
    if not Path(place).is_dir():
        return [place]
    source = unlabelled(Path(place))
    # os.path.join keeps the folder as it was typed.
    ignored.extend(os.path.join(place, name) for name in source.ignored)  # noqa: PTH118
    return [os.path.join(place, source.images.name(index)) for index in range(len(source.images))]  # noqa: PTH118
