"""Histories that only grow: pictures of a run share them, and a picture is a length over them.

A `Column` looks at a list of events. `Rows` look at a `Table`, which keeps events that a run may say thousands of times
as bare numbers, for a process that shows several long runs at once.
"""

import math
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar, overload

import msgspec

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


class Column(Sequence[T], Generic[T]):
    """The first `length` entries of an append-only list."""

    __slots__ = ("_length", "_rows")

    def __init__(self, rows: list[T], length: int) -> None:
        self._rows = rows
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return islice(self._rows, self._length)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._rows[i] for i in range(*index.indices(self._length))]
        return self._rows[_place(index, self._length)]

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if isinstance(other, Column) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Column({list(self)!r})"


class Rows(Sequence[S], Generic[S]):
    """The first `length` events of a `Table`, and those that came behind them.

    An event is made anew each time that it is asked for, equal to the one that was put in. `numbers` and `told` are for
    those who look at all of them.
    """

    __slots__ = ("_behind", "_length", "_table")

    def __init__(self, table: "Table[S]", length: int, behind: Sequence[S] = ()) -> None:
        self._table = table
        self._length = length
        self._behind = tuple(behind)

    def __len__(self) -> int:
        return self._length + len(self._behind)

    @overload
    def __getitem__(self, index: int) -> S: ...

    @overload
    def __getitem__(self, index: slice) -> list[S]: ...

    def __getitem__(self, index: int | slice) -> S | list[S]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = _place(index, len(self))
        return self._table.row(place) if place < self._length else self._behind[place - self._length]

    def numbers(self, name: str) -> "array[float]":
        """A field of all events as numbers: NaN where it is None."""
        found = self._table.numbers(name, self._length)
        found.extend(_number(getattr(row, name)) for row in self._behind)
        return found

    def told(self, name: str) -> bytes:
        """A byte an event: 0 where a field of it is None, else 1."""
        return self._table.told(name, self._length) + bytes(getattr(row, name) is not None for row in self._behind)

    def only(self, names: Collection[str]) -> "Rows[S]":
        """The same events, of which these fields alone are kept, but the last one whole: no other event can be had."""
        if self._behind or not self._length:
            return Rows(self._table.only(names, self._length), self._length, self._behind)
        return Rows(self._table.only(names, self._length - 1), self._length - 1, self[-1:])

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if isinstance(other, Rows) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Rows({list(self)!r})"


class _Shape(NamedTuple):
    """What the fields of an event are that cannot be told from their numbers."""

    types: tuple[type, ...]
    ints: tuple[int, ...]
    """Places of fields that are integers, among all of them."""
    words: tuple[int, ...]
    """Places of fields that are None, or words for a figure that is not finite."""
    restored: tuple[tuple[int, Callable[[float], Any]], ...]
    """Places of fields that are not floats, and what makes them again of their numbers."""


_RESTORE: dict[type, Callable[[float], Any]] = {int: int, bool: bool, str: str, type(None): lambda _: None}
_WORDS: dict[str | None, float] = {None: math.nan, "nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_EXACT = 2**53
"""Integers up to this are the same as floats."""
_ODD = 255
"""Stands in the place of a shape for an event that is kept as it is."""


class Table(Generic[S]):
    """Events of one kind, made of numbers, figures and None: a few bytes more than 8 a field, not 50.

    It is only added to, so that `Rows` of it stay as they are.
    """

    __slots__ = ("_cells", "_codes", "_fields", "_kind", "_odd", "_shapes", "_shapes_of_rows")

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind
        self._fields = kind.__struct_fields__
        self._cells: array[float] = array("d")  # row by row
        self._shapes_of_rows = bytearray()  # places in `_shapes`, or `_ODD`
        self._shapes: list[_Shape] = []
        self._codes: dict[tuple[type, ...], int] = {}
        self._odd: dict[int, S] = {}  # events that numbers would not hold exactly, by their place

    def __len__(self) -> int:
        return len(self._shapes_of_rows)

    def append(self, row: S) -> None:
        """Add an event."""
        values = list(msgspec.structs.astuple(row))
        code = self._codes.get(types := tuple(map(type, values)), -1)
        if code < 0:
            code = self._learn(types)
        if code == _ODD or not _made_numbers(values, self._shapes[code]):
            code = _ODD
            values = [*map(_number, values)]
            self._odd[len(self)] = row
        self._cells.fromlist(values)
        self._shapes_of_rows.append(code)

    def row(self, place: int) -> S:
        """The event at a place, counted from 0.

        Raises:
            LookupError: not all of its fields are kept.
        """
        code, width = self._shapes_of_rows[place], len(self._fields)
        if code == _ODD:
            return self._odd[place]
        if self._fields != self._kind.__struct_fields__:
            raise LookupError(f"of this {self._kind.__name__} only {', '.join(self._fields)} are kept")
        values: list[Any] = self._cells[place * width : (place + 1) * width].tolist()
        for at, restore in self._shapes[code].restored:
            values[at] = restore(values[at])
        return self._kind(**dict(zip(self._fields, values, strict=True)))

    def last(self, name: str) -> float:
        """A field of the last event as a number; below all others where there is no event."""
        return self._cells[self._fields.index(name) - len(self._fields)] if len(self) else -math.inf

    def numbers(self, name: str, length: int) -> "array[float]":
        """See `Rows`; of the first `length` events."""
        width = len(self._fields)
        return self._cells[self._fields.index(name) : length * width : width]

    def told(self, name: str, length: int) -> bytes:
        """See `Rows`; of the first `length` events."""
        place = self._fields.index(name)
        there = bytes(shape.types[place] is not type(None) for shape in self._shapes)
        codes = bytes(self._shapes_of_rows[:length])
        if _ODD not in codes:
            return codes.translate(there.ljust(256))
        return bytes(
            getattr(self._odd[row], name) is not None if code == _ODD else there[code] for row, code in enumerate(codes)
        )

    def until(self, name: str, last: int) -> "Table[S]":
        """The events whose field is not above `last`: this table where that is all of them, else another."""
        counts, width = self.numbers(name, len(self)), len(self._fields)
        kept = [place for place, count in enumerate(counts) if count <= last]
        if len(kept) == len(self):
            return self
        other = Table(self._kind)
        other._shapes, other._codes = self._shapes, self._codes
        if not kept or kept[-1] == len(kept) - 1:  # as always, but in logs that jump to and fro
            other._cells = self._cells[: len(kept) * width]
            other._shapes_of_rows = self._shapes_of_rows[: len(kept)]
            other._odd = {place: row for place, row in self._odd.items() if place < len(kept)}
        else:
            for place in kept:
                other.append(self.row(place))
        return other

    def only(self, names: Collection[str], length: int) -> "Table[S]":
        """The first `length` events, of which these fields alone are kept; nothing can be added to it."""
        places = [place for place, name in enumerate(self._fields) if name in names]
        other = Table(self._kind)
        other._fields = tuple(self._fields[place] for place in places)
        other._cells = array("d", bytes(8 * length * len(places)))
        for at, name in enumerate(other._fields):
            other._cells[at :: len(places)] = self.numbers(name, length)
        other._shapes_of_rows = self._shapes_of_rows[:length]
        other._shapes = [_Shape(tuple(shape.types[place] for place in places), (), (), ()) for shape in self._shapes]
        other._odd = {place: row for place, row in self._odd.items() if place < length}
        return other

    def _learn(self, types: tuple[type, ...]) -> int:
        """The code of a shape that was not seen before."""
        if len(self._shapes) == _ODD or not all(each is float or each in _RESTORE for each in types):
            return _ODD
        ints = tuple(place for place, each in enumerate(types) if each is int)
        words = tuple(place for place, each in enumerate(types) if each in (str, type(None)))
        restored = tuple((place, _RESTORE[each]) for place, each in enumerate(types) if each in _RESTORE)
        self._shapes.append(_Shape(types, ints, words, restored))
        self._codes[types] = len(self._shapes) - 1
        return self._codes[types]


def _made_numbers(values: list[Any], shape: _Shape) -> bool:
    """Put numbers in the place of words; False where a value would not come back from its number."""
    for place in shape.ints:
        if not -_EXACT <= values[place] <= _EXACT:
            return False
    for place in shape.words:
        word = values[place]
        if word not in _WORDS:
            return False
        values[place] = _WORDS[word]
    return True


def _number(value: Any) -> float:
    """The number that is nearest to what a field holds; NaN where there is none."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return math.nan


def _place(index: int, length: int) -> int:
    """An index counted from the beginning.

    Raises:
        IndexError: there is nothing.
    """
    if not -length <= index < length:
        raise IndexError(index)
    return index if index >= 0 else length + index


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))
