import os
from pathlib import Path

import pytest

from vislab.presets.errors import InputError
from vislab.presets.guess import FOLDER, IDX, TABLE, guess


def plant(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["cat/1.jpg", "dog/2.PNG"], FOLDER),
        (["train/cat/1.jpg", "val/cat/2.jpg", "notes.csv"], FOLDER),
        (["cat/deep/er/1.webp"], FOLDER),
        (["train-images-idx3-ubyte.gz"], IDX),
        (["MNIST/raw/train-images-idx3-ubyte"], IDX),
        (["raw/train-images-idx3-ubyte"], IDX),
        (["gzip/emnist-letters-train-images-idx3-ubyte.gz"], IDX),
    ],
)
def test_folders(tmp_path: Path, paths, expected) -> None:
    plant(tmp_path, *paths)
    assert guess(tmp_path) == guess(str(tmp_path)) == expected


def test_tables(tmp_path: Path) -> None:
    plant(tmp_path, "a.csv", "b.TSV")
    assert guess(tmp_path / "a.csv") == guess(tmp_path / "b.TSV") == TABLE


@pytest.mark.parametrize(
    ("paths", "ask", "words"),
    [
        (["cats/1.jpg"], "cat", r"there is no folder or file .*cat; .* holds cats"),
        (["x.zip"], "x.zip", "neither a folder nor a .csv or .tsv table"),
        (["1.jpg", "2.jpg"], "", "in no class folders"),
        (["labels.csv", "1.jpg"], "", "give .*labels.csv"),
        (["cat/notes.txt", ".hidden/1.jpg", "dog/.1.jpg"], "", "holds no images"),
        ([], "", "holds no images"),
    ],
)
def test_what_does_not_fit_is_explained(tmp_path: Path, paths, ask, words) -> None:
    plant(tmp_path, *paths)
    with pytest.raises(InputError, match=words):
        guess(tmp_path / ask)


def test_what_is_neither_folder_nor_file_is_called_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "away").symlink_to(tmp_path / "gone")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for path, what in (
        (Path("/dev/zero"), "a device"),
        (tmp_path / "pipe", "a named pipe"),
        (tmp_path / "away", f"a link to {tmp_path}/gone, which is not there"),
        (tmp_path / "round", f"a link to {tmp_path}/round, which is not there"),
    ):
        with pytest.raises(InputError) as caught:
            guess(path)
        assert str(caught.value) == f"{path} is {what}: give a folder of images or a .csv or .tsv table"
