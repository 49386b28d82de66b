"""Reads the terminal: Textual's driver, with an end that comes at once and an ear for whatever a terminal may send."""

import contextlib
import os
import re
import selectors
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from queue import Queue
from typing import Any

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

_LEGACY_MOUSE = re.compile(rb"\x1b\[M([\x20-\xff])([\x20-\xff])([\x20-\xff])")
_LEGACY_MOUSE_BEGUN = re.compile(rb"\x1b\[M[\x20-\xff]{0,2}\Z")
_EMPTIED = "\x1b[2J\x1b[H"
"""Nothing on the screen, the cursor at its beginning."""
_CLIPBOARD = "\x1b]52;"
"""Begins what puts a text into the clipboard."""
_PIECE = 250
"""Characters that every GNU screen hands on in one piece: 4.0 keeps 256 of them, 4.9 keeps 768, and draws the rest."""
BACKLOG = 100_000
"""Characters that may wait for the terminal; with more, the console waits. A frame of pictures has up to 500,000."""
_RELEASED = 3
"""Button of a legacy report that one was released; which one it does not say."""


class TerminalDriver(LinuxDriver):
    """Textual's driver for terminals, with a reading thread of our own.

    Textual's thread takes up to 0.2 s to end, ends the console upon a byte that is no UTF-8 (mice of older terminals
    send them) or a key code that is no character, and spins when the terminal is gone.
    """

    def __init__(self, *arguments: Any, **words: Any) -> None:
        super().__init__(*arguments, **words)
        linux_driver.WriterThread = Writer  # type: ignore[attr-defined]  # made before anything is written, by that name
        self._woken, self._waker = os.pipe()

    def write(self, data: str) -> None:
        """Write. GNU screen keeps what is for the clipboard to itself unless it is told to hand it on."""
        if data.startswith(_CLIPBOARD) and is_screen(os.environ):
            data = handed_on(data)
        super().write(data)

    def stop_application_mode(self) -> None:
        """Give the terminal back. GNU screen has no alternate screen unless it is told to: it keeps what was drawn."""
        if "STY" in os.environ:
            self.write(_EMPTIED)  # the alternate screen alone, where there is one
        super().stop_application_mode()

    def disable_input(self) -> None:
        """End the thread that reads."""
        if self._key_thread is not None and self._key_thread.is_alive():
            os.write(self._waker, b".")
        super().disable_input()

    def run_input_thread(self) -> None:
        """Hand on what arrives until it is to end; a terminal that is gone ends the console."""
        reader = Reader()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(reader.patience)}
                if self._woken in ready:
                    os.read(self._woken, 1)
                    return
                data = b""
                if self.fileno in ready:
                    with contextlib.suppress(OSError):  # what a terminal that is gone answers on Linux
                        data = os.read(self.fileno, 4096)
                    if not data:
                        self._app.call_later(self._app.exit, return_code=129)
                        return
                for message in reader.read(data):
                    self.process_message(message)


class Backlog(Queue[str | None]):
    """What waits to be written. Textual's is full after 30 writes, each of which may be a frame of a megabyte."""

    def __init__(self) -> None:
        super().__init__(BACKLOG)

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._length = 0

    def _qsize(self) -> int:
        return self._length

    def _put(self, item: str | None) -> None:
        super()._put(item)
        self._length += _length(item)

    def _get(self) -> str | None:
        item: str | None = super()._get()
        self._length -= _length(item)
        return item


def _length(item: str | None) -> int:
    """Characters, and one more: what is empty waits as well."""
    return 1 + len(item or "")


class Writer(WriterThread):
    """Writes to a terminal, however slowly it reads, and lets few frames wait for it."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._queue = Backlog()

    def run(self) -> None:
        """Write until told to stop. Nobody waits for a terminal that is gone: the reading thread ends the console."""
        with contextlib.suppress(OSError):  # another program may have left it so that what does not fit at once is lost
            os.set_blocking(self._file.fileno(), True)
        gone = False
        for text in iter(self._queue.get, None):
            try:
                if not gone:
                    self._file.write(text)
                if not gone and self._queue.empty():
                    self._file.flush()
            except OSError:
                gone = True
        with contextlib.suppress(OSError):
            self._file.flush()


def is_screen(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is a window of GNU screen, here or where SSH comes from; not where tmux may be nearer."""
    nearest_may_be_tmux = "TMUX" in environment
    return environment.get("TERM", "").startswith("screen.") or ("STY" in environment and not nearest_may_be_tmux)


def handed_on(sequence: str) -> str:
    """An escape sequence in pieces that GNU screen hands on to the terminal that shows it, as they are."""
    pieces = (sequence[start : start + _PIECE] for start in range(0, len(sequence), _PIECE))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


class Reader:
    """Turns bytes of a terminal into messages."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._parser = XTermParser()
        self._rest = b""

    @property
    def patience(self) -> float | None:
        """Seconds after which to read on although nothing arrives: then an escape that stands alone is a key."""
        until = self._parser._timeout_time
        return None if until is None else max(0.0, until - get_time())

    def read(self, data: bytes) -> Iterator[Message]:
        """The messages that the bytes complete; without bytes, those that waiting completes."""
        data = _LEGACY_MOUSE.sub(_modern, self._rest + data)
        begun = _LEGACY_MOUSE_BEGUN.search(data)
        self._rest = begun.group() if begun else b""
        if text := self._decode(data.removesuffix(self._rest)):
            yield from self._parsed(self._parser.feed(text))
        yield from self._parsed(self._parser.tick())

    def _parsed(self, messages: Any) -> Iterator[Message]:
        try:
            yield from messages
        except (ValueError, OverflowError):  # a number that is no character, for example
            self._parser = XTermParser()


def _modern(report: re.Match[bytes]) -> bytes:
    """A mouse report of three bytes, each of them 32 more than its value, in digits as newer terminals send it."""
    button, x, y = (part[0] - 32 for part in report.groups())
    released = button & _RELEASED == _RELEASED and button < 32
    return b"\x1b[<%d;%d;%d%c" % (0 if released else button, x, y, b"m" if released else b"M")
