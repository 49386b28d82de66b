"""What a run's images were when it began, to tell on resume whether they changed, and which."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vislab.engine.data.source import Pixels
from vislab.engine.runs.files import write_atomically

DIGEST = 8
"""Bytes of an image's checksum."""


def digests(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """BLAKE2 checksums of decoded pixels, uint8 [N, C, S, S]: uint8 [N, DIGEST]."""
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    found = b"".join(hashlib.blake2b(row.data, digest_size=DIGEST).digest() for row in rows)
    return np.frombuffer(found, dtype=np.uint8).reshape(-1, DIGEST)


def originals(images: Iterable[Pixels]) -> npt.NDArray[np.uint8]:
    """BLAKE2 checksums of N images as they were read, uint8 [H, W, C], of shape and pixels: uint8 [N, DIGEST]."""
    found = []
    for image in images:
        digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=DIGEST)
        digest.update(np.ascontiguousarray(image).data)
        found.append(digest.digest())
    return np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, DIGEST)


def copies(checksums: npt.NDArray[np.uint8], of: npt.NDArray[np.uint8]) -> int:
    """How many images, uint8 [N, DIGEST], have the checksum of one of other images, uint8 [M, DIGEST]."""
    return int(np.isin(_whole(checksums), _whole(of)).sum())


def _whole(checksums: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(checksums).view(np.uint64).ravel()


def named(names: Sequence[str], checksums: npt.NDArray[np.uint8]) -> dict[str, str]:
    """Name of each image to its checksum in hex."""
    text, step = checksums.tobytes().hex(), 2 * DIGEST
    return {name: text[step * row : step * (row + 1)] for row, name in enumerate(names)}


def write(path: Path, fingerprint: str, images: Mapping[str, str]) -> None:
    """Write the manifest: one line of JSON with the data set's fingerprint, then one for each image."""
    lines = [json.dumps(fingerprint), *(json.dumps(pair) for pair in images.items())]  # ASCII, whatever the names
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def read(path: Path) -> tuple[str, dict[str, str]]:
    """Fingerprint and images as written by `write`."""
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    return json.loads(first), dict(map(json.loads, rest))


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of images whose pixels are not what they were, or that are new or gone; in order."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
