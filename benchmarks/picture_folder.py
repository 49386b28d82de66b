"""Make a class folder of real pictures out of an IDX folder of the MNIST family, as JPEG files.

python benchmarks/picture_folder.py /usr/share/datasets/fashion-mnist OUT --classes 2 4 6 --images 50 --side 96
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Write OUT/<class>/<number>.jpg, the first images of each class of the training part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("idx", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 4, 6])
    parser.add_argument("--images", type=int, default=50, help="images a class")
    parser.add_argument("--side", type=int, default=96, help="side in pixels")
    given = parser.parse_args()
    images = _read(given.idx / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = _read(given.idx / "train-labels-idx1-ubyte.gz", 8)
    for label in given.classes:
        folder = given.out / f"class-{label}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in np.flatnonzero(labels == label)[: given.images]:
            picture = Image.fromarray(images[number]).resize((given.side, given.side), Image.Resampling.BICUBIC)
            picture.convert("RGB").save(folder / f"{number:05d}.jpg", quality=95)


def _read(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)


if __name__ == "__main__":
    main()
