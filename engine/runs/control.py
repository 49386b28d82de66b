"""Requests to a live worker: one line of control.jsonl each, read by the worker between steps."""

import errno
import os
from pathlib import Path
from typing import Literal

import msgspec

Action = Literal["stop", "stop_after_epoch", "pause", "unpause", "checkpoint", "set_learning_rate"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. The worker answers with a ControlApplied event of the same id, or a Notice if it is refused.

    `value` is empty but for set_learning_rate, where it is the new base rate, above 0.
    """

    id: str
    action: Action
    value: str = ""


def send(path: Path, action: Action, value: str = "") -> Request:
    """Append a request to the run's control.jsonl and return it.

    Raises:
        OSError: the disk is full or not writable; the request was not made.
    """
    request = Request(id=os.urandom(4).hex(), action=action, value=value)
    line = msgspec.json.encode(request) + b"\n"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            line = b"\n" + line  # an earlier request was cut short by a full disk; it must not spoil this one
        if os.write(file, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(file)
    return request


class ControlReader:
    """The worker's side: what was asked since the last look."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self._position = start

    def poll(self) -> list[Request]:
        """New requests, oldest first. Costs one `stat` while there is nothing new."""
        try:
            if self._path.stat().st_size <= self._position:
                return []
        except FileNotFoundError:
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            lines = file.readlines()
        requests = []
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self._position += len(line)
            try:
                requests.append(msgspec.json.decode(line, type=Request))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # written by a newer version or by hand; a live run is not stopped by it
        return requests
