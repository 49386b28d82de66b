"""The cache folder: what can be made again, made once and shared by all runs, within a budget of bytes.

    <cache folder>/<kind>/<key>/         an entry: its files and `entry.json`, which says what it is
    <cache folder>/<kind>/<key>.work/    one being built, or left by a process that died; `record.json` says how far
    <cache folder>/<kind>/<key>.lock     shared: the entry is in use; exclusive: it is being built or removed
    <cache folder>/room.lock             exclusive: room is being made for a new entry

A key is a hash of everything that the content follows from. The time of change of `entry.json` is the last use.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vislab.engine.cache import locks
from vislab.engine.cache.entry import (
    ENTRY,
    RECORD,
    RUBBISH,
    WORK,
    Entry,
    Unavailable,
    Work,
    digest,
    entry_in,
    read,
    remove_folder,
    storing,
)
from vislab.engine.runs.files import folder_size
from vislab.presets.layers import exists
from vislab.presets.settings import Settings
from vislab.presets.sizes import amount

_KEPT_FREE = 256 << 20  # bytes of the disk that a cache never takes
_SHARE = 0.5  # of the disk's free room, what is cached already counted as free, where no budget is set
_ASK_EVERY = 0.1  # seconds between two looks at an entry that another process builds
_PATIENCE = 2.0  # seconds for which an entry that cannot be repaired, because it is in use, is tried
_ROOM = "room"

COMPILED = "compiled"
"""Where torch keeps what it has compiled, within the cache folder: no entry, and outside the budget."""


@dataclass(frozen=True)
class Listed:
    """One entry as a list shows it.

    Attributes:
        kind: such as "pixels", "copies" or "features".
        key: 32 hex digits.
        described: what the key is a hash of.
        about: what else was kept with a finished entry.
        size: bytes.
        used: time of the last use, seconds since the epoch.
        holder: a process that uses or builds it; 0: none does; -1: one that has no number here.
        finished: False for one that is being built, or that a dead process left.
    """

    kind: str
    key: str
    described: dict[str, Any]
    about: dict[str, Any]
    size: int
    used: float
    holder: int
    finished: bool


class Cache:
    """The cache folder.

    Args:
        folder: made when it is needed.
        budget: bytes of all entries together; None: half of what the disk has room for; 0: nothing is cached.
        tell: called with a sentence when an entry, or some of it, turned out to be damaged and is made again.
    """

    def __init__(self, folder: Path, budget: int | None = None, tell: Callable[[str], None] | None = None) -> None:
        self.folder = folder
        self._budget = budget
        self._tell = tell or (lambda _: None)
        self._mended = set[Path]()

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
        if not exists(str(folder / key / ENTRY)):
            return None
        lock = locks.lock_path(folder, key)
        try:
            if not locks.take(lock, exclusive=False):
                return None
        except OSError:
            return None
        entry = entry_in(kind, folder / key)
        if entry is None or not fits(entry):
            locks.release(lock)
            return None
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(entry.path(ENTRY))
        return entry

    def find_where(self, kind: str, fits: Callable[[Entry], bool]) -> Entry | None:
        """An entry for which `fits` is true, in use from now on; None where there is none. Never waits."""
        return next(self.find_all(kind, fits), None)

    def find_all(self, kind: str, fits: Callable[[Entry], bool]) -> Iterator[Entry]:
        """Each entry for which `fits` is true when its turn comes, in use from then on. Never waits."""
        for folder in _matching(self.folder / kind, "?" * 32):
            described = read(folder / ENTRY).get("described")
            if described is not None and (entry := self.find(kind, described, fits)) is not None:
                yield entry

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
        lock = locks.lock_path(folder, key)
        with storing():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            began = time.monotonic()
            while True:
                if (entry := self.find(kind, described)) is not None:
                    return entry
                if locks.take(lock, exclusive=True):
                    break
                if (folder / key).exists() and time.monotonic() - began > _PATIENCE:
                    raise Unavailable(f"The cache's entry {folder / key} is damaged, and another process uses it")
                record = read(folder / f"{key}{WORK}" / RECORD)
                waiting(record.get("count", 0), record.get("total", 0))
                time.sleep(_ASK_EVERY)
        try:
            if (entry := entry_in(kind, folder / key)) is not None:  # published since the last look
                locks.share(lock)
                return entry
            if (folder / key).exists():
                self._tell(f"The cache's entry {folder / key} is damaged: it is made again.")
                remove_folder(folder / key)
            with self._alone(waiting):  # until the new entry's own record says what it will take
                self._make_room(kind, key, size)
                return Work(folder, kind, key, plain, size)
        except BaseException:
            locks.release(lock)
            raise

    def entries(self) -> list[Listed]:
        """All entries, finished or not, the longest unused first."""
        found = []
        for folder in sorted(_matching(self.folder, f"*/{'?' * 32}*")):
            key, kind = folder.name.removesuffix(WORK), folder.parent.name
            content = read(folder / (RECORD if folder.suffix == WORK else ENTRY))
            if len(key) != 32 or not os.path.isdir(folder):  # noqa: PTH112  (see _matching)
                continue
            try:
                used = (folder / (RECORD if folder.suffix == WORK else ENTRY)).stat().st_mtime
            except OSError:
                used = 0.0  # damaged: the first to go
            finished = folder.suffix != WORK
            planned = 0 if finished else int(content.get("size", 0))
            found.append(
                Listed(
                    kind=kind,
                    key=key,
                    described=content.get("described", {}),
                    about=content.get("about", {}),
                    size=max(planned if locks.user(folder.parent, key) else 0, folder_size(str(folder))),
                    used=used,
                    holder=locks.user(folder.parent, key),
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
        with storing():
            if not self._remove(entry.kind, entry.key):
                raise Unavailable(f"The cache's entry {entry.folder} {fault}, and another process uses it")

    def tell_of_mending(self, entry: Entry) -> None:
        """Say, once, that images of an entry in use turned out to be damaged and are made again in their place."""
        if entry.folder not in self._mended:
            self._mended.add(entry.folder)
            self._tell(f"Images in the cache's entry {entry.folder} are damaged: they are made again.")

    def remove(self, entry: Listed) -> bool:
        """Remove an entry; False where it is in use or being made.

        Raises:
            OSError: the folder is not writable.
        """
        return self._remove(entry.kind, entry.key)

    def _remove(self, kind: str, key: str) -> bool:
        folder = self.folder / kind
        lock = locks.lock_path(folder, key)
        if not locks.take(lock, exclusive=True):
            return False
        try:
            for name in (key, key + WORK):
                remove_folder(folder / name)
            lock.unlink(missing_ok=True)
        finally:
            locks.release(lock)
        return True

    @contextlib.contextmanager
    def _alone(self, waiting: Callable[[int, int], None]) -> Iterator[None]:
        """While no other process makes room: each would leave out of account what the other has not begun yet."""
        lock = locks.lock_path(self.folder, _ROOM)
        with storing():
            while not locks.take(lock, exclusive=True):
                waiting(0, 0)
                time.sleep(_ASK_EVERY)
        try:
            yield
        finally:
            locks.release(lock)

    def _make_room(self, kind: str, key: str, size: int) -> None:
        """Remove what is longest unused until `size` more bytes fit."""
        with storing():
            for rubbish in self.folder.glob(f"*/{RUBBISH}*"):  # a removal that was killed
                shutil.rmtree(rubbish, ignore_errors=True)
            entries = [entry for entry in self.entries() if (entry.kind, entry.key) != (kind, key)]
            budget = self.budget
            staying = sum(entry.size for entry in entries if entry.holder)
            if size + staying > budget:
                used = f", of which {amount(staying)} are in use" if staying else ""
                raise Unavailable(f"{amount(size)} do not fit into the cache's budget of {amount(budget)}{used}")
            free = _free(self.folder) + folder_size(str(self.folder / kind / f"{key}{WORK}")) - _KEPT_FREE
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
    return digest(json.dumps([kind, dict(described)], sort_keys=True).encode()).hexdigest()


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    """What there is; nothing where this user may not enter, in which Path.glob, exists and is_dir raise."""
    return folder.glob(pattern) if os.path.isdir(folder) else iter(())  # noqa: PTH112


def _free(folder: Path) -> int:
    """Free bytes of the disk that a folder lies on, or will."""
    existing = next(path for path in (folder, *folder.absolute().parents) if exists(str(path)))
    return shutil.disk_usage(existing).free
