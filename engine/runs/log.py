"""events.jsonl: appended by one worker, followed by any number of readers."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from vislab.engine.runs.events import AnyEvent, decode, encode


class EventWriter:
    """Appends events. The one writer is the worker that holds the run's lock.

    A last line that a kill has cut short is cut off when the log is opened, and after a failed append.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        self._cut_off_partial_line()

    def append(self, event: AnyEvent) -> None:
        """Append one event.

        Raises:
            OSError: the disk is full or not writable; the log ends with its last whole line.
        """
        line = encode(event)
        size = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, size)
            raise

    def sync(self) -> None:
        """Wait until everything appended is on the disk."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        os.close(self._file)

    def _cut_off_partial_line(self) -> None:
        size = os.fstat(self._file).st_size
        end = size
        while end > 0:
            start = max(0, end - 65536)
            newline = os.pread(self._file, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._file, end)


class EventReader:
    """Reads a log from its beginning and goes on where it stopped. A line not yet ended waits for the next read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0

    def read(self, *, at_most: int = 20_000, seconds: float = 0.2) -> list[AnyEvent | None]:
        """The next whole lines, bounded by count and time; empty when there is nothing new.

        None stands for a line that this version does not understand. A log that does not exist yet is empty.
        """
        return list(self.bite(at_most=at_most, seconds=seconds))

    def bite(self, *, at_most: int = 20_000, seconds: float = 0.2) -> Iterator[AnyEvent | None]:
        """What `read` gives, one by one: thousands of events at once take more memory than what is made of them."""
        until = time.monotonic() + seconds
        for count, line in enumerate(self._lines(), 1):
            yield decode(line)
            if count >= at_most or (count % 256 == 0 and time.monotonic() > until):
                break

    def events(self) -> Iterator[AnyEvent | None]:
        """Everything up to the present end of the log, one by one."""
        return map(decode, self._lines())

    def _lines(self) -> Iterator[bytes]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self.position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.position += len(line)
                yield line
