"""Keeps a list of runs up to date, at a cost that does not grow with the runs that lie still."""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from vislab.engine.runs import store
from vislab.engine.runs.state import MOST_EPOCHS
from vislab.engine.runs.store import Follower, Run
from vislab.presets.errors import InputError
from vislab.tui.packed import Packed
from vislab.tui.views.listed import Listed, look

CHUNK = 250
"""Runs that are read before they are told; each chunk is twice the one before, for a list is made anew each time."""

LONG = 8 * 2**20
"""Bytes of a log that takes noticeably long to read."""


class RunWatch:
    """Reads a runs folder, and then only what has changed. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = 0
        self._followers: dict[str, Follower] = {}

    def read_all(self) -> Iterator[Sequence[Listed]]:
        """All runs, newest first, in chunks; at last, one by one, those whose long logs must be read."""
        self._changed = self._folder_changed()
        every = store.ids(self._folder)
        slow = {name: size for name in every if (size := _to_read(Run(self._folder / name)))}
        names = [name for name in every if name not in slow]
        begin, count = 0, CHUNK
        while begin < len(names):
            yield Packed(Listed, (look(Run(self._folder / name)) for name in names[begin : begin + count]))
            begin, count = begin + count, 2 * count
        for name in sorted(slow, key=slow.__getitem__):
            yield [look(Run(self._folder / name))]

    def look(self, live: Sequence[Listed], known: Collection[str]) -> tuple[list[Listed], frozenset[str]]:
        """What has changed.

        Args:
            live: runs that have, or may have, a worker, or wait for one; and those that were never started, which cost
                little until somebody does something with them.
            known: ids of all runs that the list holds. Copied only when it is needed, and here: what a thread is given
                stays in memory long after its end.

        Returns:
            Runs that are new or differ, and the ids of runs that are gone.
        """
        rows = []
        for listed in live:
            try:
                run = listed.run
                if listed.status == "new" and not _taken_up(run):
                    continue
                follower = self._followers.setdefault(run.id, Follower(run, most_epochs=MOST_EPOCHS))
                before = follower.position
                seen = Listed.of(run, follower.summary(), listed.size)
            except (InputError, OSError):  # deleted meanwhile, or just being made
                continue
            if seen != listed or 0 < before < follower.position:  # a longer log may tell of larger files alone
                rows.append(seen)
            if not seen.live:
                del self._followers[seen.id]
        gone: frozenset[str] = frozenset()
        changed = self._folder_changed()
        if changed != self._changed:
            self._changed = changed
            names = store.ids(self._folder)
            listed_ids = frozenset(known)
            rows += [look(Run(self._folder / name)) for name in names if name not in listed_ids]
            gone = listed_ids.difference(names)
        return rows, gone

    def _folder_changed(self) -> int:
        """When runs were last added or taken away, in nanoseconds; 0: there is no folder that can be looked at."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0


def _to_read(run: Run) -> int:
    """Bytes of a run's log, unless there are few or it was summed up since; cheap."""
    with contextlib.suppress(OSError):  # what is wrong is told by reading it
        log = run.events.stat()
        summary = run.path / "summary.json"
        if log.st_size > LONG and not (summary.exists() and summary.stat().st_mtime_ns >= log.st_mtime_ns):
            return log.st_size
    return 0


def _taken_up(run: Run) -> bool:
    """Whether a run that was seen before anybody began or queued it may have been by now."""
    return run.lock.exists() or run.events.exists() or run.waiter() != 0
