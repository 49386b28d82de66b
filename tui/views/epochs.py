"""The per-epoch table: the same rows live, in `vislab show` and in the HTML log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vislab.engine.runs.events import EpochEnded
from vislab.engine.runs.state import RunState
from vislab.tui.views import text

STAR = "★"
"""Marks the best epoch."""

_BAR = " │ "


@dataclass(frozen=True)
class EpochColumn:
    """One column of the table."""

    title: str
    width: int
    """Cells; titles and values are set at the right end of them."""
    group: str
    """Neighbours of one group stand together; a bar stands between groups."""
    value: Callable[[EpochEnded], str]


_EPOCH = EpochColumn("epoch", 7, "epoch", lambda row: str(row.epoch))
_TRAIN_LOSS = EpochColumn("train loss", 10, "train", lambda row: text.loss(row.train_loss))
_TRAIN_ACCURACY = EpochColumn("acc", 6, "train", lambda row: text.accuracy(row.train_accuracy))
_VAL_LOSS = EpochColumn("val loss", 9, "val", lambda row: text.loss(row.val_loss))
_VAL_ACCURACY = EpochColumn("acc", 6, "val", lambda row: text.accuracy(row.val_accuracy))
_VAL_TOP5 = EpochColumn("top-5", 6, "val", lambda row: text.accuracy(row.val_top5))
_VAL_F1 = EpochColumn("macro F1", 8, "val", lambda row: text.accuracy(row.val_macro_f1))
_LEARNING_RATE = EpochColumn("lr", 7, "lr", lambda row: text.scientific(row.learning_rate))
_RATE = EpochColumn("img/s", 6, "rate", lambda row: text.rate(row.train_images_per_second))
_SECONDS = EpochColumn("s", 6, "seconds", lambda row: seconds(row.seconds))

_ORDER = (
    _EPOCH,
    _TRAIN_LOSS,
    _TRAIN_ACCURACY,
    _VAL_LOSS,
    _VAL_ACCURACY,
    _VAL_TOP5,
    _VAL_F1,
    _LEARNING_RATE,
    _RATE,
    _SECONDS,
)
_FIRST_TO_GO = (_VAL_F1, _VAL_TOP5, _RATE, _LEARNING_RATE, _SECONDS, _TRAIN_ACCURACY, _VAL_LOSS)
"""What is left out of a narrow table, first to last."""


_FIGURES = (
    *("epoch", "train_loss", "train_accuracy", "train_top5", "val_loss", "val_accuracy", "val_top5", "val_macro_f1"),
    *("learning_rate", "train_images_per_second", "seconds", "elapsed"),
)


def has_validation(state: RunState) -> bool:
    """Whether the run has validation figures, or will have."""
    if state.started is None:
        return False
    return (
        state.started.selected_on_test
        or sum(state.started.counts.get("validation", ())) > 0
        or any(state.epochs.told("val_accuracy"))
    )


def listed(state: RunState) -> str:
    """Which epochs there are rows of: `all epochs`, or `one of every 8 epochs`."""
    return "all epochs" if state.epochs_apart == 1 else f"one of every {state.epochs_apart} epochs"


def judged_on(state: RunState) -> Literal["val", "test"]:
    """What the images are called, in short, that a run is judged and its best epoch is chosen by."""
    return "test" if state.started is not None and state.started.selected_on_test else "val"


def columns(state: RunState, width: int = 80) -> tuple[EpochColumn, ...]:
    """The columns that a table of `width` cells can show.

    Runs without validation have no validation columns; top-5 is left out for five classes or fewer. Where the accuracy
    stands without its loss it says whose it is, if that fits.
    """
    chosen = [column for column in _ORDER if column.group != "val" or has_validation(state)]
    if state.started is not None and len(state.started.classes) <= 5 and _VAL_TOP5 in chosen:
        chosen.remove(_VAL_TOP5)
    for column in _FIRST_TO_GO:
        if len(header(chosen)) <= width:
            break
        if column in chosen:
            chosen.remove(column)
    of = judged_on(state)
    named = [
        replace(column, title=column.title.replace("val", of), group=of) if column.group == "val" else column
        for column in chosen
    ]
    if chosen[-1] is _VAL_ACCURACY and _VAL_LOSS not in chosen:
        title = f"{of} acc"
        longer = [*named[:-1], replace(named[-1], title=title, width=len(title))]
        named = longer if len(header(longer)) <= width else named
    return tuple(named)


def header(columns: Sequence[EpochColumn]) -> str:
    """The line of titles."""
    return _join(columns, [column.title for column in columns])


def values(columns: Sequence[EpochColumn], row: EpochEnded, *, best: bool = False) -> list[str]:
    """One epoch as a string a column, without filling; a star before the epoch's number marks the best."""
    shown = [column.value(row) for column in columns]
    return [f"{STAR} {shown[0]}", *shown[1:]] if best else shown


def line(columns: Sequence[EpochColumn], row: EpochEnded, *, best: bool = False) -> str:
    """One epoch as a line below `header`."""
    return _join(columns, values(columns, row, best=best))


def lines(state: RunState, width: int = 80) -> list[str]:
    """The whole table: titles, then a line an epoch; the best epoch of the run has the star."""
    chosen = columns(state, width)
    return [header(chosen), *(line(chosen, row, best=row == state.best) for row in state.epochs)]


def _join(columns: Sequence[EpochColumn], shown: Sequence[str]) -> str:
    joined = ""
    for index, (column, value) in enumerate(zip(columns, shown, strict=True)):
        if index:
            joined += " " if column.group == columns[index - 1].group else _BAR
        joined += text.fit(value, column.width, right=True)
    return joined


def seconds(value: float) -> str:
    """Seconds of an epoch as a bare number: `0.31`, `2.0`, `412`."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def figures(state: RunState) -> tuple[list[str], list[list[str]]]:
    """The whole table as it was measured, for pasting elsewhere: titles and a row an epoch; empty where none is.

    Titles are the fields of the event, as in `run_report.csv_rows`.
    """
    rows = [["" if (value := getattr(row, name)) is None else str(value) for name in _FIGURES] for row in state.epochs]
    return list(_FIGURES), rows


def plain_line(state: RunState, row: EpochEnded) -> str:
    """One epoch as one line that explains itself, for logs and pipes."""
    planned = str(max(state.epochs_planned, row.epoch))
    parts = [
        f"epoch {row.epoch:>{max(2, len(planned))}}/{planned}",
        f"train loss {text.loss(row.train_loss)} acc {text.accuracy(row.train_accuracy)}",
    ]
    if row.val_accuracy is not None:
        mark = " *best" if row.best else ""
        parts.append(f"{judged_on(state)} loss {text.loss(row.val_loss)} acc {text.accuracy(row.val_accuracy)}{mark}")
    parts += [
        f"lr {text.scientific(row.learning_rate)}",
        f"{text.rate(row.train_images_per_second)} img/s",
        f"{seconds(row.seconds)} s",
    ]
    return "  ".join(parts)
