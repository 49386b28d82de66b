import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vislab.engine.data.source import Role
from vislab.engine.data.sources.folder import source, unlabelled
from vislab.presets.errors import InputError
from vislab.presets.guess import IMAGE_SUFFIXES, guess


def plant(root: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if Path(path).suffix in IMAGE_SUFFIXES:
            Image.new("RGB", (2, 2), (number, 0, 0)).save(root / path)
        else:
            (root / path).write_text("text")


def listed(root: Path) -> list[tuple[str, str | None, Role | None]]:
    found = source(root)
    return [
        (
            found.images.name(i),
            found.classes[label] if label >= 0 else None,
            None if found.roles is None else Role(found.roles[i]),
        )
        for i, label in enumerate(found.labels)
    ]


def test_class_folders(tmp_path: Path) -> None:
    plant(tmp_path, "dog/1.jpg", "cat/b.png", "cat/a.PNG", "cat/old/deep/c.gif")
    assert listed(tmp_path) == [
        ("cat/a.PNG", "cat", None),
        ("cat/b.png", "cat", None),
        ("cat/old/deep/c.gif", "cat", None),
        ("dog/1.jpg", "dog", None),
    ]
    assert source(tmp_path).classes == ("cat", "dog")
    assert source(tmp_path).images.read(3).shape == (2, 2, 3)


@pytest.mark.parametrize("validation", ["val", "Valid", "validation", "dev"])
def test_parts(tmp_path: Path, validation) -> None:
    plant(tmp_path, "train/cat/1.png", "train/dog/1.png", f"{validation}/dog/2.png", "test/cat/3.png")
    assert set(listed(tmp_path)) == {
        ("test/cat/3.png", "cat", Role.TEST),
        ("train/cat/1.png", "cat", Role.TRAIN),
        ("train/dog/1.png", "dog", Role.TRAIN),
        (f"{validation}/dog/2.png", "dog", Role.VALIDATION),
    }


def test_a_test_part_without_class_folders_has_no_labels(tmp_path: Path) -> None:
    plant(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png", "sample.csv")
    assert listed(tmp_path)[:2] == [("test/1.png", None, Role.TEST), ("test/2.png", None, Role.TEST)]
    assert source(tmp_path).ignored == ("sample.csv",)


def test_a_lonely_train_folder_is_a_part(tmp_path: Path) -> None:
    plant(tmp_path, "train/cat/1.png", "train/dog/1.png")
    assert source(tmp_path).classes == ("cat", "dog")


def test_train_may_be_a_class(tmp_path: Path) -> None:
    plant(tmp_path, "train/1.png", "car/1.png", "plane/1.png")
    found = source(tmp_path)
    assert found.classes == ("car", "plane", "train") and found.roles is None


def test_other_folders_beside_parts_are_ignored_and_reported(tmp_path: Path) -> None:
    plant(tmp_path, "train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "annotations/1.xml")
    found = source(tmp_path)
    assert found.classes == ("cat", "dog") and found.ignored == ("annotations",)


def test_hidden_files_and_other_files_are_ignored_and_reported(tmp_path: Path) -> None:
    plant(tmp_path, "cat/1.png", "cat/.hidden.png", "cat/notes.txt", "cat/.git/2.png", ".cache/3.png", "README.md")
    plant(tmp_path, "__MACOSX/cat/1.png", "loose.png")
    found = source(tmp_path)
    assert [found.images.name(i) for i in range(len(found.images))] == ["cat/1.png"]
    assert found.ignored == (
        ".cache",
        "README.md",
        "__MACOSX",
        "cat/.git",
        "cat/.hidden.png",
        "cat/notes.txt",
        "loose.png",
    )


def test_links_to_folders_are_followed_and_rings_are_not(tmp_path: Path) -> None:
    plant(tmp_path, "store/a/1.png", "data/cat/2.png")
    (tmp_path / "data/dog").symlink_to(tmp_path / "store/a")
    (tmp_path / "data/cat/ring").symlink_to(tmp_path / "data/cat")
    found = source(tmp_path / "data")
    assert [found.images.name(i) for i in range(2)] == ["cat/2.png", "dog/1.png"]
    assert len(found.images) == 2


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no class folders"):
        source(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        source(tmp_path)
    plant(tmp_path, "dog/1.png", "cow/notes.txt")
    with pytest.raises(InputError, match='no image in class folder "cat", "cow"'):
        source(tmp_path)


def test_unlabelled_images_for_prediction(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        unlabelled(tmp_path)
    plant(tmp_path, "b.png", "sub/a.png", "x.txt")
    found = unlabelled(tmp_path)
    assert [found.images.name(i) for i in range(2)] == ["b.png", "sub/a.png"]
    assert found.classes == () and (found.labels == -1).all() and found.ignored == ("x.txt",)
    with pytest.raises(InputError, match="there is no folder"):
        unlabelled(tmp_path / "none")


def test_every_suffix_is_one_that_pillow_knows() -> None:
    Image.init()
    readable = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    assert readable >= IMAGE_SUFFIXES - {".mpo"}  # written by cameras, opened by its contents
    assert np.isin([".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp", ".gif"], list(IMAGE_SUFFIXES)).all()


@pytest.mark.parametrize("closed", ["cat", "cat/old"])
@pytest.mark.parametrize("read", [source, unlabelled, guess])
def test_a_folder_that_cannot_be_read_is_named_and_never_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read, closed
) -> None:
    plant(tmp_path, "cat/old/1.jpg", *([] if read is guess else ["dog/1.jpg"]))
    scandir = os.scandir

    def refusing(place: str | Path) -> object:
        if Path(place) == tmp_path / closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=f"{closed} cannot be read: Permission denied"):
        read(tmp_path)
