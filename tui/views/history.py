"""The list of runs: what a row says, in which columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from vislab.engine.runs import naming
from vislab.tui.views import text
from vislab.tui.views.listed import DAMAGED, QUANTITIES, Listed, Quantity
from vislab.tui.views.run import SIGNS
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import MISSING, plain

DAMAGED_SIGN = "!"

MARK = "▸"
"""Stands before a run that is marked."""

COMING = "…"
"""Stands where a figure is being counted."""

GAP = 2
"""Cells between two columns."""


@dataclass(frozen=True)
class Column:
    """One column of the list.

    Attributes:
        title: its head.
        width: cells; the name's column takes what is left.
        by: name of the quantity that a click on the head sorts by.
        right: set at the right end of its cells.
        cell: what stands in it; safe text.
    """

    title: str
    width: int
    by: str
    right: bool
    cell: Callable[[Listed, float], str]


def _figure_cell(name: str, written: Callable[[float | None], str]) -> Callable[[Listed, float], str]:
    return lambda listed, now: written(QUANTITIES[name].value(listed))


def _judged_cell(name: str, written: Callable[[float | None], str]) -> Callable[[Listed, float], str]:
    """A figure of held-out images, marked where they are the test images and chose the best epoch."""
    value = QUANTITIES[name].value
    return lambda listed, now: text.judged(written(value(listed)), on_test=listed.selected_on_test)


def _text_cell(name: str) -> Callable[[Listed, float], str]:
    return lambda listed, now: plain(QUANTITIES[name].value(listed) or MISSING, 80)


def _epochs_cell(listed: Listed, now: float) -> str:
    return f"{listed.epochs_done}/{listed.epochs_planned}" if listed.readable else MISSING


def _started_cell(listed: Listed, now: float) -> str:
    return text.when(listed.created, now) if listed.readable else MISSING


def _name_cell(listed: Listed, now: float) -> str:
    return plain(listed.name or listed.id, 80)


def _duration(seconds: float | None) -> str:
    return MISSING if seconds is None else text.duration(seconds)


def _size(size: float | None) -> str:
    return COMING if size is None else text.size(size)


_ID_CELLS = 4
_WIDEST_ID = 12
_STARTED = Column("started", len("2024-11-19"), "started", False, _started_cell)
_NAME = Column("name", 16, "name", False, _name_cell)
_COLUMNS = (
    Column("id", _ID_CELLS, "id", False, lambda listed, now: short_id(listed.id)),
    _STARTED,
    _NAME,
    Column("status", 9, "status", False, lambda listed, now: listed.status),
    Column("epochs", 7, "epochs", True, _epochs_cell),
    Column("val acc", 7, "val", True, _judged_cell("val", text.accuracy)),
    Column("val loss", 8, "loss", True, _figure_cell("loss", text.loss)),
    Column("macro F1", 8, "f1", True, _judged_cell("f1", text.accuracy)),
    Column("test acc", 8, "test", True, _judged_cell("test", text.accuracy)),
    Column("time", 6, "time", True, _figure_cell("time", _duration)),
    Column("data", 14, "data", False, _text_cell("data")),
    Column("architecture", 16, "arch", False, _text_cell("arch")),
    Column("strategy", 10, "strategy", False, _text_cell("strategy")),
    Column("batch", 6, "batch", True, lambda listed, now: _number(QUANTITIES["batch"].value(listed))),
    Column("seed", 5, "seed", True, lambda listed, now: _number(QUANTITIES["seed"].value(listed))),
    Column("lr", 7, "lr", True, lambda listed, now: _rate(QUANTITIES["lr"].value(listed))),
    Column("size", 7, "size", True, _figure_cell("size", _size)),
    Column("tags", 14, "tag", False, _text_cell("tag")),
)
_FIRST_TO_COME = ("name", "id", "val acc", "epochs", "status", "time", "started")
"""Titles of the columns that a list of growing width takes up, first to last: those for which a name is cut."""
_THEN_TO_COME = (
    *("architecture", "data", "strategy", "size", "test acc", "val loss", "tags", "lr", "seed", "batch", "macro F1"),
)
"""Those that come when most names stand whole."""

_MARKED = ("val", "f1", "test", "top5")
"""Quantities with a mark where they are of test images that chose the best epoch."""
_OF_BOTH = {"val acc": "acc", "val loss": "loss"}
"""What columns are called in a list where the figures of some runs are of their test images."""
_LEAST_ID = 9
"""Cells that are left to an id below the list: its beginning, an ellipsis and its end."""
_WIDE = 120
"""Cells of a list that has room for the epochs of long runs."""
_SIGN_CELLS = 4
"""The mark, the sign of the status, and the space behind them."""
_WHOLE_NAME, _WIDEST_NAME = 21, 36


def columns(
    width: int,
    by: Quantity | None = None,
    *,
    tagged: bool = True,
    dated: bool = True,
    on_test: bool = False,
    longest_id: int = _ID_CELLS,
) -> tuple[Column, ...]:
    """The columns that a list of `width` cells can show.

    Args:
        by: what the list is sorted by; it gets a column if it has none.
        tagged: whether a run has tags: where none has, other columns get the room of theirs.
        dated: whether a run is of another year, so that its date takes a cell more than `yesterday`.
        on_test: whether the best epoch of a run is chosen by the test images.
        longest_id: characters of the longest id that a person chose; it gets what room there is, before the names.
    """
    extra = []
    if by is not None and all(column.by != by.name for column in _COLUMNS):
        title = by.name.rpartition(".")[2][:18]
        extra = [Column(title, max(7, len(title) + 1), by.name, True, lambda listed, now: _any(by, listed))]
    room = width - _SIGN_CELLS - _NAME.width - sum(column.width + GAP for column in extra)
    wanted = {_NAME.title}
    urgent = "" if by is None or by.name == "started" else by.name  # the order by time is plain without its column
    by_title = {column.title: column for column in _COLUMNS}
    if not dated:
        by_title[_STARTED.title] = replace(_STARTED, width=len("yesterday"))
    if width >= _WIDE:
        by_title["epochs"] = replace(by_title["epochs"], width=len("3000/3000"))
    for title in sorted((*_FIRST_TO_COME, *_THEN_TO_COME), key=lambda title: by_title[title].by != urgent):
        column = by_title[title]
        if title in wanted or (column.by == "tag" != urgent and not tagged):
            continue
        kept = _WHOLE_NAME - _NAME.width if title in _THEN_TO_COME and column.by != urgent else 0
        if column.width + GAP + kept > room:
            break
        wanted.add(title)
        room -= column.width + GAP
    chosen = [by_title[column.title] for column in _COLUMNS if column.title in wanted]
    place = next((i + 1 for i, column in enumerate(chosen) if column.title == "val acc"), len(chosen))
    chosen[place:place] = extra
    room = max(0, room)
    more = min(room, max(0, min(longest_id, _WIDEST_ID) - _ID_CELLS)) if "id" in wanted else 0
    name = min(_WIDEST_NAME, _NAME.width + room - more)
    if more:
        more += min(room - more - (name - _NAME.width), max(0, longest_id - _WIDEST_ID))  # what no name needs
    widths = {"id": _ID_CELLS + more, _NAME.title: name}
    if on_test:
        chosen = [_of_both(column) for column in chosen]
    return tuple(
        column if column in extra else replace(column, width=widths.get(column.title, column.width))
        for column in chosen
    )


def _of_both(column: Column) -> Column:
    """The column of a list in which some figures are marked: the others keep that cell free, their digits in line."""

    def cell(listed: Listed, now: float) -> str:
        return column.cell(listed, now) + " " * (not listed.selected_on_test)

    title = _OF_BOTH.get(column.title, column.title)
    return replace(column, title=title, cell=cell if column.by in _MARKED else column.cell)


def header(columns: Sequence[Column], by: Quantity, *, descending: bool) -> str:
    """The line of titles; an arrow beside the one that the list is sorted by."""
    arrow = "▼" if descending else "▲"
    cells = [
        text.fit(_with_arrow(column, arrow) if column.by == by.name else column.title, column.width, right=column.right)
        for column in columns
    ]
    return " " * _SIGN_CELLS + (" " * GAP).join(cells)


def line(columns: Sequence[Column], listed: Listed, now: float, *, marked: bool = False) -> str:
    """One run below `header`.

    Args:
        now: seconds since 1970, for `yesterday`.
    """
    cells = [text.fit(_cut(column, column.cell(listed, now)), column.width, right=column.right) for column in columns]
    return f"{MARK if marked else ' '} {sign(listed)} " + (" " * GAP).join(cells)


def _cut(column: Column, words: str) -> str:
    """What has room in a cell: the end of an id tells runs of one recipe apart, and epochs done are never cut."""
    if column.by == "epochs" and len(words) > column.width:
        done, _, planned = words.partition("/")
        whole = f"{planned[:-3]}k" if planned.endswith("000") else planned
        ways = (
            f"{whole}/{whole}" if done == planned else "",
            f"{done}/{whole}",
            f"{done}/{text.ELLIPSIS}",
            done,
            f"{done[:-3]}k",
        )
        return next((way for way in ways if 0 < len(way) <= column.width), MISSING)
    return text.shortened(words, column.width) if column.by == "id" and column.width >= _LEAST_ID else words


def table(
    rows: Iterable[Listed], by: Quantity, now: float, *, on_test: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Every column, for other programs: titles, and a row a run. Sizes that are not counted are left empty, or out.

    Args:
        by, on_test: as for `columns`.
        now: seconds since 1970, for `yesterday`.
    """
    every = columns(10_000, by, on_test=on_test)
    cells = [[column.cell(listed, now).rstrip() for column in every] for listed in rows]
    if all(row[place] == COMING for place, column in enumerate(every) if column.by == "size" for row in cells):
        cells = [[cell for column, cell in zip(every, row, strict=True) if column.by != "size"] for row in cells]
        every = tuple(column for column in every if column.by != "size")
    return [column.title for column in every], [["" if cell == COMING else cell for cell in row] for row in cells]


def column_at(columns: Sequence[Column], x: int) -> Column | None:
    """The column that a cell of a line belongs to."""
    start = _SIGN_CELLS
    for column in columns:
        if start <= x < start + column.width + GAP:
            return column
        start += column.width + GAP
    return None


def sign(listed: Listed) -> str:
    """One character for the status; the word stands in the list or in the details."""
    return DAMAGED_SIGN if listed.status == DAMAGED else SIGNS[listed.status]


def short_id(identity: str) -> str:
    """`naming.short` as safe text."""
    return plain(naming.short(identity))


def by_id(rows: Sequence[Listed], most: int = 5) -> list[str]:
    """Runs by their ids, a line each, with the name that a person gave; `most`, then how many more there are."""
    lines = []
    for listed in rows[:most]:
        name, known = listed.name, plain(listed.id, 60)
        lines.append(f"  {known}" if not name or plain(name, 60) in known else f"  {known}  “{plain(name, 40)}”")
    return lines + [f"  and {text.count(len(rows) - most)} more"] * (len(rows) > most)


def details(listed: Listed, columns: Sequence[Column], width: int) -> tuple[str, str]:
    """What the row of a run has no room for, as safe text.

    Args:
        columns: what the row shows.
        width: cells.

    Returns:
        One line of at most `width` cells: what it trains on what and its size, where no column says so, and its id,
        cut in the middle where all of it has no room; and words of any length: tags and note, or the fault of a run
        that cannot be read.
    """
    if not listed.readable:
        return text.shortened(plain(listed.id), width), text.message(listed.reason, 400)
    shown = {column.by for column in columns}
    what = [
        words
        for by, words in (("data", listed.dataset), ("arch", listed.architecture), ("strategy", listed.strategy))
        if words and by not in shown
    ]
    size = text.size(listed.size) if listed.size is not None and "size" not in shown else ""
    before = "   ".join(filter(None, (plain(" · ".join(what), 120), size)))
    identity = text.shortened(plain(listed.id), max(_LEAST_ID, width - text.cells(before) - 3))
    labels = ["tags: " + plain(", ".join(listed.tags), 1000)] * bool(listed.tags)
    labels += ["note: " + plain(listed.note, 1000)] * bool(listed.note)
    return text.fit("   ".join(filter(None, (before, identity))), width).rstrip(), "   ".join(labels)


def _with_arrow(column: Column, arrow: str) -> str:
    title = column.title if len(column.title) < column.width else column.by  # a whole word, where two have no room
    return f"{arrow}{title}" if column.right else f"{title}{arrow}"


def _number(value: int | None) -> str:
    return MISSING if value is None else str(value)


def _rate(value: float | None) -> str:
    return MISSING if value is None else text.scientific(value)


def _any(by: Quantity, listed: Listed) -> str:
    value = by.value(listed)
    if value is None:
        return MISSING
    return plain(f"{value:.4g}" if isinstance(value, float) else value_text(value) or MISSING, 40)


def why_not_deleted(live: Sequence[Listed]) -> str:
    """Why these runs, which train or wait in the queue, cannot be deleted, and what to do first."""
    names = ", ".join(short_id(listed.id) for listed in live[:3]) + ", …" * (len(live) > 3)
    are = "is" if len(live) == 1 else "are"
    ways = ["x takes a queued run out"] * any(listed.status == "queued" for listed in live)
    ways += ["a live one is stopped in its own view (↵, then s)"] * any(one.status != "queued" for one in live)
    return f"{names} {are} not done, and cannot be deleted: {'; '.join(ways)}"
