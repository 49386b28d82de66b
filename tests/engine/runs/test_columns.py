"""What is put into a history comes back exactly, and a picture of it never changes."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.columns import Column, Rows, Table
from vislab.engine.runs.events import Event, Figure, StepsLogged


class Row(Event, frozen=True, kw_only=True):
    """With each kind of field that events made of numbers have."""

    count: int
    figure: Figure
    judged: Figure | None
    best: bool
    energy: float | None = None


finite = st.floats(allow_nan=False, allow_infinity=False)
figures = st.one_of(finite, st.sampled_from(["nan", "inf", "-inf"]))
a_row = st.builds(
    Row,
    time=finite,
    # Of any size: events of a log that was written by hand.
    count=st.integers() | st.sampled_from([10**400, -(10**400)]),
    figure=figures,
    judged=st.none() | figures,
    best=st.booleans(),
    energy=st.none() | finite,
)


def table_of(rows: list[Row]) -> Table[Row]:
    table = Table(Row)
    for row in rows:
        table.append(row)
    return table


def numbers(values: list[object]) -> list[float]:
    found = []
    for value in values:
        try:
            found.append(math.nan if value is None else float(value))  # type: ignore[arg-type]
        except OverflowError:
            found.append(math.copysign(math.inf, 1 if value > 0 else -1))  # type: ignore[operator]
    return found


@given(st.lists(a_row, max_size=12), st.lists(a_row, max_size=3), st.data())
def test_rows_give_back_what_was_put_in(rows, behind, data):
    length = data.draw(st.integers(0, len(rows)))
    shown, expected = Rows(table_of(rows), length, behind), [*rows[:length], *behind]
    assert list(shown) == expected and len(shown) == len(expected) and bool(shown) == bool(expected)
    assert [[type(value) for value in vars_of(row)] for row in shown] == [
        [type(value) for value in vars_of(row)] for row in expected
    ]
    part = data.draw(st.slices(len(expected)))
    assert shown[part] == expected[part] and list(reversed(shown)) == expected[::-1]
    for index in range(-len(expected), len(expected)):
        assert shown[index] == expected[index]
    for index in (len(expected), -len(expected) - 1):
        with pytest.raises(IndexError):
            shown[index]
    for name in Row.__struct_fields__:
        values = [getattr(row, name) for row in expected]
        assert repr(list(shown.numbers(name))) == repr(numbers(values))
        assert list(shown.told(name)) == [value is not None for value in values]


def vars_of(row: Row) -> list[object]:
    return [getattr(row, name) for name in Row.__struct_fields__]


@given(st.lists(a_row, max_size=12), st.lists(a_row, max_size=12), st.integers(-5, 5))
def test_a_picture_stays_as_it_is_when_its_table_grows_and_is_cut_back(rows, more, last):
    table = table_of(rows)
    picture = Rows(table, len(table))
    kept = table.until("count", last)
    for row in more:
        kept.append(row)
    assert list(picture) == rows
    assert list(Rows(kept, len(kept))) == [*(row for row in rows if row.count <= last), *more]


@given(st.lists(a_row, max_size=12))
def test_the_last_row_is_known_by_its_number(rows):
    table = table_of(rows)
    assert table.last("count") == (numbers([rows[-1].count])[0] if rows else -math.inf)


@given(st.lists(a_row, max_size=12), st.lists(a_row, max_size=3), st.sets(st.sampled_from(Row.__struct_fields__)))
def test_some_fields_can_be_kept_alone(rows, behind, names):
    whole = Rows(table_of(rows), len(rows), behind)
    kept = whole.only(names)
    assert len(kept) == len(whole) and kept[-1:] == whole[-1:]
    for name in names:
        assert repr(kept.numbers(name)) == repr(whole.numbers(name)) and kept.told(name) == whole.told(name)


def test_an_event_of_which_some_fields_are_kept_cannot_be_had():
    row = Row(count=1, figure=0.5, judged=None, best=True)
    with pytest.raises(LookupError, match="of this Row only count, best are kept"):
        Rows(table_of([row, row]), 2).only({"best", "count"})[0]


def test_rows_are_equal_whatever_table_keeps_them():
    row = Row(count=1, figure="nan", judged=None, best=True)
    one, other = table_of([row, row]), table_of([row])
    assert Rows(one, 1) == Rows(other, 1) == Rows(Table(Row), 0, [row])
    assert Rows(one, 2) != Rows(other, 1) and Rows(one, 1) != [row]


def test_more_kinds_of_rows_than_a_byte_tells_apart_come_back_too():
    rows = [
        Row(
            time=number % 2 or 0.5,  # an integer, or not: as code may make them
            count=number,
            figure="nan" if number & 2 else 1.0,
            judged=(None, "inf", 1.0, 7)[number >> 2 & 3],  # type: ignore[arg-type]
            best=bool(number & 16) if number & 32 else 1 if number & 64 else 0.0,  # type: ignore[arg-type]
            energy=None if number & 128 else "-inf" if number & 256 else 3 if number & 512 else 0.0,  # type: ignore[arg-type]
        )
        for number in range(1024)
    ]
    shown = Rows(table_of(rows), len(rows))
    assert list(shown) == rows
    assert list(shown.told("judged")) == [row.judged is not None for row in rows]


def test_a_row_takes_little_more_than_its_numbers():
    row = StepsLogged(
        step=1,
        epoch=1,
        loss=1.0,
        accuracy=0.5,
        learning_rate=1e-3,
        gradient_norm="nan",
        images_per_second=1.0,
        waiting=0.0,
        elapsed=1.0,
    )
    table = Table(StepsLogged)
    for _ in range(1000):
        table.append(row)
    kept = [getattr(table, name) for name in Table.__slots__]
    size = sum(held.__sizeof__() for held in kept if isinstance(held, array | bytearray | dict | list))
    assert size < 1000 * 1.2 * (8 * len(StepsLogged.__struct_fields__) + 1)


@given(st.lists(st.integers(), max_size=12), st.integers(0, 12), st.slices(12))
def test_a_column_is_the_beginning_of_its_list(rows, length, part):
    length = min(length, len(rows))
    column, expected = Column(rows, length), rows[:length]
    assert list(column) == expected and len(column) == length and bool(column) == bool(expected)
    assert column[part] == expected[part]
    assert list(reversed(column)) == expected[::-1]
    for index in range(-length, length):
        assert column[index] == expected[index]
    for index in (length, -length - 1):
        with pytest.raises(IndexError):
            column[index]
    assert column == Column(list(expected), length)
    assert column != Column([*expected, 1], length + 1)
