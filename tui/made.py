"""Sequences whose items are made when they are asked for: of a long page only what is seen."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar, overload

T = TypeVar("T", covariant=True)


class Made(Sequence[T], Generic[T]):
    """So many items; none is kept."""

    def __init__(self, count: int, make: Callable[[int], T]) -> None:
        """A sequence.

        Args:
            make: gives the item of a position in [0, count).
        """
        self._places, self._make = range(count), make

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._make(place) for place in self._places[index]]
        return self._make(self._places[index])


def joined(parts: Sequence[Sequence[T]]) -> Made[T]:
    """One sequence after the other, their items made as theirs are."""
    ends = list(accumulate(map(len, parts)))

    def item(place: int) -> T:
        part = bisect_right(ends, place)
        return parts[part][place - ends[part]]  # counted from its end

    return Made(ends[-1] if ends else 0, item)
