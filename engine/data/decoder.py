"""A process that decodes for another one: `python -m vislab.engine.data.decoder`, started by `streaming` alone.

Its standard input is JSON lines: first a `Setup`, then tasks [side, [numbers of images]]. Its standard output answers
each line with a JSON line: what went wrong, null if nothing did; after a task without fault its pixels follow, uint8
[n, channels, side, side]. It ends with its input.
"""

import ctypes
import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from vislab.engine.data.source import Images, UnreadableImage
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.sources.download import offline
from vislab.engine.data.squares import to_square
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.preprocessing import Preprocessing

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Setup(msgspec.Struct, frozen=True):
    """What is decoded, and how.

    Attributes:
        folder: what relative paths in `dataset` start from.
        names: `names_digest` of the images that the parent has.
        parent: its process id.
    """

    dataset: Dataset
    data_dir: str
    folder: str
    preprocessing: Preprocessing
    names: str
    parent: int


def names_digest(images: Images) -> str:
    """A checksum of the images' names in order: equal numbers then mean equal images."""
    digest = hashlib.blake2b(digest_size=16)
    for index in range(len(images)):
        digest.update(images.name(index).encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl+C means
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a data set's own code prints must not get between the answers
    setup = msgspec.json.decode(sys.stdin.buffer.readline(), type=Setup)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != setup.parent:
        return
    try:
        with offline():
            images = open_dataset(setup.dataset, data_dir=Path(setup.data_dir), folder=Path(setup.folder)).images
        fault = None if names_digest(images) == setup.names else "its images are not what they were a moment ago"
    except InputError as error:
        fault = str(error)
    _answer(answers, fault)
    if fault is not None:
        return
    for line in sys.stdin.buffer:
        side, numbers = json.loads(line)
        try:
            pixels = [to_square(images.read(number), setup.preprocessing, side) for number in numbers]
        except UnreadableImage as error:
            _answer(answers, str(error))
            continue
        _answer(answers, None, np.stack(pixels).tobytes())


def _answer(answers: BinaryIO, fault: str | None, pixels: bytes = b"") -> None:
    answers.write(json.dumps(fault).encode() + b"\n")
    answers.write(pixels)
    answers.flush()


if __name__ == "__main__":
    main()
