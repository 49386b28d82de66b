"""Whether images of another data set are those that a run was trained or selected on."""

import csv
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vislab.engine.data import manifest
from vislab.engine.data.augment import Pipeline
from vislab.engine.data.pixels import squares, store_size
from vislab.engine.data.source import Images, Pixels
from vislab.engine.runs.cells import unguard
from vislab.engine.runs.store import Run
from vislab.presets.schema.spec import Spec


class Overlap(NamedTuple):
    """Images of another data set that a run knows.

    Attributes:
        trained_on: how many of them are training images of the run.
        all_validated_on: whether every one is a validation image of the run.
    """

    trained_on: int
    all_validated_on: bool


def overlap(
    run: Run, spec: Spec, images: Images, indices: npt.NDArray[np.int64], progress: Callable[[int, int], None]
) -> Overlap | None:
    """Compare images with those of a run, by the checksums of their pixels at the size that the run kept them at.

    Args:
        spec: the run's, its own files replaced by the copies under code/.
        indices: int64 [n], which images; those that cannot be read count as unknown.
        progress: called with (images read, images to be read).

    Returns:
        None where the run has no list of its images.
    """
    if not run.data_manifest.is_file() or not run.split.is_file():
        return None
    _, digests = manifest.read(run.data_manifest)
    known: dict[str, set[str]] = {"train": set(), "validation": set()}
    with run.split.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            # A run that is selected on its test images has them in both roles.
            part = "train" if row["role"] == "train" else "validation" if row["role"] != "test" else ""
            if part and (digest := digests.get(unguard(row["name"]))):
                known[part].add(digest)
    augment = () if spec.strategy.augment == "none" else spec.strategy.augment
    crops = Pipeline(augment, image_size=spec.preprocessing.image_size, folder=run.code).crops
    sides = {"train": store_size(spec.preprocessing, crops), "validation": spec.preprocessing.image_size}
    found: dict[int, list[str]] = {}
    total = len(indices) * len(set(sides.values()))
    for side in dict.fromkeys(sides.values()):
        before = len(indices) * len(found)
        checksums = np.zeros((len(indices), manifest.DIGEST), dtype=np.uint8)

        def keep(start: int, block: Pixels, checksums: Pixels = checksums) -> None:
            checksums[start : start + len(block)] = manifest.digests(block)

        done = 0
        for finished in squares(images, indices, spec.preprocessing, size=side, keep=keep, unreadable={}):
            done += sum(map(len, finished))
            progress(before + done, total)
        text, step = checksums.tobytes().hex(), 2 * manifest.DIGEST
        found[side] = [text[step * row : step * (row + 1)] for row in range(len(indices))]
    trained = sum(digest in known["train"] for digest in found[sides["train"]])
    validated = all(digest in known["validation"] for digest in found[sides["validation"]])
    return Overlap(trained, validated)
