import errno
import gzip
import hashlib
import io
import json
import socket
import struct
import tarfile
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from vislab.engine.data.source import Role
from vislab.engine.data.sources import download, torchvision_sets
from vislab.engine.data.sources.download import Remote, fetch, listening, unpack
from vislab.presets.errors import InputError

RNG = np.random.default_rng(0)


def roles(source) -> list[int]:
    return source.roles.tolist()


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 3)).save(path)


def write_idx(folder: Path, count: int = 12) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        pixels, labels = np.zeros((count, 4, 4), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte.gz", pixels), (f"{part}-labels-idx1-ubyte.gz", labels)):
            header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / name).write_bytes(gzip.compress(header + array.tobytes()))


@pytest.mark.parametrize("name", ["mnist", "fashionmnist", "kmnist"])
def test_idx_sets_take_the_files_that_are_there(tmp_path: Path, name) -> None:
    write_idx(tmp_path)
    source = getattr(torchvision_sets, name)(tmp_path)
    assert len(source.images) == 24 and len(source.classes) == 10


def test_torchvisions_root_with_several_sets(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST/raw", 12)
    write_idx(tmp_path / "KMNIST/raw", 15)
    assert len(torchvision_sets.kmnist(tmp_path).images) == 30
    assert torchvision_sets.kmnist(tmp_path).classes[0] == "o"
    with pytest.raises(InputError, match="expected one folder of FashionMNIST files"):
        torchvision_sets.fashionmnist(tmp_path)


def test_emnist_finds_its_variant(tmp_path: Path) -> None:
    write_idx(tmp_path / "gzip")
    for path in list((tmp_path / "gzip").iterdir()):
        path.rename(path.with_name("emnist-balanced-" + path.name.replace("t10k", "test")))
    assert len(torchvision_sets.emnist(tmp_path).classes) == 47
    with pytest.raises(InputError, match='variant = "all" is none of byclass'):
        torchvision_sets.emnist(tmp_path, variant="all")


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
def test_cifar10_is_read_in_its_binary_version(tmp_path: Path, below) -> None:
    folder = tmp_path / below
    folder.mkdir(exist_ok=True)
    records = RNG.integers(0, 256, (12, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(12) % 10
    for number in range(5):
        (folder / f"data_batch_{number + 1}.bin").write_bytes(records[2 * number : 2 * number + 2].tobytes())
    (folder / "test_batch.bin").write_bytes(records[10:].tobytes())
    (folder / "batches.meta.txt").write_text("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n")
    source = torchvision_sets.cifar10(tmp_path)
    assert source.classes[9] == "truck" and source.labels.tolist() == records[:, 0].tolist()
    assert roles(source) == [Role.TRAIN] * 10 + [Role.TEST] * 2
    expected = records[3, 1:].reshape(3, 32, 32).transpose(1, 2, 0)
    np.testing.assert_array_equal(source.images.read(3), expected)
    (folder / "test_batch.bin").write_bytes(records[10:].tobytes()[:-1])
    with pytest.raises(InputError, match=r"test_batch.bin is cut off"):
        torchvision_sets.cifar10(tmp_path)


def test_cifar100_has_fine_and_coarse_labels(tmp_path: Path) -> None:
    records = RNG.integers(0, 256, (4, 3074), dtype=np.uint8)
    records[:, 0], records[:, 1] = [1, 2, 3, 4], [91, 92, 93, 94]
    (tmp_path / "train.bin").write_bytes(records[:3].tobytes())
    (tmp_path / "test.bin").write_bytes(records[3:].tobytes())
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine {i}" for i in range(100)))
    (tmp_path / "coarse_label_names.txt").write_text("\n".join(f"coarse {i}" for i in range(20)))
    assert torchvision_sets.cifar100(tmp_path).labels.tolist() == [91, 92, 93, 94]
    coarse = torchvision_sets.cifar100(tmp_path, labels="coarse")
    assert coarse.labels.tolist() == [1, 2, 3, 4] and coarse.classes[1] == "coarse 1"
    np.testing.assert_array_equal(coarse.images.read(3), records[3, 2:].reshape(3, 32, 32).transpose(1, 2, 0))


def test_svhn_calls_the_digit_zero_zero(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (32, 32, 3, 3), dtype=np.uint8)
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": pixels, "y": np.array([[1], [10], [9]])})
    source = torchvision_sets.svhn(tmp_path)
    assert source.labels.tolist() == [1, 0, 9] * 2
    np.testing.assert_array_equal(source.images.read(4), pixels[:, :, :, 1])


def test_stl10_is_stored_columns_first(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (2, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "test"):
        (tmp_path / f"{part}_X.bin").write_bytes(pixels.tobytes())
        (tmp_path / f"{part}_y.bin").write_bytes(bytes([1, 10]))
    (tmp_path / "class_names.txt").write_text("\n".join("abcdefghij"))
    source = torchvision_sets.stl10(tmp_path)
    assert source.labels.tolist() == [0, 9, 0, 9]
    assert source.images.read(1)[5, 7].tolist() == pixels[1, :, 7, 5].tolist()


def test_flowers102(tmp_path: Path) -> None:
    folder = tmp_path / "flowers-102"
    for number in range(1, 7):
        picture(folder / f"jpg/image_{number:05d}.jpg")
    savemat(folder / "imagelabels.mat", {"labels": np.array([[77, 1, 102, 1, 77, 102]])})
    savemat(folder / "setid.mat", {"trnid": [[1, 3]], "valid": [[2, 6]], "tstid": [[4, 5]]})
    source = torchvision_sets.flowers102(tmp_path)
    assert source.labels.tolist() == [76, 0, 101, 0, 76, 101] and source.classes[76] == "passion flower"
    assert roles(source) == [0, 1, 0, 2, 2, 1]
    assert source.images.read(5).shape == (3, 3, 3)


def test_oxfordiiitpet(tmp_path: Path) -> None:
    folder = tmp_path / "oxford-iiit-pet"
    for name in ("Abyssinian_1", "basset_hound_2", "Abyssinian_3"):
        picture(folder / f"images/{name}.jpg")
    (folder / "annotations").mkdir()
    (folder / "annotations/trainval.txt").write_text("Abyssinian_1 1 1 1\nbasset_hound_2 2 2 1\n")
    (folder / "annotations/test.txt").write_text("#Image CLASS-ID\nAbyssinian_3 1 1 1\n")
    source = torchvision_sets.oxfordiiitpet(tmp_path)
    assert source.classes == ("Abyssinian", "basset hound") and source.labels.tolist() == [0, 1, 0]
    assert roles(source) == [0, 0, 2] and source.images.read(1).shape == (3, 3, 3)


def test_food101(tmp_path: Path) -> None:
    folder = tmp_path / "food-101"
    for name in ("apple_pie/1", "waffles/2", "waffles/3"):
        picture(folder / f"images/{name}.jpg")
    (folder / "meta").mkdir()
    (folder / "meta/train.json").write_text(json.dumps({"waffles": ["waffles/2"], "apple_pie": ["apple_pie/1"]}))
    (folder / "meta/test.json").write_text(json.dumps({"waffles": ["waffles/3"], "apple_pie": []}))
    source = torchvision_sets.food101(tmp_path)
    assert source.classes == ("apple pie", "waffles") and source.labels.tolist() == [0, 1, 1]
    assert roles(source) == [0, 0, 2] and source.images.name(2) == "images/waffles/3.jpg"


def test_eurosat(tmp_path: Path) -> None:
    picture(tmp_path / "eurosat/2750/Forest/Forest_1.jpg")
    picture(tmp_path / "eurosat/2750/River/River_1.jpg")
    source = torchvision_sets.eurosat(tmp_path)
    assert source.classes == ("Forest", "River") and source.roles is None


@pytest.fixture
def offline(monkeypatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


NAMES = ["mnist", "fashionmnist", "kmnist", "emnist", "cifar10", "cifar100", "svhn", "stl10"]
NAMES += ["flowers102", "oxfordiiitpet", "food101", "eurosat"]


@pytest.mark.parametrize("name", NAMES)
def test_offline_it_says_at_once_which_files_to_put_where(tmp_path: Path, offline, name) -> None:
    with pytest.raises(InputError) as caught:
        getattr(torchvision_sets, name)(tmp_path / name)
    text = str(caught.value)
    assert "Name or service not known" in text and f"put into {tmp_path / name}" in text and "  from http" in text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


class Server:
    """Serves a folder on the loopback address."""

    def __init__(self, folder: Path) -> None:
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def remote(self, path: Path, md5: str | None = None) -> Remote:
        url = f"http://127.0.0.1:{self.http.server_address[1]}/{path.name}"
        return Remote((url,), md5 or hashlib.md5(path.read_bytes()).hexdigest())


@pytest.fixture
def server(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "served").mkdir()
    server = Server(tmp_path / "served")
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_files_are_downloaded_once_checked_and_reported(tmp_path: Path, server) -> None:
    original = tmp_path / "served/data.bin"
    original.write_bytes(RNG.bytes(600_000))
    remote = server.remote(original)
    reports: list[tuple[str, int, int]] = []
    with listening(lambda *report: reports.append(report)):
        [path] = fetch(tmp_path / "data", [remote])
        assert path.read_bytes() == original.read_bytes()
        original.unlink()
        assert fetch(tmp_path / "data", [remote]) == [path]
    assert reports[-1] == ("data.bin", 600_000, 600_000)
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["data.bin"]


def test_a_wrong_checksum_is_refused(tmp_path: Path, server) -> None:
    (tmp_path / "served/data.bin").write_bytes(b"other")
    remote = server.remote(tmp_path / "served/data.bin", md5="0" * 32)
    with pytest.raises(InputError, match="not the published 00000"):
        fetch(tmp_path / "data", [remote])
    assert list((tmp_path / "data").iterdir()) == []
    (tmp_path / "data/data.bin").write_bytes(b"mine")
    with pytest.raises(InputError, match="is damaged or another file"):
        fetch(tmp_path / "data", [remote])


def test_a_missing_file_and_a_mirror(tmp_path: Path, server) -> None:
    (tmp_path / "served/data.bin").write_bytes(b"here")
    good = server.remote(tmp_path / "served/data.bin")
    missing = good.urls[0].replace("data.bin", "gone/data.bin")
    with pytest.raises(InputError, match="File not found"):
        fetch(tmp_path / "data", [Remote((missing,), good.md5)])
    assert fetch(tmp_path / "data", [Remote((missing, good.urls[0]), good.md5)])[0].read_bytes() == b"here"


def test_a_folder_that_cannot_take_the_data_is_told(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "data").touch()
    remote = Remote(("http://127.0.0.1:9/data.zip",), "0" * 32)
    taken = f"cannot be kept in {tmp_path / 'data'}: .*VISLAB_DATA_DIR=FOLDER"
    with pytest.raises(InputError, match=taken):
        fetch(tmp_path / "data", [remote])
    with pytest.raises(InputError, match=taken):
        unpack(tmp_path / "data.zip", tmp_path / "data")
    for number, words in ((errno.ENOSPC, "cannot be kept in"), (errno.EHOSTUNREACH, "cannot be downloaded")):

        def refused(url: str, path: Path, md5: str, number: int = number) -> None:
            raise OSError(number, "refused")

        monkeypatch.setattr(download, "_download", refused)
        with pytest.raises(InputError, match=words):
            fetch(tmp_path, [remote])


def test_a_silent_server_is_given_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.bin"
        start = time.monotonic()
        with pytest.raises(InputError, match="timed out"):
            fetch(tmp_path, [Remote((url,), "0" * 32)])
        assert time.monotonic() - start < 5


def test_a_set_is_downloaded_unpacked_and_read(tmp_path: Path, server, monkeypatch) -> None:
    archive = tmp_path / "served/cifar-100-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in {
            "train.bin": bytes(3074),
            "test.bin": bytes(3074),
            "fine_label_names.txt": b"only",
        }.items():
            info = tarfile.TarInfo(f"cifar-100-binary/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    remote = server.remote(archive)
    monkeypatch.setattr(torchvision_sets, "Remote", lambda urls, md5: remote)
    source = torchvision_sets.cifar100(tmp_path / "data")
    assert source.classes == ("only",) and len(source.images) == 2


def test_an_archive_that_would_write_outside_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside.txt"))
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "bad.tar.gz", tmp_path)
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "cut.zip", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.gz", "cut.zip"]


def test_a_zip_is_unpacked_in_place_of_what_was_there(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr("top/new.txt", "new")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/half.txt").write_text("left by an interrupted unpacking")
    unpack(tmp_path / "a.zip", tmp_path)
    assert [path.name for path in (tmp_path / "top").iterdir()] == ["new.txt"]
