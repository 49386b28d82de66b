import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vislab.engine.data.pixels import Stopped, decode, store_size
from vislab.engine.data.source import ArrayImages, FileImages
from vislab.engine.data.squares import to_square
from vislab.presets.errors import InputError
from vislab.presets.schema.preprocessing import Preprocessing

RNG = np.random.default_rng(0)
PARTS = {
    "train": RNG.integers(0, 256, (9, 8, 8, 1), dtype=np.uint8),
    "test": RNG.integers(0, 256, (5, 8, 8, 1), dtype=np.uint8),
}


@pytest.fixture
def folder(tmp_path: Path) -> FileImages:
    names = [f"{i:02d}.png" for i in range(100)]
    for name in names:
        Image.fromarray(RNG.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(tmp_path / name)
    return FileImages(tmp_path, names)


def one_by_one(images, indices, preprocessing, size) -> np.ndarray:
    return np.stack([to_square(images.read(int(i)), preprocessing, size) for i in indices])


@pytest.mark.parametrize("size", [8, 11])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("crop_fraction", [1.0, 0.8])
def test_arrays_with_and_without_the_short_cut(size, channels, crop_fraction) -> None:
    images = ArrayImages(PARTS)
    indices = np.array([13, 0, 9, 8, 3, 3])
    preprocessing = Preprocessing(channels=channels, crop_fraction=crop_fraction)
    decoded = decode(images, indices, preprocessing, size=size)
    assert decoded.pixels.dtype == torch.uint8 and decoded.pixels.is_contiguous()
    np.testing.assert_array_equal(decoded.pixels.numpy(), one_by_one(images, indices, preprocessing, size))
    np.testing.assert_array_equal(decoded.kept, np.arange(6))
    assert decoded.unreadable == ()


def test_files_come_in_the_order_asked_for(folder: FileImages) -> None:
    indices = RNG.permutation(100)
    decoded = decode(folder, indices, Preprocessing(), size=6)
    np.testing.assert_array_equal(decoded.pixels.numpy(), one_by_one(folder, indices, Preprocessing(), 6))


def test_nothing_to_decode(folder: FileImages) -> None:
    empty = np.empty(0, dtype=np.int64)
    assert decode(folder, empty, Preprocessing(), size=6).pixels.shape == (0, 3, 6, 6)


def test_progress_ends_at_the_count(folder: FileImages) -> None:
    told: list[tuple[int, int]] = []
    decode(folder, np.arange(100), Preprocessing(), size=6, progress=lambda done, count: told.append((done, count)))
    assert told[-1] == (100, 100)
    assert told == sorted(told)


def test_it_stops_when_asked(folder: FileImages) -> None:
    threads = threading.active_count()
    with pytest.raises(Stopped):
        decode(folder, np.arange(100), Preprocessing(), size=6, should_stop=lambda: True)
    assert threading.active_count() == threads


def test_unreadable_images_are_named_together(folder: FileImages) -> None:
    for i in range(20, 35):
        folder.path(i).write_bytes(b"broken")
    folder.path(3).unlink()
    with pytest.raises(InputError) as caught:
        decode(folder, np.arange(100), Preprocessing(), size=6)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("16 of 100 images cannot be read")
    assert lines[1] == "  03.png: the file does not exist"
    assert lines[2] == "  20.png: not an image of a known format"
    assert len(lines) == 12 and lines[-1].startswith("  … and 6 more")


def test_unreadable_images_can_be_skipped(folder: FileImages) -> None:
    folder.path(5).unlink()
    indices = np.array([4, 5, 6])
    decoded = decode(folder, indices, Preprocessing(), size=6, skip_unreadable=True)
    assert decoded.kept.tolist() == [0, 2]
    assert [error.name for error in decoded.unreadable] == ["05.png"]
    np.testing.assert_array_equal(decoded.pixels.numpy(), one_by_one(folder, [4, 6], Preprocessing(), 6))


def test_an_unexpected_error_is_not_swallowed() -> None:
    class Broken(ArrayImages):
        def read(self, index: int) -> np.ndarray:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decode(Broken(PARTS), np.arange(5), Preprocessing(), size=6)


def test_store_size() -> None:
    assert store_size(Preprocessing(image_size=28), crops=False) == 28
    assert store_size(Preprocessing(image_size=224), crops=True) == 336
    assert store_size(Preprocessing(image_size=33), crops=True) == 50
    assert store_size(Preprocessing(image_size=224, store_size=256), crops=True) == 256
    with pytest.raises(InputError, match="store_size = 100 is below"):
        store_size(Preprocessing(image_size=224, store_size=100), crops=False)
