"""Whatever a terminal sends is understood or passed over; mice of older terminals are understood too."""

import time

from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key, MouseDown, MouseScrollDown, MouseUp
from textual.message import Message

from vislab.tui.terminal_driver import Reader


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
