"""Published data sets, by the names that torchvision gives them, read from the files as they were published.

Files are looked for in the data set's folder, in torchvision's layout too, and downloaded when they are not there.
Nothing here unpickles: CIFAR is read in its binary version.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vislab.engine.data.source import ArrayImages, FileImages, Pixels, Role, Source
from vislab.engine.data.sources import idx
from vislab.engine.data.sources.download import Remote, fetch, unpack
from vislab.presets.errors import InputError

_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_FLOWERS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
_HOUSE_NUMBERS = "http://ufldl.stanford.edu/housenumbers/"
_IDX_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def mnist(root: Path) -> Source:
    """Handwritten digits, 28 x 28 grey."""
    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
    md5s = (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    )
    return _idx_set(root, "MNIST", mirrors, md5s, idx.DIGITS)


def fashionmnist(root: Path) -> Source:
    """Zalando's articles of clothing, 28 x 28 grey."""
    md5s = (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    return _idx_set(root, "FashionMNIST", mirrors, md5s, idx.FASHION)


def kmnist(root: Path) -> Source:
    """Kuzushiji: cursive Japanese characters, 28 x 28 grey."""
    md5s = (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    )
    return _idx_set(root, "KMNIST", ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",), md5s, idx.KUZUSHIJI)


def emnist(root: Path, *, variant: str = "balanced") -> Source:
    """Handwritten letters and digits, 28 x 28 grey.

    Args:
        root: the data set's folder.
        variant: balanced, byclass, bymerge, letters, digits or mnist.
    """
    if variant not in idx.EMNIST:
        raise InputError(f'dataset.options.variant = "{variant}" is none of {", ".join(idx.EMNIST)}')
    prefix = f"emnist-{variant}-"

    def found() -> list[Path]:
        return [folder for folder, beginning in idx.find(root) if beginning == prefix]

    if not found():
        url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
        [archive] = fetch(root, [Remote((url,), "58c8d27c78d21e728a6bc7b3cc06412e")])
        unpack(archive, root)
    return idx.read(_only(found(), root, prefix), prefix)


def cifar10(root: Path) -> Source:
    """Small photographs of ten kinds of animals and vehicles, 32 x 32 RGB."""
    remote = Remote((_CIFAR + "cifar-10-binary.tar.gz",), "c32a1d4ab5d03f1284b67883e8d87530")
    parts = [f"data_batch_{number}.bin" for number in range(1, 6)]
    folder = _folder(root, "cifar-10-batches-bin", [*parts, "test_batch.bin"], [remote])
    train = [folder / part for part in parts]
    return _cifar(folder / "batches.meta.txt", train, folder / "test_batch.bin", label_bytes=1, label=0)


def cifar100(root: Path, *, labels: str = "fine") -> Source:
    """Small photographs of 100 kinds of things, 32 x 32 RGB.

    Args:
        root: the data set's folder.
        labels: fine (100 classes) or coarse (their 20 superclasses).
    """
    if labels not in ("fine", "coarse"):
        raise InputError(f'dataset.options.labels = "{labels}" is neither fine nor coarse')
    remote = Remote((_CIFAR + "cifar-100-binary.tar.gz",), "03b5dce01913d631647c71ecec9e9cb8")
    folder = _folder(root, "cifar-100-binary", ["train.bin", "test.bin"], [remote])
    names = folder / f"{labels}_label_names.txt"
    # Each record begins with two labels, the coarse one first.
    return _cifar(names, [folder / "train.bin"], folder / "test.bin", label_bytes=2, label=int(labels == "fine"))


def svhn(root: Path) -> Source:
    """Digits of house numbers seen from the street, 32 x 32 RGB; without the 531,131 extra images."""
    from scipy.io import loadmat

    remotes = [
        Remote((_HOUSE_NUMBERS + "train_32x32.mat",), "e26dedcc434d2e4c54c9b2d4a06d8373"),
        Remote((_HOUSE_NUMBERS + "test_32x32.mat",), "eb5a983be6a315427106f1b164d9cef3"),
    ]
    folder = _folder(root, "svhn", [remote.name for remote in remotes], remotes, archives=False, into=".")
    train, test = (loadmat(folder / remote.name) for remote in remotes)
    pixels = [np.ascontiguousarray(part["X"].transpose(3, 0, 1, 2)) for part in (train, test)]
    # The published label of the digit 0 is 10.
    labels = [part["y"].reshape(-1).astype(np.int64) % 10 for part in (train, test)]
    return _array_source(idx.DIGITS, pixels, labels)


def stl10(root: Path) -> Source:
    """Photographs of ten kinds of animals and vehicles, 96 x 96 RGB; without the 100,000 unlabelled images."""
    remote = Remote(("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",), "91f7769df0f17e558f3565bffb0c7dfb")
    needed = ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"]
    folder = _folder(root, "stl10_binary", needed, [remote])
    pixels, labels = [], []
    for part in ("train", "test"):
        # Stored as [N, C, columns, rows]; labels count from 1.
        pixels.append(_records(folder / f"{part}_X.bin", 3 * 96 * 96).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1))
        labels.append(_records(folder / f"{part}_y.bin", 1).reshape(-1).astype(np.int64) - 1)
    return _array_source(_lines(folder / "class_names.txt"), pixels, labels)


def flowers102(root: Path) -> Source:
    """Photographs of 102 kinds of flowers common in the United Kingdom."""
    from scipy.io import loadmat
    from torchvision.datasets import Flowers102

    remotes = [
        Remote((_FLOWERS + "102flowers.tgz",), "52808999861908f626f3c1f4e79d11fa"),
        Remote((_FLOWERS + "imagelabels.mat",), "e0620be6f572b9609742df49c70aed4d"),
        Remote((_FLOWERS + "setid.mat",), "a5357ecc9cb78c4bef273ce3793fc85c"),
    ]
    needed = ["jpg", "imagelabels.mat", "setid.mat"]
    folder = _folder(root, "flowers-102", needed, remotes, into="flowers-102")
    labels = loadmat(folder / "imagelabels.mat", squeeze_me=True)["labels"].astype(np.int64) - 1
    parts = loadmat(folder / "setid.mat", squeeze_me=True)
    roles = np.full(len(labels), -1, dtype=np.int8)
    for key, role in (("trnid", Role.TRAIN), ("valid", Role.VALIDATION), ("tstid", Role.TEST)):
        roles[parts[key] - 1] = role
    names = [f"jpg/image_{number:05d}.jpg" for number in range(1, len(labels) + 1)]
    return Source(tuple(Flowers102.classes), labels, FileImages(folder, names), roles)


def oxfordiiitpet(root: Path) -> Source:
    """Photographs of 37 breeds of cats and dogs."""
    remotes = [
        Remote((_PETS + "images.tar.gz",), "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        Remote((_PETS + "annotations.tar.gz",), "95a8c909bbe2e81eed6a22bccdf3f68f"),
    ]
    folder = _folder(root, "oxford-iiit-pet", ["images", "annotations"], remotes, into="oxford-iiit-pet")
    names, labels, roles = [], [], []
    breeds: dict[int, str] = {}
    for part, role in (("trainval", Role.TRAIN), ("test", Role.TEST)):
        for line in _lines(folder / "annotations" / f"{part}.txt"):
            name, label = line.split()[:2]
            breeds[int(label) - 1] = name.rpartition("_")[0].replace("_", " ")
            names.append(f"images/{name}.jpg")
            labels.append(int(label) - 1)
            roles.append(role)
    classes = tuple(breeds[label] for label in sorted(breeds))
    return Source(classes, np.array(labels, np.int64), FileImages(folder, names), np.array(roles, np.int8))


def food101(root: Path) -> Source:
    """Photographs of 101 dishes; the training part is not cleaned of wrong labels."""
    remote = Remote(("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",), "85eeb15f3717b99a5da872d97d918f87")
    folder = _folder(root, "food-101", ["images", "meta"], [remote])
    listed = [json.loads((folder / "meta" / f"{part}.json").read_text()) for part in ("train", "test")]
    classes = tuple(sorted(listed[0]))
    names: list[str] = []
    labels: list[int] = []
    roles: list[Role] = []
    for part, role in zip(listed, (Role.TRAIN, Role.TEST), strict=True):
        for label, name in enumerate(classes):
            names.extend(f"images/{image}.jpg" for image in part[name])
            labels.extend([label] * len(part[name]))
            roles.extend([role] * len(part[name]))
    shown = tuple(name.replace("_", " ") for name in classes)
    return Source(shown, np.array(labels, np.int64), FileImages(folder, names), np.array(roles, np.int8))


def eurosat(root: Path) -> Source:
    """Sentinel-2 satellite pictures of ten kinds of land use, 64 x 64 RGB; no parts were published."""
    from vislab.engine.data.sources import folder as class_folders

    url = (
        "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip"
    )
    remote = Remote((url,), "c8fa014336c82ac7804f0398fcb19387")
    folder = _folder(root, "eurosat", ["2750"], [remote], into="eurosat")
    return class_folders.source(folder / "2750")


def _idx_set(root: Path, name: str, mirrors: Sequence[str], md5s: Sequence[str], classes: tuple[str, ...]) -> Source:
    """The IDX files at `root`, whatever they are; torchvision's folder `name` before others; else a download."""
    sets = [(folder, prefix) for folder, prefix in idx.find(root) if prefix == ""]
    sets = [found for found in sets if found[0].parent.name == name] or sets
    if not sets:
        remotes = [
            Remote(tuple(mirror + file for mirror in mirrors), md5) for file, md5 in zip(_IDX_NAMES, md5s, strict=True)
        ]
        fetch(root, remotes)
        sets = [(root, "")]
    return idx.read(_only([folder for folder, _ in sets], root, name), "", classes)


def _only(folders: Sequence[Path], root: Path, what: str) -> Path:
    if len(folders) != 1:
        listed = ", ".join(map(str, folders)) or "none"
        raise InputError(f"{root}: expected one folder of {what} files, found {listed}; give that folder with --data")
    return folders[0]


def _folder(
    root: Path,
    name: str,
    needed: Sequence[str],
    remotes: Sequence[Remote],
    *,
    archives: bool = True,
    into: str = ".",
) -> Path:
    """The folder that holds the `needed` entries: root, or `name` in it; downloaded and unpacked where neither does.

    Args:
        root: the data set's folder.
        name: the folder's published name, which torchvision keeps below its root.
        needed: files and folders that must be in it.
        remotes: the published files.
        archives: unpack those of the files that are archives.
        into: where below root the files are downloaded and unpacked to.
    """

    def found() -> Path | None:
        places = (root, root / name)
        return next((place for place in places if all((place / entry).exists() for entry in needed)), None)

    if found() is None:
        for path in fetch(root / into, remotes):
            if archives and path.suffix in (".gz", ".tgz", ".zip"):
                unpack(path, root / into)
    folder = found()
    if folder is None:
        raise InputError(f"{root / into}: the published files are there, but {', '.join(needed)} did not come of them")
    return folder


def _cifar(names: Path, train: Sequence[Path], test: Path, *, label_bytes: int, label: int) -> Source:
    """CIFAR's binary version: records of label bytes and 3072 bytes, red, green and blue planes of 32 x 32."""
    classes = _lines(names)
    records = [
        np.concatenate([_records(path, label_bytes + 3072) for path in train]),
        _records(test, label_bytes + 3072),
    ]
    pixels = [part[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for part in records]
    return _array_source(classes, pixels, [part[:, label].astype(np.int64) for part in records])


def _records(path: Path, size: int) -> Pixels:
    """A file of records of `size` bytes, memory-mapped, uint8 [n, size]. Raises InputError if it is cut off."""
    length = path.stat().st_size
    if length == 0 or length % size:
        raise InputError(f"{path} is cut off or damaged: {length} bytes are no multiple of {size}; fetch it again")
    return np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, size)


def _lines(path: Path) -> tuple[str, ...]:
    """Lines of a text file that are neither empty nor comments. Raises InputError if it is missing."""
    if not path.is_file():
        raise InputError(f"{path} is missing; unpack the published archive again")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _array_source(
    classes: tuple[str, ...], pixels: Sequence[Pixels], labels: Sequence[npt.NDArray[np.int64]]
) -> Source:
    """A source of a train and a test part held in arrays."""
    for part_pixels, part_labels in zip(pixels, labels, strict=True):
        if len(part_pixels) != len(part_labels) or part_labels.max() >= len(classes) or part_labels.min() < 0:
            raise InputError("labels that do not fit images or classes: the files are damaged; fetch them again")
    return Source(
        classes=classes,
        labels=np.concatenate(labels),
        images=ArrayImages(dict(zip(("train", "test"), pixels, strict=True))),
        roles=np.repeat(np.array([Role.TRAIN, Role.TEST], dtype=np.int8), [len(part) for part in labels]),
    )
