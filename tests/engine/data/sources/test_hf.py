import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vislab.engine.data.source import Role, UnreadableImage
from vislab.engine.data.sources.hf import source
from vislab.presets.errors import InputError


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"python install\.py --extra hf"):
        source(tmp_path, dataset="uoft-cs/cifar10")


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A data set in the library's own folder format."""
    for part in ("train", "test"):
        for number, name in enumerate(("cat", "dog", "dog")):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 3), (10 * number, 0, 0)).save(folder / f"{number}.png")
    return tmp_path


def test_a_data_set_in_the_librarys_format(local: Path) -> None:
    found = source(local / "cache", dataset=str(local / "pets"))
    assert found.classes == ("cat", "dog") and found.labels.tolist() == [0, 1, 1] * 2
    assert found.roles is not None and found.roles.tolist() == [Role.TRAIN] * 3 + [Role.TEST] * 3
    np.testing.assert_array_equal(found.images.read(2), np.full((3, 4, 3), [20, 0, 0], np.uint8))
    assert found.images.name(4) == "test/00001"
    assert found.fingerprint() == source(local / "cache", dataset=str(local / "pets")).fingerprint()
    assert len(found.fingerprint(contents=True)) == 64


def test_columns_and_names_that_do_not_exist(local: Path) -> None:
    with pytest.raises(InputError, match=r"columns of images: image; name one with dataset\.options\.image"):
        source(local / "cache", dataset=str(local / "pets"), image="photo")
    with pytest.raises(InputError, match="cannot be loaded"):
        source(local / "cache", dataset=str(local / "nowhere"))
    with pytest.raises(InputError, match=r"dataset.options.dataset is empty"):
        source(local / "cache")


def test_a_file_that_vanished(local: Path) -> None:
    found = source(local / "cache", dataset=str(local / "pets"))
    for path in (local / "pets").rglob("*.png"):
        path.unlink()
    with pytest.raises(UnreadableImage, match="does not exist"):
        found.images.read(0)
