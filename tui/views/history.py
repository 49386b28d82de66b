"""The list of runs: what a row says, in which columns, in which order."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vislab.engine.runs.events import EpochEnded, Figure, number
from vislab.engine.runs.naming import stamp_of
from vislab.engine.runs.store import Run, RunStatus, Summary
from vislab.engine.runs.summary import DEFAULTS, LIVE
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.run import SIGNS
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import MISSING, plain

DAMAGED = "damaged"
DAMAGED_SIGN = "!"

MARK = "▸"
"""Stands before a run that is marked."""

GAP = 2
"""Cells between two columns."""


class Listed(NamedTuple):
    """A run in the list."""

    run: Run
    summary: Summary | None
    """None: the run cannot be read."""
    fault: str = ""
    """Why it cannot be read."""
    size: int | None = None
    """Bytes of its directory; None while nobody has counted them."""

    @property
    def status(self) -> RunStatus | str:
        """Its status, or `damaged`."""
        return self.summary.status if self.summary is not None else DAMAGED

    @property
    def live(self) -> bool:
        """Whether a worker has it, or will as soon as a device is free."""
        return self.status in ("queued", *LIVE)


def look(run: Run) -> Listed:
    """Read what the list says of a run."""
    try:
        return Listed(run, run.summary())
    except InputError as error:
        return Listed(run, None, str(error))


@dataclass(frozen=True)
class Quantity:
    """Something that runs are sorted and filtered by.

    Attributes:
        name: as in a filter.
        help: what it is.
        value: of one run; None where it has none.
        written: how the list shows a figure, where it rounds it.
    """

    name: str
    help: str
    value: Callable[[Listed], Any]
    written: Callable[[float], str] | None = None

    def shown(self, listed: Listed) -> Any:
        """The value as precisely as the list shows it: what a person can compare it with."""
        value = self.value(listed)
        return value if value is None or self.written is None else float(self.written(value))


def _of_summary(read: Callable[[Summary], Any]) -> Callable[[Listed], Any]:
    return lambda listed: None if listed.summary is None else read(listed.summary)


def _of_epoch(read: Callable[[EpochEnded], Figure | None]) -> Callable[[Listed], float | None]:
    """A figure of the best epoch, or of the last one where there is no best."""

    def value(listed: Listed) -> float | None:
        row = listed.summary and (listed.summary.best or listed.summary.last)
        figure = read(row) if row else None
        return None if figure is None else number(figure)

    return value


_QUANTITIES = (
    Quantity("started", "when it was made", _of_summary(lambda row: row.created)),
    Quantity("name", "what it is called", _of_summary(lambda row: row.name)),
    Quantity("id", "its id", lambda listed: listed.run.id),
    Quantity(
        "status",
        "new, queued, starting, training, paused, full disk, done, stopped, failed, died",
        lambda listed: listed.status,
    ),
    Quantity("epochs", "epochs done", _of_summary(lambda row: row.epochs_done)),
    Quantity("val", "validation accuracy of the best epoch", _of_epoch(lambda row: row.val_accuracy), text.accuracy),
    Quantity("loss", "validation loss of the best epoch", _of_epoch(lambda row: row.val_loss), text.loss),
    Quantity("f1", "validation macro F1 of the best epoch", _of_epoch(lambda row: row.val_macro_f1), text.accuracy),
    Quantity("top5", "validation top-5 of the best epoch", _of_epoch(lambda row: row.val_top5), text.accuracy),
    Quantity("train", "training accuracy of the best epoch", _of_epoch(lambda row: row.train_accuracy), text.accuracy),
    Quantity("train_loss", "training loss of the best epoch", _of_epoch(lambda row: row.train_loss), text.loss),
    Quantity("test", "accuracy on the test images", lambda listed: _test_accuracy(listed), text.accuracy),
    Quantity("best_epoch", "the best epoch", _of_summary(lambda row: row.best.epoch if row.best else None)),
    Quantity("time", "seconds of work", _of_summary(lambda row: row.elapsed or None)),
    Quantity("speed", "training images a second", _of_epoch(lambda row: row.train_images_per_second)),
    Quantity("size", "bytes of its directory", lambda listed: listed.size),
    Quantity("data", "data set", _of_summary(lambda row: row.dataset)),
    Quantity("arch", "architecture", _of_summary(lambda row: row.architecture)),
    Quantity("strategy", "strategy", _of_summary(lambda row: row.strategy)),
    Quantity("recipe", "recipe", _of_summary(lambda row: row.recipe)),
    Quantity("batch", "batch size", _of_summary(lambda row: row.batch_size)),
    Quantity("seed", "seed", _of_summary(lambda row: row.seed)),
    Quantity("lr", "learning rate", lambda listed: _setting(listed, "strategy.learning_rate")),
    Quantity("tag", "tags", _of_summary(lambda row: ", ".join(row.tags) or None)),
    Quantity("note", "note", _of_summary(lambda row: row.note or None)),
    Quantity("reason", "why it ended early", lambda listed: reason(listed) or None),
)
QUANTITIES = {quantity.name: quantity for quantity in _QUANTITIES}
"""Everything besides settings that runs are sorted and filtered by."""


def quantity(name: str, rows: Iterable[Listed] = ()) -> Quantity:
    """What a name means: one of QUANTITIES, a setting by its dotted key, or by an end of it that only one setting has.

    Args:
        rows: where settings that the schema does not list (options of functions) are looked for.

    Raises:
        InputError: it means nothing, or several settings.
    """
    if name in QUANTITIES:
        return QUANTITIES[name]
    keys = setting_keys(rows)
    fitting = [key for key in keys if key == name] or [key for key in keys if key.endswith("." + name)]
    if len(fitting) == 1:
        key = fitting[0]
        return Quantity(name, f"setting {key}", lambda listed: _setting(listed, key))
    if fitting:
        raise InputError(f"{plain(name)} may mean {' or '.join(map(plain, fitting))}")
    raise InputError(f"there is no {plain(name, 40)}: {', '.join(QUANTITIES)}, or a setting such as strategy.epochs")


def setting_keys(rows: Iterable[Listed] = ()) -> list[str]:
    """Dotted keys of all settings, those of the rows' own options included."""
    keys = dict.fromkeys(DEFAULTS)
    for listed in rows:
        if listed.summary is not None:
            keys |= dict.fromkeys(listed.summary.settings)
    return list(keys)


def ordered(rows: Iterable[Listed], by: Quantity, *, descending: bool) -> list[Listed]:
    """Rows by a quantity: numbers before words, rows without a value (or with NaN) last, equal ones as they were."""
    numbers: list[tuple[float, Listed]] = []
    words: list[tuple[str, Listed]] = []
    missing: list[Listed] = []
    for listed in rows:
        value = by.value(listed)
        if isinstance(value, bool) or (value is not None and not isinstance(value, int | float)):
            words.append((value_text(value).casefold(), listed))
        elif value is None or math.isnan(value):
            missing.append(listed)
        else:
            numbers.append((value, listed))
    numbers.sort(key=lambda pair: pair[0], reverse=descending)
    words.sort(key=lambda pair: pair[0], reverse=descending)
    return [listed for _, listed in numbers] + [listed for _, listed in words] + missing


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


def _text_cell(name: str) -> Callable[[Listed, float], str]:
    return lambda listed, now: plain(QUANTITIES[name].value(listed) or MISSING, 80)


def _epochs_cell(listed: Listed, now: float) -> str:
    row = listed.summary
    if row is None:
        return MISSING
    done, planned = row.epochs_done, row.epochs_planned
    # A figure that was cut would read as another one: in thousands, rounded down, where there is no room for all of it.
    ways = (f"{done}/{planned}", f"{_thousands(done)}/{_thousands(planned)}", _thousands(done))
    return next((words for words in ways if len(words) <= _EPOCHS_CELLS), MISSING)


def _thousands(number: int) -> str:
    return str(number) if number < 1000 else f"{number // 1000}k"


def _id_cell(listed: Listed, now: float) -> str:
    """The random end of an id that vislab has made; of one that a person chose, its end where there is no room."""
    words = short_id(listed.run)
    return words if len(words) <= _ID_CELLS else text.ELLIPSIS + words[1 - _ID_CELLS :]


def _started_cell(listed: Listed, now: float) -> str:
    return text.when(listed.summary.created, now) if listed.summary is not None else MISSING


def _name_cell(listed: Listed, now: float) -> str:
    return plain((listed.summary.name if listed.summary is not None else "") or listed.run.id, 80)


def _duration(seconds: float | None) -> str:
    return MISSING if seconds is None else text.duration(seconds)


def _size(size: float | None) -> str:
    return "…" if size is None else text.size(size)


_ID_CELLS, _EPOCHS_CELLS = 5, 8
_NAME = Column("name", 16, "name", False, _name_cell)
_COLUMNS = (
    Column("id", _ID_CELLS, "id", False, _id_cell),
    Column("started", 10, "started", False, _started_cell),
    _NAME,
    Column("status", 9, "status", False, lambda listed, now: listed.status),
    Column("epochs", _EPOCHS_CELLS, "epochs", True, _epochs_cell),
    Column("val acc", 8, "val", True, _figure_cell("val", text.accuracy)),
    Column("val loss", 8, "loss", True, _figure_cell("loss", text.loss)),
    Column("macro F1", 8, "f1", True, _figure_cell("f1", text.accuracy)),
    Column("test acc", 8, "test", True, _figure_cell("test", text.accuracy)),
    Column("time", 7, "time", True, _figure_cell("time", _duration)),
    Column("data", 14, "data", False, _text_cell("data")),
    Column("architecture", 16, "arch", False, _text_cell("arch")),
    Column("strategy", 10, "strategy", False, _text_cell("strategy")),
    Column("batch", 6, "batch", True, lambda listed, now: _number(QUANTITIES["batch"].value(listed))),
    Column("seed", 5, "seed", True, lambda listed, now: _number(QUANTITIES["seed"].value(listed))),
    Column("lr", 7, "lr", True, lambda listed, now: _rate(QUANTITIES["lr"].value(listed))),
    Column("size", 7, "size", True, _figure_cell("size", _size)),
    Column("tags", 14, "tag", False, _text_cell("tag")),
)
_FIRST_TO_COME = (
    *("name", "val acc", "epochs", "status", "time", "started", "id", "architecture", "data", "strategy", "size"),
    *("test acc", "val loss", "tags", "lr", "seed", "batch", "macro F1"),
)
"""Titles of the columns that a list of growing width takes up, first to last."""

_SIGN_CELLS = 4
"""The mark, the sign of the status, and the space behind them."""
_WIDEST_NAME = 36


def columns(width: int, by: Quantity | None = None) -> tuple[Column, ...]:
    """The columns that a list of `width` cells can show.

    Args:
        by: what the list is sorted by; it gets a column if it has none.
    """
    extra = []
    if by is not None and all(column.by != by.name for column in _COLUMNS):
        title = by.name.rpartition(".")[2][:18]
        extra = [Column(title, max(7, len(title) + 1), by.name, True, lambda listed, now: _any(by, listed))]
    room = width - _SIGN_CELLS - _NAME.width - sum(column.width + GAP for column in extra)
    wanted = {_NAME.title}
    urgent = "" if by is None or by.name == "started" else by.name  # the order by time is plain without its column
    titles = sorted(_FIRST_TO_COME, key=lambda title: _by_title[title].by != urgent)
    for title in titles:
        column = _by_title[title]
        if title in wanted:
            continue
        if column.width + GAP > room:
            break
        wanted.add(title)
        room -= column.width + GAP
    chosen = [column for column in _COLUMNS if column.title in wanted]
    place = next((i + 1 for i, column in enumerate(chosen) if column.title == "val acc"), len(chosen))
    chosen[place:place] = extra
    name_width = min(_WIDEST_NAME, _NAME.width + max(0, room))
    return tuple(
        Column(column.title, name_width, column.by, column.right, column.cell) if column is _NAME else column
        for column in chosen
    )


_by_title = {column.title: column for column in _COLUMNS}


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
    cells = [text.fit(column.cell(listed, now), column.width, right=column.right) for column in columns]
    return f"{MARK if marked else ' '} {sign(listed)} " + (" " * GAP).join(cells)


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
    return SIGNS[listed.summary.status] if listed.summary is not None else DAMAGED_SIGN


def short_id(run: Run) -> str:
    """What commands take for an id: its random end where vislab has made it, else all of it."""
    return plain(run.id.rpartition("-")[2] if stamp_of(run.id) else run.id)


def named(rows: Sequence[Listed], most: int = 5) -> list[str]:
    """Runs by their ids, a line each, with the name that a person gave; `most`, then how many more there are."""
    lines = []
    for listed in rows[:most]:
        name = listed.summary.name if listed.summary is not None else ""
        known = plain(listed.run.id, 60)
        lines.append(f"  {known}" if not name or plain(name, 60) in known else f"  {known}  “{plain(name, 40)}”")
    return lines + [f"  and {text.count(len(rows) - most)} more"] * (len(rows) > most)


def reason(listed: Listed) -> str:
    """Why a run failed or cannot be read; empty where there is nothing to say. Not safe text."""
    if listed.summary is None:
        return listed.fault
    if listed.summary.status == "died":
        return "its worker ended without a word"
    return listed.summary.reason if listed.summary.status == "failed" else ""


def details(listed: Listed) -> str:
    """One line of safe text about a run: id, size, tags, note, what it trains on what."""
    row = listed.summary
    if row is None:
        return f"{plain(listed.run.id)}: {plain(listed.fault, 400)}"
    parts = [plain(listed.run.id)]
    if listed.size is not None:
        parts.append(text.size(listed.size))
    if row.tags:
        parts.append("tags: " + plain(", ".join(row.tags)))
    if row.note:
        parts.append("note: " + plain(row.note))
    parts.append(plain(" · ".join(part for part in (row.dataset, row.architecture, row.strategy) if part), 120))
    return "   ".join(part for part in parts if part)


def _with_arrow(column: Column, arrow: str) -> str:
    title = column.title if len(column.title) < column.width else column.by  # a whole word, where two have no room
    return f"{arrow}{title}" if column.right else f"{title}{arrow}"


def _test_accuracy(listed: Listed) -> float | None:
    test = listed.summary.test if listed.summary is not None else None
    return number(test.accuracy) if test is not None and test.role == "test" else None


def _setting(listed: Listed, key: str) -> Any:
    if listed.summary is None:
        return None
    return listed.summary.settings.get(key, DEFAULTS.get(key))


def _number(value: int | None) -> str:
    return MISSING if value is None else str(value)


def _rate(value: float | None) -> str:
    return MISSING if value is None else text.scientific(value)


def _any(by: Quantity, listed: Listed) -> str:
    value = by.value(listed)
    if value is None:
        return MISSING
    return plain(f"{value:.4g}" if isinstance(value, float) else value_text(value) or MISSING, 40)
