"""The cache folder: what can be made again, made once and shared by all runs, within a budget of bytes.

    <cache folder>/<kind>/<key>/         an entry: its files and `entry.json`, which says what it is
    <cache folder>/<kind>/<key>.work/    one being built, or left by a process that died; `record.json` says how far
    <cache folder>/<kind>/<key>.lock     shared: the entry is in use; exclusive: it is being built or removed

A key is a hash of everything that the content follows from. The time of change of `entry.json` is the last use.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vislab.engine.runs.files import folder_size, sync_folder, write_atomically
from vislab.engine.runs.liveness import holder
from vislab.presets.settings import Settings

ENTRY, RECORD = "entry.json", "record.json"
_WORK, _LOCK, _RUBBISH = ".work", ".lock", ".removed-"
_KEPT_FREE = 256 << 20  # bytes of the disk that a cache never takes
_SHARE = 0.5  # of the disk's free room, what is cached already counted as free, where no budget is set
_ASK_EVERY = 0.1  # seconds between two looks at an entry that another process builds
_PATIENCE = 2.0  # seconds for which an entry that cannot be repaired, because it is in use, is tried
_CANNOT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOLCK, errno.ENOTDIR)


class Unavailable(Exception):  # noqa: N818  (a fact about the folder: the caller goes on without the cache)
    """The cache cannot hold what was asked for: a full or read-only disk, or a budget that is too small."""


@dataclass(frozen=True)
class Listed:
    """One entry as a list shows it.

    Attributes:
        kind: such as "pixels" or "features".
        key: 32 hex digits.
        described: what the key is a hash of.
        size: bytes.
        used: time of the last use, seconds since the epoch.
        holder: a process that uses or builds it; 0: none does; -1: one that has no number here.
        finished: False for one that is being built, or that a dead process left.
    """

    kind: str
    key: str
    described: dict[str, Any]
    size: int
    used: float
    holder: int
    finished: bool


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
                return hashlib.file_digest(file, _digest).hexdigest() == self.checksums[name]
        except OSError:
            return False

    def release(self) -> None:
        """Say that this process no longer uses it."""
        _release(_lock_path(self.folder.parent, self.key))


class Work:
    """An entry in the making, held by this process alone. As a context it is kept for a later resume when it is left
    before it was published.

    Attributes:
        done: what the last `record` said, of this process or of one that died; empty at a new beginning.
    """

    def __init__(self, folder: Path, kind: str, key: str, described: dict[str, Any], size: int) -> None:
        self.folder = folder / f"{key}{_WORK}"
        self.done: dict[str, Any] = {}
        self._kind = kind
        self._key = key
        self._described = described
        self._size = size
        self._checksums: dict[str, str] = {}
        self._files: dict[str, int] = {}
        self._opening = threading.Lock()
        self._held = True
        before = _read(self.folder / RECORD)
        if before.get("described") == described:
            self.done, self._checksums = before["done"], before["checksums"]
        else:
            with _storing():
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
        with _storing():
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
        with _storing():
            write_atomically(self.folder / name, data if isinstance(data, bytes) else bytes(data))
        self._checksums[name] = _digest(data).hexdigest()

    def record(self, done: Mapping[str, Any], *, count: int = 0, total: int = 0) -> None:
        """Make what was written so far survive a kill: a later builder finds `done` (JSON) and goes on from there.

        Args:
            count, total: how far the work is, for those who wait for it.

        Raises:
            Unavailable: the disk is full.
        """
        self.done = dict(done)
        with _storing():
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
        with _storing():
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
        _share(_lock_path(published.parent, self._key))
        self._held = False
        entry = _entry(self._kind, published)
        assert entry is not None, "an entry that was just published"
        return entry

    def leave(self) -> None:
        """Let go of it, so that another process may go on with it. Nothing happens after `publish`."""
        self._close()
        if self._held:
            self._held = False
            _release(_lock_path(self.folder.parent, self._key))

    def abandon(self) -> None:
        """Remove it."""
        self._close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.leave()

    def _close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()


class Cache:
    """The cache folder.

    Args:
        folder: made when it is needed.
        budget: bytes of all entries together; None: half of what the disk has room for; 0: nothing is cached.
        tell: called with a sentence when an entry turned out to be damaged and is made again.
    """

    def __init__(self, folder: Path, budget: int | None = None, tell: Callable[[str], None] | None = None) -> None:
        self.folder = folder
        self._budget = budget
        self._tell = tell or (lambda _: None)

    @classmethod
    def of(cls, settings: Settings, tell: Callable[[str], None] | None = None) -> "Cache":
        """The cache that the settings name."""
        return cls(settings.cache_dir, settings.cache_budget, tell)

    @property
    def budget(self) -> int:
        """Bytes that all entries together may take."""
        if self._budget is not None:
            return self._budget
        return int(_SHARE * (_free(self.folder) + sum(entry.size for entry in self.entries())))

    def find(
        self, kind: str, described: Mapping[str, Any], fits: Callable[[Entry], bool] = lambda entry: True
    ) -> Entry | None:
        """The entry of this description, in use from now on; None where no sound one fits. Never waits."""
        key = key_of(kind, described)
        folder = self.folder / kind
        if not (folder / key / ENTRY).exists():
            return None
        lock = _lock_path(folder, key)
        try:
            if not _take(lock, exclusive=False):
                return None
        except OSError:
            return None
        entry = _entry(kind, folder / key)
        if entry is None or not fits(entry):
            _release(lock)
            return None
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(entry.path(ENTRY))
        return entry

    def find_where(self, kind: str, fits: Callable[[Entry], bool]) -> Entry | None:
        """An entry for which `fits` is true, in use from now on; None where there is none. Never waits."""
        for folder in (self.folder / kind).glob("?" * 32):
            described = _read(folder / ENTRY).get("described")
            if described is not None and (entry := self.find(kind, described, fits)) is not None:
                return entry
        return None

    def begin(
        self,
        kind: str,
        described: Mapping[str, Any],
        *,
        size: int,
        waiting: Callable[[int, int], None],
    ) -> Entry | Work:
        """The entry of this description, or the right to make it.

        While another process makes it, this one waits. Work that a dead process left is taken over.

        Args:
            described: JSON; everything that the content follows from, short enough to be read.
            size: bytes that the entry will take; room is made by removing entries not in use, the longest unused first.
            waiting: called ten times a second with what the other builder has (done, in all); may raise.

        Raises:
            Unavailable: there is no room, or nothing can be written or locked.
        """
        plain: dict[str, Any] = json.loads(json.dumps(dict(described)))
        key = key_of(kind, plain)
        folder = self.folder / kind
        lock = _lock_path(folder, key)
        with _storing():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            began = time.monotonic()
            while True:
                if (entry := self.find(kind, described)) is not None:
                    return entry
                if _take(lock, exclusive=True):
                    break
                if (folder / key).exists() and time.monotonic() - began > _PATIENCE:
                    raise Unavailable(f"The cache's entry {folder / key} is damaged, and another process uses it")
                record = _read(folder / f"{key}{_WORK}" / RECORD)
                waiting(record.get("count", 0), record.get("total", 0))
                time.sleep(_ASK_EVERY)
        try:
            if (entry := _entry(kind, folder / key)) is not None:  # published since the last look
                _share(lock)
                return entry
            if (folder / key).exists():
                self._tell(f"The cache's entry {folder / key} is damaged: it is made again.")
                _remove(folder / key)
            self._make_room(kind, key, size)
            return Work(folder, kind, key, plain, size)
        except BaseException:
            _release(lock)
            raise

    def entries(self) -> list[Listed]:
        """All entries, finished or not, the longest unused first."""
        found = []
        for folder in sorted(self.folder.glob(f"*/{'?' * 32}*")):
            key, kind = folder.name.removesuffix(_WORK), folder.parent.name
            content = _read(folder / (RECORD if folder.suffix == _WORK else ENTRY))
            if len(key) != 32 or not folder.is_dir():
                continue
            try:
                used = (folder / (RECORD if folder.suffix == _WORK else ENTRY)).stat().st_mtime
            except OSError:
                used = 0.0  # damaged: the first to go
            finished = folder.suffix != _WORK
            planned = 0 if finished else int(content.get("size", 0))
            found.append(
                Listed(
                    kind=kind,
                    key=key,
                    described=content.get("described", {}),
                    size=max(planned if _user(folder.parent, key) else 0, folder_size(str(folder))),
                    used=used,
                    holder=_user(folder.parent, key),
                    finished=finished,
                )
            )
        return sorted(found, key=lambda entry: entry.used)

    def discard(self, entry: Entry, fault: str) -> None:
        """Remove an entry that this process found to be of no use, so that it is made again.

        Args:
            fault: why, in words that follow its name.

        Raises:
            Unavailable: another process uses it, or it cannot be removed.
        """
        self._tell(f"The cache's entry {entry.folder} {fault}: it is made again.")
        entry.release()
        with _storing():
            if not self._remove(entry.kind, entry.key):
                raise Unavailable(f"The cache's entry {entry.folder} {fault}, and another process uses it")

    def remove(self, entry: Listed) -> bool:
        """Remove an entry; False where it is in use or being made.

        Raises:
            OSError: the folder is not writable.
        """
        return self._remove(entry.kind, entry.key)

    def _remove(self, kind: str, key: str) -> bool:
        folder = self.folder / kind
        lock = _lock_path(folder, key)
        if not _take(lock, exclusive=True):
            return False
        try:
            for name in (key, key + _WORK):
                _remove(folder / name)
            lock.unlink(missing_ok=True)
        finally:
            _release(lock)
        return True

    def _make_room(self, kind: str, key: str, size: int) -> None:
        """Remove what is longest unused until `size` more bytes fit."""
        with _storing():
            for rubbish in self.folder.glob(f"*/{_RUBBISH}*"):  # a removal that was killed
                shutil.rmtree(rubbish, ignore_errors=True)
            entries = [entry for entry in self.entries() if (entry.kind, entry.key) != (kind, key)]
            budget = self.budget
            staying = sum(entry.size for entry in entries if entry.holder)
            if size + staying > budget:
                used = f", of which {amount(staying)} are in use" if staying else ""
                raise Unavailable(f"{amount(size)} do not fit into the cache's budget of {amount(budget)}{used}")
            free = _free(self.folder) + folder_size(str(self.folder / kind / f"{key}{_WORK}")) - _KEPT_FREE
            total = sum(entry.size for entry in entries)
            for entry in entries:
                if total + size <= budget and size <= free:
                    return
                if self.remove(entry):
                    total -= entry.size
                    free += entry.size
            if total + size > budget or size > free:
                raise Unavailable(f"{self.folder} has no room for {amount(size)}")


def key_of(kind: str, described: Mapping[str, Any]) -> str:
    """Name of the entry with this description: 32 hex digits."""
    return _digest(json.dumps([kind, dict(described)], sort_keys=True).encode()).hexdigest()


def _digest(data: bytes | memoryview = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=16)


def _entry(kind: str, folder: Path) -> Entry | None:
    """The entry in a folder, if all its files are there in their size; it counts as used now."""
    content = _read(folder / ENTRY)
    try:
        sizes = content["sizes"]
        if any((folder / name).stat().st_size != size for name, size in sizes.items()):
            return None
        entry = Entry(kind, folder.name, folder, content["described"], content["about"], sizes, content["checksums"])
    except (KeyError, OSError):
        return None
    return entry


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remove(folder: Path) -> None:
    """Remove a folder so that none sees half of it. The lock is held."""
    rubbish = folder.with_name(f"{_RUBBISH}{folder.name}-{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(rubbish)
        shutil.rmtree(rubbish, ignore_errors=True)


def _free(folder: Path) -> int:
    """Free bytes of the disk that a folder lies on, or will."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def amount(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    """What keeps a folder from being written, as `Unavailable`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        raise Unavailable(
            f"The cache folder cannot be written ({error.strerror}: {error.filename or 'disk'})"
        ) from error


# Locks. A POSIX record lock is dropped when the process closes any descriptor of its file, and never conflicts with
# another of the same process: so a process has one descriptor a lock, and counts its users itself.


@dataclass
class _Held:
    descriptor: int
    exclusive: bool
    users: int
    pid: int  # a fork has this table but not the locks


_held: dict[Path, _Held] = {}
_table = threading.Lock()


def _lock_path(folder: Path, key: str) -> Path:
    return folder.resolve() / f"{key}{_LOCK}"


def _take(path: Path, *, exclusive: bool) -> bool:
    """Take a lock without waiting; False when it is held otherwise.

    Raises:
        OSError: no lock can be had here.
    """
    with _table:
        held = _held.get(path)
        if held is not None and held.pid == os.getpid():
            if exclusive or held.exclusive:
                return False
            held.users += 1
            return True
        while True:
            descriptor = _open(path, exclusive)
            try:
                fcntl.lockf(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                same = path.stat().st_ino == os.fstat(descriptor).st_ino
            except (BlockingIOError, PermissionError):
                os.close(descriptor)
                return False
            except FileNotFoundError:
                same = False
            except OSError:
                os.close(descriptor)
                raise
            if same:
                _held[path] = _Held(descriptor, exclusive, 1, os.getpid())
                return True
            os.close(descriptor)  # removed with its entry between opening and locking


def _open(path: Path, exclusive: bool) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        if exclusive:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)


def _share(path: Path) -> None:
    """Turn an exclusive lock into a shared one, with no moment between."""
    with _table:
        fcntl.lockf(_held[path].descriptor, fcntl.LOCK_SH)
        _held[path].exclusive = False


def _release(path: Path) -> None:
    with _table:
        held = _held[path]
        held.users -= 1
        if held.users == 0:
            del _held[path]
            os.close(held.descriptor)


def _user(folder: Path, key: str) -> int:
    """A process that holds the lock of an entry; 0: none does."""
    path = _lock_path(folder, key)
    with _table:
        held = _held.get(path)
        if held is not None and held.pid == os.getpid():
            return os.getpid()
        return holder(path)
