"""How large the runs of a list are: counted in threads, as far as it is wanted, and again when a run has grown."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from textual import on
from textual.message import Message

from vislab.engine.runs.store import Run
from vislab.tui.screens.ordered_runs import OrderedRuns
from vislab.tui.views.listed import Listed

CHUNK = 250
"""Runs whose sizes are counted before the list shows them."""


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
        self._grown: set[str] = set()
        """Ids of runs that may be larger than when they were counted."""

    def show_heading(self) -> None:
        """Show that sizes are counted, or are."""
        raise NotImplementedError

    def show_details(self) -> None:
        """Show the size of the run under the cursor."""
        raise NotImplementedError

    def has_changed(self, identity: str) -> None:
        """A run may have grown: count it again when its size is wanted."""
        self._grown.add(identity)

    def count_sizes(self) -> None:
        """Count what the list needs: all sizes to filter by, those listed to sort by or to show, or one for details."""
        if self.counting or not self.complete:
            return
        rows: Iterable[Listed] = self.run_list.rows
        if "size" in self.wanted.fields:
            rows = self.known.values()
        elif not self._shows_sizes():
            rows = [self.current] if self.current is not None else []
        wanted = [listed.id for listed in rows if listed.size is None or listed.id in self._grown]
        if wanted:
            self._grown.difference_update(wanted)
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
        if self._shows_sizes() and (news or message.last):
            self.show()
        elif message.last:
            self.show_heading()
            self.show_details()
            self.count_sizes()

    def _shows_sizes(self) -> bool:
        wanted = {self.by.name, *self.wanted.fields, *(column.by for column in self.run_list.columns)}
        return "size" in wanted
