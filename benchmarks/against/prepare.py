"""The images of a work, written once: a part of Fashion-MNIST, as IDX files or as a folder of JPEG pictures."""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image
from works import Work

_PARTS = {"train": "train", "test": "t10k"}


def prepare(work: Work, idx: Path, folder: Path) -> Path:
    """Write a work's images, unless they are there; returns their folder.

    Args:
        idx: folder with the four gzipped IDX files of Fashion-MNIST.
    """
    name = f"{'pictures' if work.jpeg else 'idx'}-{work.train}-{work.test}-{work.classes}-{work.jpeg}"
    made = folder / name
    if not made.exists():
        begun = folder / f"{name}.part"
        for part, count in (("train", work.train), ("test", work.test)):
            images, labels = _part(idx, _PARTS[part])
            chosen = np.flatnonzero(labels < work.classes)[:count]
            if work.jpeg:
                _pictures(begun / part, images[chosen], labels[chosen], work.jpeg)
            else:
                _write_idx(begun, _PARTS[part], images[chosen], labels[chosen])
        begun.rename(made)
    return made


def _part(idx: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = np.frombuffer(gzip.decompress((idx / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((idx / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    return images.reshape(-1, 28, 28), labels


def _write_idx(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in (("images-idx3", images), ("labels-idx1", labels)):
        header = np.array([0x800 + content.ndim, *content.shape], dtype=">u4").tobytes()
        (folder / f"{part}-{kind}-ubyte").write_bytes(header + content.tobytes())


def _pictures(folder: Path, images: np.ndarray, labels: np.ndarray, side: int) -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        kind = folder / f"class-{label}"
        kind.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(image).resize((side, side * 3 // 4), Image.Resampling.BICUBIC)
        picture.convert("RGB").save(kind / f"{number:05d}.jpg", quality=92)
