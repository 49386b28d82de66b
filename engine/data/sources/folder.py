"""A folder of class folders."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vislab.engine.data.source import FileImages, Role, Source
from vislab.engine.data.sources.parts import role_of
from vislab.presets.errors import InputError
from vislab.presets.guess import IMAGE_SUFFIXES, is_hidden, reading, refuse


@reading()
def source(root: Path) -> Source:
    """Images in one folder a class, with or without train, val and test folders above.

    Everything below a class folder belongs to the class, at any depth. The folders above the classes are parts when
    they are called train, val (valid, validation, dev) or test. Images that lie directly in a part have no label.

    Raises:
        InputError: no class folders, no images, a class without any image, or a folder that cannot be read.
    """
    folders = _visible_folders(root)
    parts = _parts(folders)
    found: list[tuple[str, str | None, Role]] = []  # path, class, role
    ignored: list[str] = []
    names: set[str] = set()
    for folder, role in parts.items() if parts else [(root, Role.TRAIN)]:
        for child in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if child.is_dir() and not is_hidden(child.name):
                names.add(child.name)
                images = list(_images(child, root, ignored))
                found.extend((image, child.name, role) for image in images)
            elif parts and _is_image(child.name):
                found.append((child.relative_to(root).as_posix(), None, role))
            else:
                ignored.append(child.relative_to(root).as_posix())
    if parts:
        ignored.extend(entry.name for entry in sorted(root.iterdir()) if entry not in parts)
    if not names:
        raise InputError(f"{root} has no class folders; expected one folder a class, such as {root / 'cat'}/1.jpg")
    if not found:
        raise InputError(f"{root} holds no images")
    classes = tuple(sorted(names))
    filled = {name for _, name, _ in found}
    empty = [name for name in classes if name not in filled]
    if empty:
        listed = ", ".join(f'"{name}"' for name in empty)
        raise InputError(f"no image in class folder {listed} of {root}; add images or remove the folder")
    found.sort()
    position = {name: label for label, name in enumerate(classes)}
    return Source(
        classes=classes,
        labels=np.array([-1 if name is None else position[name] for _, name, _ in found], dtype=np.int64),
        images=FileImages(root, [path for path, _, _ in found]),
        roles=np.array([role for _, _, role in found], dtype=np.int8) if parts else None,
        ignored=tuple(sorted(ignored)),
    )


@reading()
def unlabelled(root: Path) -> Source:
    """All images below a folder, at any depth, without labels: for prediction.

    Raises:
        InputError: no such folder, no images in it, or one in it that cannot be read.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}")
    ignored: list[str] = []
    names = sorted(_images(root, root, ignored))
    if not names:
        raise InputError(f"{root} holds no images")
    labels = np.full(len(names), -1, dtype=np.int64)
    return Source(classes=(), labels=labels, images=FileImages(root, names), ignored=tuple(sorted(ignored)))


def _parts(folders: list[Path]) -> dict[Path, Role]:
    """The folders that are parts, or none where these are names of classes.

    "train" may be a class among vehicles. So it is a part if all folders are, or if train and another part stand
    together and train holds folders itself.
    """
    parts = {folder: role for folder in folders if (role := role_of(folder.name)) is not None}
    if len(parts) == len(folders) and any(_visible_folders(folder) for folder in parts):
        return parts
    train = [folder for folder, role in parts.items() if role == Role.TRAIN]
    if len(parts) > len(train) and any(_visible_folders(folder) for folder in train):
        return parts
    return {}


def _visible_folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not is_hidden(name)  # noqa: PTH122  (see _images)


def _images(folder: Path, root: Path, ignored: list[str]) -> Iterator[str]:
    """Paths of the images below `folder`, relative to root; everything else is added to `ignored`.

    A file costs no path object: with some 10,000 files those would take longer than the rest of a run's start.
    """
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link back to a folder above
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        relative = Path(place).relative_to(root).as_posix()
        before = "" if relative == "." else f"{relative}/"
        ignored.extend(f"{before}{name}" for name in folders if is_hidden(name))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if _is_image(name):
                yield f"{before}{name}"
            else:
                ignored.append(f"{before}{name}")
