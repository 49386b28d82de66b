"""IDX files: MNIST and its relatives."""

import gzip
import string
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vislab.engine.data.source import ArrayImages, Pixels, Role, Source
from vislab.presets.errors import InputError
from vislab.presets.guess import IDX_IMAGES, idx_folders

DIGITS = tuple(string.digits)
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

# Lower-case letters that look like their capitals and were merged with them (EMNIST, Cohen et al. 2017, section II).
_MERGED = "cijklmopsuvwxyz"
_MERGED_LETTERS = tuple(
    string.digits + string.ascii_uppercase + "".join(c for c in string.ascii_lowercase if c not in _MERGED)
)
EMNIST = {
    "byclass": tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase),
    "bymerge": _MERGED_LETTERS,
    "balanced": _MERGED_LETTERS,
    "letters": tuple(string.ascii_lowercase),
    "digits": DIGITS,
    "mnist": DIGITS,
}

# How the training labels of two sets begin that are often put in each other's place.
_BEGINNINGS = {
    (5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7): DIGITS,
    (9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9): FASHION,
}
_FOLDERS = {"mnist": DIGITS, "fashionmnist": FASHION, "kmnist": KUZUSHIJI, "kuzushijimnist": KUZUSHIJI}

Files = Mapping[tuple[str, str], Path]


def source(root: Path, *, prefix: str = "") -> Source:
    """Images and labels in IDX files, gzipped or not, flat or in torchvision's folders.

    Args:
        root: holds train-images-idx3-ubyte and train-labels-idx1-ubyte, with t10k- files for the test part, in itself,
            in raw/, gzip/ or <name>/raw/.
        prefix: how the files' names begin where the folder holds several sets, such as "emnist-letters-".

    Raises:
        InputError: no such files, several sets, or a file that is damaged.
    """
    sets = find(root)
    fitting = [(folder, beginning) for folder, beginning in sets if not prefix or beginning == prefix]
    if not fitting:
        expected = f"{prefix}train-images-idx3-ubyte[.gz] and {prefix}train-labels-idx1-ubyte[.gz]"
        raise InputError(f"{root} holds no {expected}")
    if len(fitting) > 1:
        listed = ", ".join(f'{folder} "{beginning}"' if beginning else str(folder) for folder, beginning in fitting)
        raise InputError(f"{root} holds several sets: {listed}; give the folder of one, or dataset.options.prefix")
    return read(*fitting[0])


def find(root: Path) -> list[tuple[Path, str]]:
    """The sets of IDX files at `root`: the folder and the prefix of the names of each; none if root is no folder."""
    if not root.is_dir():
        return []
    return [
        (folder, prefix)
        for folder in idx_folders(root)
        if folder.is_dir()
        for prefix in sorted({prefix for prefix, part in _files(folder) if part == "train"})
    ]


def read(folder: Path, prefix: str, names: tuple[str, ...] = ()) -> Source:
    """Read one set.

    Args:
        folder: where the files lie.
        prefix: how their names begin.
        names: of the classes; where the training labels are those of a well-known set, its names are taken instead.
    """
    files = _files(folder)
    train = files[prefix, "train"]
    test = files.get((prefix, "t10k")) or files.get((prefix, "test"))
    pixels = {"train": _pixels(train)}
    labels = {"train": _labels(train, len(pixels["train"]))}
    if test is not None:
        pixels["test"] = _pixels(test)
        labels["test"] = _labels(test, len(pixels["test"]))
        if pixels["test"].shape[1:] != pixels["train"].shape[1:]:
            raise InputError(f"{test}: images of another size than in {train}")
    variant = prefix.removeprefix("emnist-").removesuffix("-")
    if prefix.startswith("emnist-") and variant in EMNIST:
        names = EMNIST[variant]
        # EMNIST stores columns first, and counts letters from 1.
        pixels = {part: np.swapaxes(array, 1, 2) for part, array in pixels.items()}
        if variant == "letters":
            labels = {part: array - 1 for part, array in labels.items()}
    else:
        names = _BEGINNINGS.get(tuple(labels["train"][:16].tolist())) or names or _by_folder(folder)
    all_labels = np.concatenate(list(labels.values()))
    if names and all_labels.max() >= len(names):
        raise InputError(f"{folder}: label {all_labels.max()}, but there are only {len(names)} classes")
    return Source(
        classes=names or tuple(str(label) for label in range(int(all_labels.max()) + 1)),
        labels=all_labels,
        images=ArrayImages(pixels),
        roles=np.repeat(
            np.array([Role.TRAIN, Role.TEST][: len(labels)], dtype=np.int8), [len(part) for part in labels.values()]
        )
        if test is not None
        else None,
    )


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes; memory-mapped unless gzipped.

    Raises:
        InputError: not an IDX file of bytes, damaged or cut off.
    """
    try:
        if path.suffix == ".gz":
            raw = np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8)
        else:
            raw = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path} is damaged or cannot be read: {error}") from error
    if len(raw) < 4 or raw[:3].tolist() != [0, 0, 8]:
        raise InputError(f"{path} is not an IDX file of unsigned bytes")
    dimensions = int(raw[3])
    start = 4 + 4 * dimensions
    shape = tuple(raw[4:start].view(">u4").tolist())
    if len(raw) - start != int(np.prod(shape, dtype=np.int64)):
        raise InputError(f"{path} is cut off or damaged: {len(raw) - start} bytes of data for {shape}; fetch it again")
    return raw[start:].reshape(shape)


def _files(folder: Path) -> Files:
    """(prefix, part) to the file of images in a folder; an unpacked file is preferred, as it can be memory-mapped."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        match = IDX_IMAGES.fullmatch(path.name)
        if match:
            found.setdefault((match["prefix"], match["part"]), path)
    return found


def _pixels(path: Path) -> Pixels:
    pixels = read_idx(path)
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise InputError(f"{path}: expected images in 3 dimensions, found {pixels.shape}")
    return pixels[..., None]


def _labels(images: Path, count: int) -> npt.NDArray[np.int64]:
    name = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    path = next((path for path in (images.with_name(name), images.with_name(name + ".gz")) if path.is_file()), None)
    if path is None:
        raise InputError(f"{images} has no labels beside it: {images.with_name(name)}[.gz] is missing")
    labels = read_idx(path)
    if labels.shape != (count,):
        raise InputError(f"{path}: {labels.shape} labels for {count} images")
    return labels.astype(np.int64)


def _by_folder(folder: Path) -> tuple[str, ...]:
    for place in (folder, folder.parent):
        names = _FOLDERS.get(place.name.lower().replace("-", "").replace("_", ""))
        if names:
            return names
    return ()
