"""What is known of the runs in a list, and what they are sorted and filtered by."""

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from vislab.engine.runs.events import EpochEnded, Figure, number
from vislab.engine.runs.store import Run, RunStatus, Summary
from vislab.engine.runs.summary import DEFAULTS, LIVE
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import plain

DAMAGED = "damaged"
"""Status of a run that cannot be read."""


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

    def lean(self) -> "Listed":
        """The same as a list of thousands keeps it: equal words once, the last epoch only where there is no best one.

        Takes a third less memory: nothing in the list shows or asks for the last epoch of a run that has a best one.
        """
        if self.summary is None:
            return self
        row = self.summary
        words = ("name", "status", "dataset", "architecture", "strategy", "recipe")
        kept: dict[str, Any] = {field: sys.intern(getattr(row, field)) for field in words}
        kept["settings"] = {
            sys.intern(key): sys.intern(value) if isinstance(value, str) else value
            for key, value in row.settings.items()
        }
        kept["last"] = None if row.best is not None else row.last
        return self._replace(summary=msgspec.structs.replace(row, id=self.run.id, **kept))


def look(run: Run) -> Listed:
    """Read what the list says of a run."""
    try:
        return Listed(run, run.summary())
    except (InputError, OSError) as error:
        return Listed(run, None, str(error))


def reason(listed: Listed) -> str:
    """Why a run failed or cannot be read; empty where there is nothing to say. Not safe text."""
    if listed.summary is None:
        return listed.fault
    if listed.summary.status == "died":
        return "its worker ended without a word"
    return listed.summary.reason if listed.summary.status == "failed" else ""


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


def _test_accuracy(listed: Listed) -> float | None:
    test = listed.summary.test if listed.summary is not None else None
    return number(test.accuracy) if test is not None and test.role == "test" else None


def _setting(listed: Listed, key: str) -> Any:
    if listed.summary is None:
        return None
    return listed.summary.settings.get(key, DEFAULTS.get(key))
