"""The embedded data set: scikit-learn's copy of the UCI optical recognition of handwritten digits."""

from pathlib import Path

import numpy as np

from vislab.engine.data.source import ArrayImages, Source

CLASSES = tuple(str(digit) for digit in range(10))


def source(root: Path) -> Source:
    """1,797 handwritten digits of 8 x 8 pixels, bundled with scikit-learn; needs neither folder nor network.

    Pixels are counts from 0 to 16 in the original and are scaled by 255/16, rounded. No parts were published.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return Source(classes=CLASSES, labels=digits.target.astype(np.int64), images=ArrayImages({"digits": pixels}))
