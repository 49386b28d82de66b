"""Which runs a list shows, in which order: kept, so that a run that changes costs no look at the others."""

from collections.abc import Callable, Collection, Iterable, Sequence

from vislab.tui.views.listed import QUANTITIES, Listed, Quantity, ordered, rank
from vislab.tui.views.listing import Listing

_SEARCHES = 20
"""Rows that are sorted in the time in which the place of one is searched."""


class Order:
    """The runs of a listing that are wanted, sorted; equal ones the newest first.

    Attributes:
        ids: theirs, in order. A change makes another list: who has this one keeps it as it is.
        by: what they are sorted by.
        descending: the largest first.
    """

    def __init__(self, known: Listing) -> None:
        """All runs, the newest first.

        Args:
            known: whoever changes it tells `change`.
        """
        self._known = known
        self._wanted: Callable[[Listed], bool] = lambda listed: True
        self.by: Quantity = QUANTITIES["started"]
        self.descending = True
        self._all = self.sorted(known)  # choosing among them sorts nothing
        self.ids = self._all

    def sort(self, by: Quantity, *, descending: bool) -> None:
        """Sort all anew."""
        self.by, self.descending = by, descending
        shown = frozenset(self.ids)
        self._all = self.sorted(self._known)
        self.ids = [name for name in self._all if name in shown]

    def want(self, wanted: Callable[[Listed], bool]) -> None:
        """Choose anew among all."""
        self._wanted = wanted
        self.ids = [name for name in self._all if wanted(self._known[name])]

    def sorted(self, ids: Iterable[str]) -> list[str]:
        """Known runs as they are sorted here, also those that are not wanted."""
        newest_first = sorted(ids, reverse=True)  # which equal ones stay
        order = ordered(map(self._known.__getitem__, newest_first), self.by, descending=self.descending)
        return [newest_first[place] for place in order]

    def change(self, ids: Collection[str]) -> None:
        """Some runs are new, have changed or are gone: give them their places; the others keep theirs."""
        if len(ids) * _SEARCHES > len(self._known):
            self._all = self.sorted(self._known)
            self.want(self._wanted)
            return
        changed = frozenset(ids)
        self._all = [name for name in self._all if name not in changed]
        self.ids = [name for name in self.ids if name not in changed]
        for name in changed:
            listed = self._known.get(name)
            if listed is not None:
                self._all.insert(self._place(listed, self._all), name)
                if self._wanted(listed):
                    self.ids.insert(self._place(listed, self.ids), name)

    def _place(self, listed: Listed, ids: Sequence[str]) -> int:
        """Where a run belongs that is not among those that are sorted."""
        own = rank(listed, self.by, descending=self.descending)
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) // 2
            other = rank(self._known[ids[middle]], self.by, descending=self.descending)
            before = (own > other if self.descending else own < other) if own != other else listed.id > ids[middle]
            low, high = (low, middle) if before else (middle + 1, high)
        return low
