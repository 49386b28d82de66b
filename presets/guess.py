"""Which source reads a path that the user gave, judged by the names of files alone."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from vislab.presets.errors import InputError

FOLDER = "vislab.engine.data.sources.folder:source"
TABLE = "vislab.engine.data.sources.table:source"
IDX = "vislab.engine.data.sources.idx:source"

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})

# Formats of pictures that Pillow decodes by itself; its video, vector and scientific containers are left out.
# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".apng", ".avif", ".avifs", ".bmp", ".dds", ".dib", ".gif", ".icns", ".ico", ".j2c", ".j2k",
    ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx",
    ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi", ".ras", ".rgb", ".rgba", ".sgi",
    ".tga", ".tif", ".tiff", ".webp", ".xbm", ".xpm",
})
# fmt: on

# train-images-idx3-ubyte.gz of MNIST and its relatives; emnist-balanced-test-images-idx3-ubyte of EMNIST.
IDX_IMAGES = re.compile(r"(?P<prefix>.*?)(?P<part>train|t10k|test)-images[-.]idx3-ubyte(?:\.gz)?")


_KINDS = {
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder is no part of the data: dot files, what macOS puts into zip files, a disk's own."""
    return name.startswith(".") or name in ("__MACOSX", "lost+found")


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Tell which folder of images cannot be read: without its images a run would be another one than was asked for."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror}; look at its owner and permissions (ls -ld), or take "
            "it out of the data set"
        ) from error


def refuse(error: OSError) -> NoReturn:
    """For `os.walk`, which else passes over a folder that cannot be read."""
    raise error


def idx_folders(root: Path) -> Iterator[Path]:
    """Folders in which IDX files of a data set at `root` may lie: flat, or as torchvision or EMNIST's archive has."""
    yield from (root, root / "raw", root / "gzip")
    yield from (folder / "raw" for folder in sorted(root.iterdir()) if not is_hidden(folder.name) and folder.is_dir())


@reading()
def guess(path: str | Path) -> str:
    """The reference of the source function that reads `path`: a table, IDX files or a folder of class folders.

    Raises:
        InputError: there is no such path, nothing that one of them reads, or a folder that cannot be read.
    """
    root = Path(path).expanduser()
    if root.is_file():
        if root.suffix.lower() in TABLE_SUFFIXES:
            return TABLE
        raise InputError(f"{root} is neither a folder nor a .csv or .tsv table of path,label[,split][,group]")
    if not root.is_dir():
        if what := _other(root):
            raise InputError(f"{root} is {what}: give a folder of images or a .csv or .tsv table")
        raise InputError(f"there is no folder or file {root}{_nearby(root)}")
    # Path.is_dir would complain of raw/ in a folder that may not be entered, whether there is one or not.
    places = [folder for folder in idx_folders(root) if os.path.isdir(folder)]  # noqa: PTH112
    if any(IDX_IMAGES.fullmatch(entry.name) for folder in places for entry in folder.iterdir()):
        return IDX
    folders = [entry for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name)]
    if any(_holds_image(folder) for folder in folders):
        return FOLDER
    raise InputError(_nothing_fits(root))


def _holds_image(folder: Path) -> bool:
    for _, folders, names in os.walk(folder, onerror=refuse):
        if any(Path(name).suffix.lower() in IMAGE_SUFFIXES and not is_hidden(name) for name in names):
            return True
        folders[:] = [name for name in folders if not is_hidden(name)]
    return False


def _nothing_fits(root: Path) -> str:
    files = sorted(entry.name for entry in root.iterdir() if entry.is_file())
    tables = [name for name in files if Path(name).suffix.lower() in TABLE_SUFFIXES]
    if tables:
        return f"{root} is a folder without class folders; to read its table, give {root / tables[0]}"
    if any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in files):
        return (
            f"the images in {root} are in no class folders, so their classes are unknown; sort them into one folder a "
            "class, or give a .csv table of path,label"
        )
    return (
        f"{root} holds no images: expected one folder a class (also inside train/, val/, test/), IDX files such as "
        "train-images-idx3-ubyte.gz, or a .csv table"
    )


def _other(root: Path) -> str:
    """What there is at a path that is neither a folder nor a file; empty where there is nothing."""
    # Path.exists raises for a link that leads back to itself.
    if not os.path.exists(root):  # noqa: PTH110
        return f"a link to {root.parent / root.readlink()}, which is not there" if root.is_symlink() else ""
    return _KINDS.get(stat.S_IFMT(root.stat().st_mode), "")


def _nearby(root: Path) -> str:
    if not root.parent.is_dir():
        return ""
    names = sorted(entry.name for entry in root.parent.iterdir() if not is_hidden(entry.name))[:8]
    return f"; {root.parent.resolve()} holds {', '.join(names) if names else 'nothing'}"
