"""The runs that a list knows: packed, for there are thousands of them."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from vislab.engine.runs.store import RunStatus
from vislab.engine.runs.summary import LIVE
from vislab.tui.made import Made
from vislab.tui.packed import Packed
from vislab.tui.views.listed import DAMAGED, Listed

_ENDED = ("done", "stopped", "failed", "died")
_SPARE = 100
"""Rows out of date that are kept, beside as many as there are runs, before all are packed anew."""


class Listing(Mapping[str, Listed]):
    """Runs by id. A row is made each time that it is asked for. One thread may change them while others read them.

    Attributes:
        unsettled: statuses of the runs that have not ended, or cannot be read, by id.
    """

    def __init__(self) -> None:
        """No runs."""
        self.unsettled: dict[str, RunStatus | Literal["damaged"]] = {}
        self._kept = Packed(Listed), dict[str, int]()  # the second: places in the first; replaced together, for threads

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
            packed = Packed(Listed, map(packed.__getitem__, places.values()))
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

    def __init__(self, packed: Packed[Listed], ids: tuple[str, ...], places: "array[int]") -> None:
        """Runs.

        Args:
            places: of the runs in `packed`, in the order of `ids`.
        """
        super().__init__(len(ids), lambda index: packed[places[index]])
        self.ids = ids
