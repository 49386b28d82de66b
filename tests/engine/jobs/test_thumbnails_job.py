import base64

import msgspec
import numpy as np
import pytest
from PIL import Image

from vislab.engine.jobs import thumbnails
from vislab.engine.runs.store import create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec


@pytest.fixture
def run(tmp_path):
    pictures = tmp_path / "pictures"
    for name, size in (("a/wide.png", (40, 20)), ("b/[tall].png", (10, 30))):
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (200, 100, 50)).save(pictures / name)
    Image.new("L", (8, 8), 77).save(pictures / "b" / "grey.png")
    (pictures / "a" / "broken.png").write_bytes(b"nothing")
    spec = {"dataset": {"name": "p", "source": "vislab.engine.data.sources.folder:source", "path": str(pictures)}}
    return create(tmp_path / "runs", msgspec.convert(spec, Spec))


def ask(run, *names, side=16):
    told = []
    request = {"run_dir": str(run.path), "data_dir": "/nowhere", "names": list(names), "side": side}
    pictures = thumbnails.answer(request, lambda *words: told.append(words))["pictures"]
    assert told[-1][1:] == (len(names), len(names))
    return pictures


def test_pictures_come_in_the_order_asked_for_and_keep_their_shape(run):
    tall, wide, grey = ask(run, "b/[tall].png", "a/wide.png", "b/grey.png")
    assert (tall["width"], tall["height"]) == (5, 16) and (wide["width"], wide["height"]) == (16, 8)
    pixels = np.frombuffer(base64.b64decode(wide["rgb"]), np.uint8).reshape(8, 16, 3)
    assert (pixels == (200, 100, 50)).all()
    assert base64.b64decode(grey["rgb"]) == bytes([77]) * 3 * 16 * 16


def test_an_image_that_cannot_be_read_or_is_gone_says_so(run):
    broken, gone, good = ask(run, "a/broken.png", "a/never.png", "b/grey.png")
    assert broken["error"] and "not in the data set" in gone["error"] and "rgb" in good


def test_a_data_set_that_has_gone_is_the_users_to_mend(run, tmp_path):
    thumbnails._opened.cache_clear()
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="there is no"):
        ask(run, "a/wide.png")


def test_shrinking_is_the_mean_of_what_lies_below():
    pixels = np.array([[[0], [100]], [[100], [200]]], np.uint8)
    assert thumbnails.small(pixels, 1).tolist() == [[[100, 100, 100]]]
    assert thumbnails.small(np.zeros((1, 100, 3), np.uint8), 10).shape == (1, 10, 3)


def test_pictures_are_of_the_data_source_that_the_run_has_kept(tmp_path, mine):
    own = tmp_path / "own.py"
    own.write_text(mine.read_text())
    spec = msgspec.convert({"dataset": {"name": "m", "source": f"{own}:source", "path": str(tmp_path)}}, Spec)
    run = create(tmp_path / "runs", spec, code=[own])
    own.write_text("raise ValueError")
    [found] = ask(run, "made/00000")
    assert found["width"] == 16
