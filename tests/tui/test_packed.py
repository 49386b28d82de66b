"""Rows that are packed come back as they were."""

import threading
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.packed import Packed


class Row(msgspec.Struct, frozen=True, array_like=True):
    name: str = ""
    count: int = 0
    share: float | None = None
    tags: tuple[str, ...] = ()
    value: Any = None


NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False))
ANY_TEXT = st.text(st.characters())  # lone surrogates too, which stand for bytes that are no UTF-8
ROWS = st.builds(
    Row,
    name=ANY_TEXT,
    count=st.integers(-(2**70), 2**70),
    share=st.none() | st.floats(allow_nan=False),
    tags=st.lists(ANY_TEXT, max_size=3).map(tuple),
    value=st.recursive(st.none() | st.booleans() | NUMBERS | ANY_TEXT, lambda inner: st.lists(inner, max_size=3)),
)


@given(st.lists(ROWS))
def test_rows_come_back_as_they_were(rows):
    packed = Packed(Row)
    assert [packed.append(row) for row in rows] == list(range(len(rows)))
    assert list(packed) == rows and len(packed) == len(rows) and packed[1:] == rows[1:] and packed[::-2] == rows[::-2]
    assert [packed[at] for at in range(-len(rows), 0)] == rows == list(Packed(Row, iter(rows)))
    for outside in (len(rows), -len(rows) - 1):
        with pytest.raises(IndexError):
            packed[outside]


def test_rows_that_cannot_be_packed_keep_their_place():
    rows = [Row("a"), Row("\udcff"), Row(count=2**64), Row("b", 2**64 - 1), Row()]
    packed = Packed(Row, rows)
    assert list(packed) == rows and packed[1] is rows[1] and packed[2] is rows[2] and packed[3] is not rows[3]


def test_packed_rows_take_a_third_of_the_memory():
    def taken(make):
        tracemalloc.start()
        kept = make(Row(f"a run's name {number}", number, number / 7, (f"tag {number}",)) for number in range(2000))
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size / len(kept)

    one, other = taken(lambda rows: Packed(Row, rows)), taken(list)
    assert one < other / 3, (one, other)


def test_a_row_can_be_read_while_another_thread_adds():
    packed, wrong, done = Packed(Row, [Row("0")]), [], threading.Event()

    def read():
        while not done.is_set():
            wrong.extend(at for at in (0, len(packed) // 2, len(packed) - 1) if packed[at].name != str(at))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 5000):
        packed.append(Row(str(number)))
    done.set()
    thread.join()
    assert not wrong
