"""The Hugging Face hub, from which published weights are downloaded: whether that can be done from here, now."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

REMEMBERED = 60.0
"""Seconds after which it is looked again."""
PATIENCE = 5.0
"""Seconds after which a host that has not answered counts as out of reach, as it does for a run."""
_EACH = 2.0  # seconds that each way to it is given

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


class Hub:
    """Looks beside a screen whether the hub can be reached, and remembers it.

    Attributes:
        unreachable: its host, where it could not be reached; empty where it could, or while that is not known.
    """

    def __init__(self, on_change: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet.

        Args:
            on_change: called in a thread when `unreachable` has changed.
            clock: seconds.
        """
        self.unreachable = ""
        self._on_change = on_change
        self._clock = clock
        self._looks = False
        self._again: float | None = None

    def look(self) -> None:
        """Look in a thread, unless that was done within the last minute; does not wait, nor does the program's end."""
        if not self._looks and (self._again is None or self._clock() >= self._again):
            self._looks = True
            threading.Thread(target=self._look, name="hub", daemon=True).start()

    def forget(self) -> None:
        """Look again next time."""
        self._again = None

    def _look(self) -> None:
        found = unreachable_host()
        self._again = self._clock() + REMEMBERED
        self._looks = False
        if found != self.unreachable:
            self.unreachable = found
            self._on_change()


def forbidden_by(environment: Mapping[str, str] = os.environ) -> str:
    """The variable that forbids downloads, as the hub's library reads it; empty where none does."""
    name = next((name for name in _OFFLINE if environment.get(name)), "")
    return name if environment.get(name, "").upper() in ("1", "ON", "YES", "TRUE") else ""


def unreachable_host(environment: Mapping[str, str] = os.environ) -> str:
    """The hub's host, where nothing answers there; empty where it does, or where only a download would tell.

    That is so behind a proxy, and for an address in HF_ENDPOINT that is none. Waits for `PATIENCE` at most.
    """
    try:
        address = urlsplit(environment.get("HF_ENDPOINT") or "https://huggingface.co")
        host, port = address.hostname, address.port or {"http": 80, "https": 443}[address.scheme]
    except (ValueError, KeyError):
        return ""
    if not host or _behind_proxy(environment):
        return ""
    answers: list[bool] = []
    # The system looks a name up for as long as it likes, and cannot be interrupted.
    asking = threading.Thread(target=lambda: answers.append(_answers(host, port)), name="hub", daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return "" if any(answers) else host


def _behind_proxy(environment: Mapping[str, str]) -> bool:
    named = {name.lower() for name, value in environment.items() if value}
    if sys.platform == "darwin":  # its system settings name proxies too
        from urllib.request import getproxies  # takes 5 MB

        named |= {f"{kind}_proxy" for kind in getproxies()}
    return bool(named & {"http_proxy", "https_proxy", "all_proxy"})


def _answers(host: str, port: int) -> bool:
    try:
        ways = {way[0]: way for way in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):  # the name is unknown, or can be none
        return False
    return any(_connects(*way) for way in ways.values())  # by each kind of address: one of them may lead nowhere


def _connects(family: int, kind: int, protocol: int, _name: str, address: tuple[str | int, ...]) -> bool:
    with socket.socket(family, kind, protocol) as connection:
        connection.settimeout(_EACH)
        try:
            connection.connect(address)
        except OSError:
            return False
        return True
