"""What the list of runs shows, and in which order: its filter, and what it is sorted by."""

from collections.abc import Iterable

from textual import on
from textual.widgets import Input

from vislab.presets.errors import InputError
from vislab.tui.screens.dialog import Prompt
from vislab.tui.screens.run_tasks import RunTasks
from vislab.tui.views import run_filter
from vislab.tui.views.listed import QUANTITIES, Quantity, quantity
from vislab.tui.views.listing import Listing, Picked
from vislab.tui.views.order import Order
from vislab.tui.widgets.run_list import ListHead, RunList


class FilterLine(Input):
    """The field that filters."""

    DEFAULT_CSS = """
    FilterLine { height: 1; border: none; padding: 0 1; background: $surface; }
    FilterLine:focus { border: none; background: $panel; }
    """

    def __init__(self) -> None:
        words = "/ filter: words, status:done arch:deit data:digits tag:x val>0.9 age<7d"
        super().__init__(placeholder=words, select_on_focus=False)
        self.cursor_blink = False


class OrderedRuns(RunTasks):
    """A list of runs that is filtered and sorted.

    Attributes:
        known: all runs, by id.
        order: which of them are shown, and how they are sorted.
        fault: what is wrong with the filter; empty where nothing is.
        said: told below the list, until something else is done, or for a while.
    """

    def __init__(self) -> None:
        """No runs yet, the newest first."""
        super().__init__()
        self.known = Listing()
        self.order = Order(self.known)
        self.fault = ""
        self.said = ""
        self.wanted = run_filter.Filter()
        self._filtered = True

    @property
    def run_list(self) -> RunList:
        """The list."""
        return self.query_one(RunList)

    def show(self) -> None:
        """Show the runs that are wanted."""
        raise NotImplementedError

    @property
    def by(self) -> Quantity:
        """What the runs are sorted by."""
        return self.order.by

    @property
    def descending(self) -> bool:
        """Whether the largest come first."""
        return self.order.descending

    def ordered(self) -> Picked:
        """The runs that are wanted, in their order."""
        return self.known.picked(self.order.ids)

    def in_order(self, ids: Iterable[str]) -> Picked:
        """Runs as the list orders them, also those that it does not show."""
        return self.known.picked(self.order.sorted(ids))

    def action_filter(self) -> None:
        """Enter the filter."""
        self.set_focus(self.query_one(FilterLine))

    def action_leave_field(self) -> None:
        """Back to the list."""
        self._filter()  # the next key means what it shows
        self.set_focus(self.run_list)

    @on(Input.Submitted)
    def _filter_done(self) -> None:
        self.action_leave_field()

    def on_descendant_blur(self) -> None:
        """Back to the list by the mouse or Tab."""
        self._filter()

    @on(Input.Changed)
    def _filter_soon(self) -> None:
        self._filtered = False
        self.call_after_refresh(self._filter)  # thousands of runs take longer than the letter, which is seen before

    def _filter(self) -> None:
        if not self._filtered:
            self._filtered = True
            self.said = ""
            self.understand_filter()
            self.show()
            self.run_list.show_cursor()

    def understand_filter(self) -> None:
        """Take what is written in the filter, but for what is wrong with it, which is said."""
        words = self.query_one(FilterLine).value
        self.console.kept["history"] = (words, self.by, self.descending)
        self.wanted, self.fault = run_filter.understood(words, self.known.values())
        self.order.want(self.wanted)

    def take_up(self) -> None:
        """Begin with the filter and the order of the last time."""
        words, by, descending = self.console.kept.get("history", ("", self.by, self.descending))
        self.order.sort(by, descending=descending)
        with self.prevent(Input.Changed):
            self.query_one(FilterLine).value = words
        self.understand_filter()

    def action_sort(self) -> None:
        """Ask what to sort by."""
        names = ", ".join(QUANTITIES)
        question = f"Sort by {names}, or any setting such as strategy.epochs. A - before it: the smallest first."
        self.app.push_screen(Prompt(question, do=self._sort_by))

    def _sort_by(self, words: str) -> str:
        """Sort; returns why not, empty where it is done."""
        name = words.strip()
        if not name:
            return ""
        try:
            by = quantity(run_filter.ALIASES.get(name.lstrip("-"), name.lstrip("-")), self.known.values())
        except InputError as error:
            return str(error)
        self._order(by, descending=not name.startswith("-"))
        return ""

    def _order(self, by: Quantity, *, descending: bool) -> None:
        self.said = ""
        self.order.sort(by, descending=descending)
        self.console.kept["history"] = (self.query_one(FilterLine).value, by, descending)
        self.show()
        self.run_list.show_cursor()

    def _sort_beside(self, step: int) -> None:
        names = [column.by for column in self.run_list.columns]
        place = names.index(self.by.name) if self.by.name in names else -step if step > 0 else 0
        self._click(names[(place + step) % len(names)])

    def action_sort_next(self) -> None:
        """The column to the right."""
        self._sort_beside(1)

    def action_sort_previous(self) -> None:
        """The column to the left."""
        self._sort_beside(-1)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._order(self.by, descending=not self.descending)

    @on(ListHead.Clicked)
    def _head_clicked(self, event: ListHead.Clicked) -> None:
        self._click(event.by)

    def _click(self, name: str) -> None:
        """Sort by a column: words from A on, figures from the largest on; the same column again the other way."""
        if name == self.by.name:
            self.action_reverse()
        elif name in ("name", "id", "status", "data", "arch", "strategy", "tag", "loss"):
            self._order(QUANTITIES[name], descending=False)
        else:
            self._order(quantity(name, self.known.values()), descending=True)
