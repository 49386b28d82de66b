import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from vislab.engine.data.source import Role
from vislab.engine.data.sources.idx import EMNIST, FASHION, KUZUSHIJI, source
from vislab.presets.errors import InputError

RNG = np.random.default_rng(0)
PIXELS = {
    "train": RNG.integers(0, 256, (20, 5, 4), dtype=np.uint8),
    "t10k": RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8),
}
LABELS = {"train": np.arange(20, dtype=np.uint8) % 3, "t10k": np.arange(6, dtype=np.uint8) % 3}


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder: Path, *, prefix="", zipped=False, parts=("train", "t10k"), test="t10k", labels=LABELS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        name = part if part == "train" else test
        for kind, array in (
            (f"{prefix}{name}-images-idx3-ubyte", PIXELS[part]),
            (f"{prefix}{name}-labels-idx1-ubyte", labels[part]),
        ):
            if zipped:
                (folder / f"{kind}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (folder / kind).write_bytes(idx(array))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw", "gzip"])
def test_layouts(tmp_path: Path, zipped, place) -> None:
    write(tmp_path / place, zipped=zipped)
    found = source(tmp_path)
    assert found.classes == ("0", "1", "2") or place == "MNIST/raw"
    np.testing.assert_array_equal(found.labels, np.r_[LABELS["train"], LABELS["t10k"]])
    assert found.roles is not None
    assert found.roles.tolist() == [Role.TRAIN] * 20 + [Role.TEST] * 6
    np.testing.assert_array_equal(found.images.read(3), PIXELS["train"][3][..., None])
    np.testing.assert_array_equal(found.images.read(21), PIXELS["t10k"][1][..., None])
    assert found.images.name(21) == "test/00001"


def test_without_a_test_part_nothing_is_divided(tmp_path: Path) -> None:
    write(tmp_path, parts=("train",))
    assert source(tmp_path).roles is None


def test_class_names_of_known_sets(tmp_path: Path) -> None:
    beginning = {
        "train": np.array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9, 1, 2, 3, 4], np.uint8),
        "t10k": LABELS["t10k"],
    }
    write(tmp_path / "mnist", labels=beginning)
    assert source(tmp_path / "mnist").classes == FASHION
    write(tmp_path / "KMNIST/raw")
    assert source(tmp_path / "KMNIST").classes == KUZUSHIJI


def test_emnist_is_turned_and_its_letters_count_from_one(tmp_path: Path) -> None:
    for variant in ("balanced", "letters"):
        labels = {part: array + (variant == "letters") for part, array in LABELS.items()}
        write(tmp_path, prefix=f"emnist-{variant}-", test="test", labels=labels, zipped=True)
    with pytest.raises(InputError, match="holds several sets"):
        source(tmp_path)
    found = source(tmp_path, prefix="emnist-letters-")
    assert found.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    np.testing.assert_array_equal(found.labels[:20], LABELS["train"])
    np.testing.assert_array_equal(found.images.read(0)[:, :, 0], PIXELS["train"][0].T)
    assert len(source(tmp_path, prefix="emnist-balanced-").classes) == 47
    assert [len(EMNIST[variant]) for variant in ("byclass", "bymerge", "letters", "digits")] == [62, 47, 26, 10]


def broken(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        source(folder)
    return str(caught.value)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    assert "holds no train-images-idx3-ubyte[.gz]" in broken(tmp_path)
    write(tmp_path)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-1])
    assert f"{images} is cut off" in broken(tmp_path)
    images.write_bytes(b"\0\0\x0b" + whole[3:])
    assert "not an IDX file of unsigned bytes" in broken(tmp_path)
    images.write_bytes(b"")
    assert str(images) in broken(tmp_path)
    images.write_bytes(whole)
    labels.write_bytes(idx(LABELS["train"][:-1]))
    assert "labels for 20 images" in broken(tmp_path)
    labels.unlink()
    assert "has no labels beside it" in broken(tmp_path)


def test_a_damaged_gzip_file(tmp_path: Path) -> None:
    write(tmp_path, zipped=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert f"{path} is damaged" in broken(tmp_path)
