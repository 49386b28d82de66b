"""Requests to a live worker: one line of control.jsonl each, read by the worker between steps."""

import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

Action = Literal["stop", "stop_now", "stop_after_epoch", "pause", "unpause", "checkpoint", "set_learning_rate"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. The worker answers with a ControlApplied event of the same id."""

    id: str
    action: Action
    value: str = ""


def send(path: Path, action: Action, value: str = "") -> Request:
    """Append a request to the run's control.jsonl and return it."""
    request = Request(id=secrets.token_hex(4), action=action, value=value)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        os.write(file, msgspec.json.encode(request) + b"\n")
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
            except msgspec.DecodeError:
                continue  # written by a newer version or by hand; a live run is not stopped by it
        return requests
