"""The runs that a list knows: packed, for there are thousands of them."""

import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from vislab.engine.runs.store import RunStatus
from vislab.engine.runs.summary import LIVE
from vislab.tui.made import Made
from vislab.tui.packed import Packed
from vislab.tui.views.listed import DAMAGED, Listed

_ENDED = ("done", "stopped", "failed", "died")
_SPARE = 100
"""Rows out of date that are kept, beside as many as there are runs, before all are packed anew."""


class Outline(NamedTuple):
    """What of a row decides which columns its list has, and on which lines the others stand.

    Attributes:
        lines: 2 where a reason stands below it.
        tagged: it has tags.
        on_test: its best epoch is chosen by the test images.
        year: in which it was made; 0 where it cannot be read.
        id_length: characters of its id, if a person chose that; else 0.
    """

    lines: int
    tagged: bool
    on_test: bool
    year: int
    id_length: int

    @classmethod
    def of(cls, listed: Listed) -> "Outline":
        """The outline of a row."""
        year = time.localtime(listed.created).tm_year if listed.readable else 0
        id_length = len(listed.id) if listed.own_id else 0
        return cls(2 if listed.reason else 1, bool(listed.tags), listed.selected_on_test, year, id_length)


class _Rows(Packed[Listed]):
    """Rows with their outlines, of which there are few different ones: none of the rows is made to see them.

    Attributes:
        kinds: place in `outlines` of each row's own one.
    """

    __slots__ = ("_numbers", "kinds")

    def __init__(self, rows: Iterable[Listed] = ()) -> None:
        self.kinds = array("L")
        self._numbers = dict[Outline, int]()
        super().__init__(Listed, rows)

    @property
    def outlines(self) -> tuple[Outline, ...]:
        return tuple(self._numbers)

    def append(self, row: Listed) -> int:
        self.kinds.append(self._numbers.setdefault(Outline.of(row), len(self._numbers)))
        return super().append(row)


class Listing(Mapping[str, Listed]):
    """Runs by id. A row is made each time that it is asked for. One thread may change them while others read them.

    Attributes:
        unsettled: statuses of the runs that have not ended, or cannot be read, by id.
    """

    def __init__(self) -> None:
        """No runs."""
        self.unsettled: dict[str, RunStatus | Literal["damaged"]] = {}
        self._kept = _Rows(), dict[str, int]()  # the second: places in the first; replaced together, for threads

    def __len__(self) -> int:
        return len(self._kept[1])

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept[1])

    def __getitem__(self, identity: str) -> Listed:
        packed, places = self._kept
        return packed[places[identity]]

    def put(self, listed: Listed) -> None:
        """Add a run, or take the place of what was known of it."""
        packed, places = self._kept
        if len(packed) > 2 * len(places) + _SPARE:
            packed = _Rows(map(packed.__getitem__, places.values()))
            places = {identity: place for place, identity in enumerate(places)}
            self._kept = packed, places
        places[listed.id] = packed.append(listed)
        if listed.status in _ENDED:
            self.unsettled.pop(listed.id, None)
        else:
            self.unsettled[listed.id] = listed.status

    def drop(self, identity: str) -> None:
        """Forget a run, if it is known."""
        self._kept[1].pop(identity, None)
        self.unsettled.pop(identity, None)

    def live(self, identity: str) -> bool:
        """Whether a worker has a run, or will as soon as a device is free."""
        return self.unsettled.get(identity) in ("queued", *LIVE)

    def readable(self, identity: str) -> bool:
        """Whether a known run could be read."""
        return self.unsettled.get(identity) != DAMAGED

    def picked(self, ids: Iterable[str] = ()) -> "Picked":
        """Known runs in an order."""
        names = tuple(ids)
        packed, places = self._kept
        return Picked(packed, names, array("Q", map(places.__getitem__, names)))


class Picked(Made[Listed]):
    """Some runs as they were when they were picked: what a listing learns later does not change them.

    Attributes:
        ids: theirs, in order.
    """

    def __init__(self, packed: _Rows, ids: tuple[str, ...], places: "array[int]") -> None:
        """Runs.

        Args:
            places: of the runs in `packed`, in the order of `ids`.
        """
        super().__init__(len(ids), lambda index: packed[places[index]])
        self.ids = ids
        self._packed, self._at = packed, places

    def outlines(self) -> tuple[tuple[Outline, ...], "array[int]"]:
        """Different outlines, not all of them of these runs; and of each run the place of its own there."""
        return self._packed.outlines, array("L", map(self._packed.kinds.__getitem__, self._at))
