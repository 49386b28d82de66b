"""Checkpoint folders: which there are, which are whole. Written by vislab.engine.training.checkpoint; free of torch."""

from pathlib import Path

import msgspec

MANIFEST = "MANIFEST"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Written last: a folder without it, or whose files do not match it, is no checkpoint."""

    kind: str
    step: int
    epoch: int
    files: dict[str, str]
    """SHA-256 of each file, hexadecimal."""


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    import hashlib  # it loads OpenSSL, 4 MB, which those who only look at runs do without

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest(folder: Path) -> Manifest | None:
    """The folder's manifest; None when it is missing, damaged or a link."""
    if (folder / MANIFEST).is_symlink():
        return None
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def damage(folder: Path) -> str:
    """What is wrong with a checkpoint, in words; empty when every file matches its checksum.

    A checkpoint may come from elsewhere: links, and names that lead out of its folder, are refused.
    """
    if folder.is_symlink():
        return "it is a link"
    listed = manifest(folder)
    if listed is None:
        return "its MANIFEST is missing or damaged"
    for name, checksum in listed.files.items():
        file = folder / name
        if Path(name).name != name or file.is_symlink():
            return f"{name} leads out of its folder"
        if not file.is_file():
            return f"{name} is missing"
        if sha256(file) != checksum:
            return f"{name} does not match its checksum"
    return ""


def full(checkpoints: Path) -> list[Path]:
    """Folders of full checkpoints, newest first; whole or not."""
    if not checkpoints.is_dir():
        return []
    return sorted((path for path in checkpoints.iterdir() if path.name.isdigit()), key=step, reverse=True)


def best(checkpoints: Path) -> list[Path]:
    """Folders of best weights, newest first; whole or not. Normally there is one."""
    if not checkpoints.is_dir():
        return []
    found = (path for path in checkpoints.iterdir() if path.name.startswith("best-") and path.name[5:].isdigit())
    return sorted(found, key=step, reverse=True)


def step(path: Path) -> int:
    """Updates done when a checkpoint was saved, full or best, by the name of its folder."""
    return int(path.name.removeprefix("best-"))
