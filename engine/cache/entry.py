"""Entries of the cache: finished ones in use, and ones in the making."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vislab.engine.cache import locks
from vislab.engine.runs.files import sync_folder, write_atomically

ENTRY, RECORD = "entry.json", "record.json"
WORK, RUBBISH = ".work", ".removed-"
_CANNOT = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ENOLCK, errno.ENOTDIR, errno.ENAMETOOLONG),
    *(errno.ENOENT, errno.EEXIST),  # below a link to a disk that is not mounted, or where a file system makes nothing
)


class Unavailable(Exception):  # noqa: N818  (a fact about the folder: the caller goes on without the cache)
    """The cache cannot hold what was asked for: a full or read-only disk, or a budget that is too small."""


@dataclass(frozen=True)
class Entry:
    """A finished entry, in use by this process until `release`: nobody removes it meanwhile.

    Attributes:
        described: what the key is a hash of.
        about: what its builder said of it when it was published.
    """

    kind: str
    key: str
    folder: Path
    described: dict[str, Any]
    about: dict[str, Any]
    sizes: dict[str, int] = field(repr=False)
    checksums: dict[str, str] = field(repr=False)

    def path(self, name: str) -> Path:
        """One of its files."""
        return self.folder / name

    def intact(self, name: str) -> bool:
        """Whether a file that was written whole (`Work.write_file`) still holds the same bytes; reads all of it."""
        try:
            with self.path(name).open("rb") as file:
                return hashlib.file_digest(file, digest).hexdigest() == self.checksums[name]
        except OSError:
            return False

    def release(self) -> None:
        """Say that this process no longer uses it."""
        locks.release(locks.lock_path(self.folder.parent, self.key))


class Work:
    """An entry in the making, held by this process alone. As a context it is kept for a later resume when it is left
    before it was published.

    Attributes:
        done: what the last `record` said, of this process or of one that died; empty at a new beginning.
    """

    def __init__(self, folder: Path, kind: str, key: str, described: dict[str, Any], size: int) -> None:
        self.folder = folder / f"{key}{WORK}"
        self.done: dict[str, Any] = {}
        self._kind = kind
        self._key = key
        self._described = described
        self._size = size
        self._checksums: dict[str, str] = {}
        self._files: dict[str, int] = {}
        self._opening = threading.Lock()
        self._held = True
        before = read(self.folder / RECORD)
        if before.get("described") == described:
            self.done, self._checksums = before["done"], before["checksums"]
        else:
            with storing():
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir(mode=0o700)
                self._write_record(0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.leave()

    def write(self, name: str, offset: int, data: bytes | memoryview) -> None:
        """Write a piece of a file, from any thread. Such files have a size but no checksum.

        Raises:
            Unavailable: the disk is full.
        """
        with storing():
            with self._opening:
                if name not in self._files:
                    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                    self._files[name] = os.open(self.folder / name, flags, 0o600)
            view = memoryview(data).cast("B")
            while len(view):
                written = os.pwrite(self._files[name], view, offset)
                view, offset = view[written:], offset + written

    def write_file(self, name: str, data: bytes | memoryview) -> None:
        """Write a whole file and remember its checksum.

        Raises:
            Unavailable: the disk is full.
        """
        with storing():
            write_atomically(self.folder / name, data if isinstance(data, bytes) else bytes(data))
        self._checksums[name] = digest(data).hexdigest()

    def record(self, done: Mapping[str, Any], *, count: int = 0, total: int = 0) -> None:
        """Make what was written so far survive a kill: a later builder finds `done` (JSON) and goes on from there.

        Args:
            count, total: how far the work is, for those who wait for it.

        Raises:
            Unavailable: the disk is full.
        """
        self.done = dict(done)
        with storing():
            for file in self._files.values():
                os.fsync(file)
            self._write_record(count, total)

    def _write_record(self, count: int, total: int) -> None:
        content = {
            "described": self._described,
            "size": self._size,
            "count": count,
            "total": total,
            "done": self.done,
            "checksums": self._checksums,
        }
        write_atomically(self.folder / RECORD, json.dumps(content).encode())

    def publish(self, about: Mapping[str, Any] | None = None) -> Entry:
        """Make it an entry, in use by this process, by one rename.

        Args:
            about: JSON to be kept with the entry.

        Raises:
            Unavailable: the disk is full.
        """
        assert self._held
        with storing():
            for file in self._files.values():
                os.fsync(file)
            self._close()
            (self.folder / RECORD).unlink()
            sizes = {path.name: path.stat().st_size for path in self.folder.iterdir()}
            content = {
                "described": self._described,
                "about": dict(about or {}),
                "sizes": sizes,
                "checksums": {name: checksum for name, checksum in self._checksums.items() if name in sizes},
            }
            write_atomically(self.folder / ENTRY, json.dumps(content).encode())
            published = self.folder.with_name(self._key)
            self.folder.rename(published)
            sync_folder(published.parent)
        locks.share(locks.lock_path(published.parent, self._key))
        self._held = False
        entry = entry_in(self._kind, published)
        assert entry is not None, "an entry that was just published"
        return entry

    def leave(self) -> None:
        """Let go of it, so that another process may go on with it. Nothing happens after `publish`."""
        self._close()
        if self._held:
            self._held = False
            locks.release(locks.lock_path(self.folder.parent, self._key))

    def abandon(self) -> None:
        """Remove it."""
        self._close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.leave()

    def _close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()


def digest(data: bytes | memoryview = b"") -> hashlib.blake2b:
    """The hash of keys and files: 128 bits of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=16)


def entry_in(kind: str, folder: Path) -> Entry | None:
    """The entry in a folder, if all its files are there in their size; it counts as used now."""
    content = read(folder / ENTRY)
    try:
        sizes = content["sizes"]
        if any((folder / name).stat().st_size != size for name, size in sizes.items()):
            return None
        entry = Entry(kind, folder.name, folder, content["described"], content["about"], sizes, content["checksums"])
    except (KeyError, OSError):
        return None
    return entry


def read(path: Path) -> dict[str, Any]:
    """A file of JSON; empty where it is missing or damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def remove_folder(folder: Path) -> None:
    """Remove a folder so that none sees half of it. The lock is held."""
    rubbish = folder.with_name(f"{RUBBISH}{folder.name}-{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(rubbish)
        shutil.rmtree(rubbish, ignore_errors=True)


@contextlib.contextmanager
def storing() -> Iterator[None]:
    """What keeps a folder from being written, as `Unavailable`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        raise Unavailable(
            f"The cache folder cannot be written ({error.strerror}: {error.filename or 'disk'})"
        ) from error
