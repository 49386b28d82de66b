"""Whatever a terminal sends is understood or passed over; mice of older terminals are understood too."""

import asyncio
import base64
import errno
import io
import os
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from queue import Full

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, MouseDown, MouseScrollDown, MouseUp
from textual.message import Message

from vislab.tui.terminal_driver import BACKLOG, Backlog, Reader, TerminalDriver, Writer, handed_on


def heard(*parts: bytes) -> list[Message]:
    reader = Reader()
    return [message for part in parts for message in reader.read(part)]


def test_a_report_of_three_bytes_is_a_mouse_beyond_column_95_too() -> None:
    down, up, wheel = heard(b"\x1b[M\x20\xe9\x31", b"\x1b[M\x23\xe9\x31", b"\x1b[M\x61\x21\x21")
    assert isinstance(down, MouseDown) and (down.x, down.y, down.button) == (200, 16, 1)
    assert isinstance(up, MouseUp) and (up.x, up.y) == (200, 16)
    assert isinstance(wheel, MouseScrollDown) and (wheel.x, wheel.y) == (0, 0)


def test_a_report_may_come_in_pieces_and_its_bytes_are_no_keys() -> None:
    for parts in ([b"a\x1b[M\x20qqb"], [b"a\x1b[M", b"\x20", b"q", b"qb"], [b"a\x1b[", b"M\x20qqb"]):
        messages = heard(*parts)
        assert [message.key for message in messages if isinstance(message, Key)] == ["a", "b"]


def test_an_escape_alone_is_a_key_after_a_moment() -> None:
    reader = Reader()
    assert reader.patience is None
    assert list(reader.read(b"\x1b")) == []
    assert reader.patience is not None and 0 < reader.patience < 1
    time.sleep(reader.patience)
    (key,) = reader.read(b"")
    assert isinstance(key, Key) and key.key == "escape" and reader.patience is None


def test_what_cannot_be_understood_does_not_keep_what_follows_from_being_heard() -> None:
    reader = Reader()
    for garbage in (
        b"\xff\xfe",
        b"\x1b[99999999;1u",
        b"\x1b[1;2:3u",
        b"\x1b[48;a;b;c;dt",
        b"\x1b[<0;0;0M",
        b"\xf0\x9f",
    ):
        assert all(isinstance(message, Message) for message in reader.read(garbage))
    keys = list(reader.read(b"\x1b\x1b[Aq"))
    assert isinstance(keys[-1], Key) and keys[-1].key == "q"


_PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"\x1b[", b"\x1b[M", b"\x1b[<", b"\x1b[200~", b"\x1b[201~", b"\x1b[48;", b"9" * 12, b";", b"u", b"M"]
    ),
)


@given(st.lists(_PIECES, max_size=20))
def test_no_bytes_are_an_error(parts: list[bytes]) -> None:
    heard(*parts)


@pytest.mark.parametrize(
    ("environment", "wrapped"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "screen", "STY": "1.pts"}, True),
        ({"TERM": "screen.xterm-256color"}, True),  # by SSH from within it
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux"}, False),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux", "STY": "1.pts"}, False),
    ],
)
def test_gnu_screen_is_asked_to_hand_on_what_is_for_the_clipboard(monkeypatch, environment, wrapped) -> None:
    for name in ("TERM", "STY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda self, data: written.append(data))

    async def copy() -> None:
        app = App[None]()
        app._driver = TerminalDriver(app)
        app.copy_to_clipboard("abc")
        app._driver.write("\x1b[2J")

    asyncio.run(copy())
    sequence = "\x1b]52;c;YWJj\a"
    assert written == [f"\x1bP{sequence}\x1b\\" if wrapped else sequence, "\x1b[2J"]


@pytest.mark.skipif(shutil.which("screen") is None, reason="GNU screen is not installed")
def test_gnu_screen_hands_a_long_text_on_whole(tmp_path, monkeypatch) -> None:
    text = base64.b64encode(bytes(range(256)) * 20).decode()
    (tmp_path / "sequence").write_text(handed_on(f"\x1b]52;c;{text}\a"))
    monkeypatch.delenv("STY", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    with tempfile.TemporaryDirectory() as sockets:
        Path(sockets).chmod(0o700)
        monkeypatch.setenv("SCREENDIR", sockets)
        command = ["-q", "-c", "/dev/null", "sh", "-c", f"cat {tmp_path / 'sequence'}; read end"]
        screen = pexpect.spawn("screen", command, dimensions=(24, 80), timeout=30)
        screen.expect(re.escape(f"\x1b]52;c;{text}\a".encode()))
        screen.sendline("")
        screen.expect(pexpect.EOF)
        screen.close()


def test_few_frames_wait_for_a_terminal_that_reads_slowly() -> None:
    backlog, frame = Backlog(), "x" * (BACKLOG - 1)
    backlog.put("", block=False)
    assert backlog.qsize() == 1, "nothing to write is still something to do"
    backlog.put(frame, block=False)
    with pytest.raises(Full):
        backlog.put("y", block=False)
    assert [backlog.get(), backlog.get()] == ["", frame] and backlog.empty()
    backlog.put(3 * frame, block=False)  # larger than all that may wait: it is written alone
    with pytest.raises(Full):
        backlog.put(None, block=False)
    assert backlog.get() == 3 * frame
    backlog.put(None, block=False)
    assert backlog.get() is None and backlog.qsize() == 0


def test_the_one_thread_that_writes_is_ours() -> None:
    async def made() -> None:
        TerminalDriver(App())

    asyncio.run(made())
    thread = linux_driver.WriterThread(io.StringIO())
    assert isinstance(thread, Writer) and isinstance(thread._queue, Backlog)
    assert "start_application_mode" not in vars(TerminalDriver), "what answers the terminal would go to another thread"


@pytest.mark.parametrize("way", ["write", "flush"])
@pytest.mark.parametrize("late", [False, True])
def test_nobody_waits_for_a_terminal_that_is_gone(way: str, late: bool) -> None:
    class Gone(io.StringIO):
        def fails(self, *_: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    file = Gone()
    setattr(file, way, file.fails)
    writer = Writer(file)
    if late:  # nothing more is written before the end
        writer._queue.put("x")
        writer._queue.put(None)
    writer.start()
    for _ in range(0 if late else 3):
        writer._queue.put("x" * BACKLOG, timeout=5)
    if not late:
        writer._queue.put(None, timeout=5)
    writer.join(5)
    assert not writer.is_alive()


def test_all_is_written_though_the_terminal_was_left_not_to_wait() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    whole = "x" * 300_000  # more than a pipe takes at once
    with os.fdopen(reading) as there, os.fdopen(writing, "w") as file:
        writer = Writer(file)
        writer._queue.put(whole)
        writer.start()
        got: list[str] = []
        read = threading.Thread(target=lambda: got.append(there.read(len(whole))), daemon=True)
        read.start()
        read.join(10)
        writer._queue.put(None, timeout=5)
        writer.join(5)
    assert got == [whole]
