"""How large the runs of a list are: counted in threads, as far as it is wanted, and again when a run has grown."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from time import monotonic

from textual import on
from textual.message import Message

from vislab.engine.runs.store import Run
from vislab.tui.screens.ordered_runs import OrderedRuns
from vislab.tui.views.listed import Listed

CHUNK = 250
"""Runs whose sizes are counted before the list shows them."""
AGAIN = 10.0
"""Seconds after which one that has grown is counted again."""


class SizedRuns(OrderedRuns):
    """A list of runs that knows their sizes.

    Attributes:
        complete: all runs were read.
        counting: threads that count sizes.
    """

    class Counted(Message):
        """Sizes of runs were counted, in a thread.

        Attributes:
            sizes: bytes by id.
            last: no more of them come.
        """

        def __init__(self, sizes: dict[str, int], *, last: bool) -> None:
            super().__init__()
            self.sizes, self.last = sizes, last

    def __init__(self) -> None:
        super().__init__()
        self.complete = False
        self.counting = 0
        self._uncounted: set[str] = set()
        """Ids of runs whose sizes are not known."""
        self._grown: dict[str, float] = {}
        """Of runs that may be larger than when they were counted, from when on they are counted again."""
        self._counted: dict[str, float] = {}
        """When runs that had grown were counted again. By the clock `time.monotonic`, both."""

    def show_heading(self) -> None:
        """Show that sizes are counted, or are."""
        raise NotImplementedError

    def show_details(self) -> None:
        """Show the size of the run under the cursor."""
        raise NotImplementedError

    def put(self, listed: Listed) -> None:
        """Take up what was read of a run. Its size, if it was known, stands until it is counted again."""
        if listed.size is None and (before := self.known.get(listed.id)) is not None:
            listed = listed.sized(before.size)
        if listed.size is None:
            self._uncounted.add(listed.id)
        else:
            self._grown[listed.id] = self._counted.get(listed.id, -AGAIN) + AGAIN
        self.known.put(listed)

    def count_sizes(self) -> None:
        """Count what the list needs: all sizes to filter by, those listed to sort by or to show, or one for details."""
        if self.counting or not self.complete:
            return
        now = monotonic()
        among = self._sizes_wanted()
        due = {name for name, moment in self._grown.items() if moment <= now and name in among}
        wanted = sorted(due | (self._uncounted & among), reverse=True)
        if wanted:
            self._uncounted.difference_update(wanted)
            self._counted |= {name: now for name in wanted if self._grown.pop(name, None) is not None}
            self.counting += 1
            folder = self.console.settings.runs_dir
            self.run_worker(lambda: self._count(folder, wanted), thread=True, exit_on_error=False, group="sizes")
            if len(wanted) > 1:
                self.show_heading()
                self.show_details()

    def _count(self, folder: Path, ids: Sequence[str]) -> None:
        for begin in range(0, len(ids), CHUNK):
            sizes = {name: Run(folder / name).size() for name in ids[begin : begin + CHUNK]}
            self.post_message(self.Counted(sizes, last=begin + CHUNK >= len(ids)))

    @on(Counted)
    def _take_sizes(self, message: Counted) -> None:
        self.counting -= message.last
        news = {name: size for name, size in message.sizes.items() if name in self.known}
        news = {name: size for name, size in news.items() if self.known[name].size != size}
        for name, size in news.items():
            self.known.put(self.known[name].sized(size))
        self.order.change(news)
        if self._shows_sizes() and (news or message.last):
            self.show()
        elif message.last:
            self.show_heading()
            self.show_details()
            self.count_sizes()

    def _sizes_wanted(self) -> AbstractSet[str]:
        if "size" in self.wanted.fields:
            return self.known.keys()
        if self._shows_sizes():
            return self.run_list.places.keys()
        current = self.run_list.current
        return {current.id} if current is not None else set()

    def _shows_sizes(self) -> bool:
        wanted = {self.by.name, *self.wanted.fields, *(column.by for column in self.run_list.columns)}
        return "size" in wanted
