"""Images named by files, folders and patterns."""

import os

import pytest
from PIL import Image

from vislab.engine.data.sources.named import named
from vislab.presets.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    deep = ("deep/er/c.jpg", "deep/d.png", "deep/.hidden.png", "deep/n.txt")
    for name in ("b.png", "a.png", "[x].png", "odd.bin", *deep):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / name, format="PNG")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths):
    source = named(paths)
    assert source.classes == () and set(source.labels.tolist()) <= {-1}
    assert all(source.images.read(index).shape == (4, 4, 1) for index in range(len(source.images)))
    return [source.images.name(index) for index in range(len(source.images))]


def test_files_come_in_the_order_given_each_once(here):
    assert names("b.png", "a.png", "./b.png", str(here / "b.png")) == ["b.png", "a.png"]
    assert names("odd.bin") == ["odd.bin"]


def test_folders_are_read_at_any_depth_in_order(here):
    assert names("deep") == ["deep/d.png", "deep/er/c.jpg"]
    assert named(["deep"]).ignored == ("deep/.hidden.png", "deep/n.txt")
    assert names(".")[0] == "./[x].png"


def test_patterns_and_files_that_look_like_one(here):
    assert names("*.png") == ["[x].png", "a.png", "b.png"]
    assert names("[x].png") == ["[x].png"]
    assert names("**/*.jpg", "dee*") == ["deep/er/c.jpg", "deep/d.png"]


def test_all_that_is_not_there_is_named(here):
    (here / "empty").mkdir()
    with pytest.raises(InputError) as error:
        named(["a.png", "gone.png", "no*thing", "empty"])
    for part in ("no file or folder gone.png", "nothing fits the pattern no*thing", "empty holds no images"):
        assert part in str(error.value)


def test_names_that_are_not_utf8_are_read(here):
    odd = os.fsdecode(b"\xff\n.png")
    (here / "a.png").rename(odd)
    assert names("b.png", odd) == ["b.png", odd]
