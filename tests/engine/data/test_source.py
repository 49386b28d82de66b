import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vislab.engine.data.source import ArrayImages, FileImages, Source, same_classes, storable

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)


def make_source(images) -> Source:
    return Source(classes=("a", "b"), labels=np.arange(len(images), dtype=np.int64) % 2, images=images)


def test_array_images_are_numbered_through_their_parts() -> None:
    images = ArrayImages({"train": PIXELS[:4], "test": PIXELS[4:]})
    assert len(images) == 6
    assert [images.name(i) for i in (0, 3, 4, 5)] == ["train/00000", "train/00003", "test/00000", "test/00001"]
    for i in range(6):
        np.testing.assert_array_equal(images.read(i), PIXELS[i])
    indices = np.array([5, 0, 4, 0])
    np.testing.assert_array_equal(images.take(indices), PIXELS[indices])


def test_the_fingerprint_of_arrays_follows_their_pixels_and_the_labels() -> None:
    source = make_source(ArrayImages({"all": PIXELS}))
    assert source.fingerprint() == make_source(ArrayImages({"all": PIXELS.copy()})).fingerprint()
    changed = PIXELS.copy()
    changed[5, 3, 3, 2] ^= 1
    others = [
        make_source(ArrayImages({"all": changed})),
        replace(source, classes=("a", "c")),
        replace(source, labels=1 - source.labels),
        replace(source, roles=np.zeros(6, dtype=np.int8)),
        replace(source, groups=np.arange(6)),
    ]
    assert len({source.fingerprint(), *(other.fingerprint() for other in others)}) == 6


def test_the_fingerprint_of_files_follows_size_time_and_contents(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(b"12345")
    source = make_source(FileImages(tmp_path, ["x", "y"]))
    quick, whole = source.fingerprint(), source.fingerprint(contents=True)
    os.utime(tmp_path / "x", ns=(1, 1))
    assert source.fingerprint() != quick
    assert source.fingerprint(contents=True) == whole
    (tmp_path / "x").write_bytes(b"12346")
    assert source.fingerprint(contents=True) != whole
    (tmp_path / "y").unlink()
    assert len({quick, whole, source.fingerprint(), source.fingerprint(contents=True)}) == 4


def test_labels_must_fit_classes_and_images() -> None:
    with pytest.raises(AssertionError):
        Source(classes=("a",), labels=np.array([0, 1]), images=ArrayImages({"all": PIXELS[:2]}))
    with pytest.raises(AssertionError):
        Source(classes=("a",), labels=np.array([0]), images=ArrayImages({"all": PIXELS[:2]}))


def test_classes_are_the_same_by_the_names_that_an_earlier_version_wrote_too() -> None:
    now = ("a", storable("caf\udce9"), r"b\x41")
    assert same_classes(now, now) and same_classes(now, ("a", "caf?", r"b\x41"))
    for other in (("a", "caf?"), ("caf?", "a", r"b\x41"), ("a", "caf?", "b?"), (*now, "d"), ("?", "caf?", r"b\x41")):
        assert not same_classes(now, other), other
