"""What a run's images were when it began, to tell on resume whether they changed, and which."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from vislab.engine.data.source import Pixels
from vislab.engine.runs.files import write_atomically


def digests(names: Iterable[str], pixels: Pixels) -> dict[str, str]:
    """Name of each image to a BLAKE2 checksum, 64 bits in hex, of its decoded pixels, uint8 [N, C, S, S]."""
    rows = np.ascontiguousarray(pixels)
    return {
        name: hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest() for name, row in zip(names, rows, strict=True)
    }


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
