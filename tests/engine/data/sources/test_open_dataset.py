import os
from pathlib import Path

import pytest
from PIL import Image

from vislab.engine.data.sources import download, open_dataset
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset

MINE = """
from pathlib import Path
import numpy as np
from vislab.engine.data.source import ArrayImages, Source

def source(root: Path, *, count: int = 4) -> Source:
    \"\"\"Black squares.\"\"\"
    labels = np.arange(count) % 2
    return Source(("a", str(root)), labels, ArrayImages({"all": np.zeros((count, 2, 2, 1), np.uint8)}))

def nothing(root: Path):
    return 7

def empty(root: Path):
    return Source((), np.empty(0, np.int64), ArrayImages({"all": np.zeros((0, 2, 2, 1), np.uint8)}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_digits_need_no_folder(tmp_path: Path) -> None:
    dataset = Dataset(name="digits", source="vislab.engine.data.sources.digits:source")
    source = open_dataset(dataset, data_dir=tmp_path / "none")
    assert len(source.images) == 1797 and source.classes == tuple("0123456789")
    assert source.images.read(0).shape == (8, 8, 1)
    assert source.images.take(source.labels * 0).max() <= 255
    assert max(source.images.read(i).max() for i in range(20)) == 255


def test_the_users_own_function_its_options_and_its_root(folder: Path) -> None:
    dataset = Dataset(name="squares", source="./mine.py:source", options={"count": 6})
    source = open_dataset(dataset, data_dir=folder / "data", folder=folder)
    assert len(source.images) == 6 and source.classes[1] == str(folder / "data" / "squares")
    (folder / "here").mkdir()
    dataset = Dataset(name="squares", source="./mine.py:source", path="here")
    assert open_dataset(dataset, data_dir=folder, folder=folder).classes[1] == str(folder / "here")


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (Dataset(name="x", source="./mine.py:source", path="gone"), "data set x: there is no"),
        (Dataset(name="x", source="./mine.py:source", options={"counts": 6}), "did you mean 'count'"),
        (Dataset(name="x", source="./mine.py:nothing"), "returned a int"),
        (Dataset(name="x", source="./mine.py:empty"), "found no classes or no images"),
        (Dataset(name="x", source="./gone.py:source"), "gone.py"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, dataset, words) -> None:
    with pytest.raises(InputError, match=words):
        open_dataset(dataset, data_dir=folder, folder=folder)


def test_a_folder_by_its_path(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (2, 2)).save(tmp_path / name / "1.png")
    dataset = Dataset(name="pets", source="vislab.engine.data.sources.folder:source", path=str(tmp_path))
    assert open_dataset(dataset, data_dir=Path("/none")).classes == ("cat", "dog")


def pets(root: Path, *names: bytes) -> Dataset:
    for name in names:
        (root / os.fsdecode(name)).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(root / os.fsdecode(name) / os.fsdecode(b"\xe9.png"))
    return Dataset(name="pets", source="vislab.engine.data.sources.folder:source", path=str(root))


def test_a_class_whose_name_is_no_utf8_has_a_name_that_every_file_can_hold(tmp_path: Path) -> None:
    source = open_dataset(pets(tmp_path, b"caf\xe8", b"caf\xe9", b"cat"), data_dir=Path("/none"))
    assert source.classes == (r"caf\xe8", r"caf\xe9", "cat"), "two stay two"
    assert [source.classes[label] for label in source.labels] == [r"caf\xe8", r"caf\xe9", "cat"]
    assert source.images.name(1) == os.fsdecode(b"caf\xe9/\xe9.png") and source.images.read(1).shape == (2, 2, 3)


def test_two_classes_that_would_be_called_alike_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data set pets: two classes are called caf\\xe9: .* Rename one of them in"):
        open_dataset(pets(tmp_path, b"caf\xe9", rb"caf\xe9"), data_dir=Path("/none"))


def test_the_listener_is_there_only_while_the_set_is_opened(tmp_path: Path) -> None:
    before = download._listener.get()
    dataset = Dataset(name="digits", source="vislab.engine.data.sources.digits:source")
    open_dataset(dataset, data_dir=tmp_path, listener=lambda name, done, total: None)
    assert download._listener.get() is before
