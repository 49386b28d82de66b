"""What is known of the runs in a list, and what they are sorted and filtered by."""

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from vislab.engine.runs import naming
from vislab.engine.runs.events import Figure, number
from vislab.engine.runs.store import Run, RunStatus, Summary
from vislab.engine.runs.summary import DEFAULTS, LIVE
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.run import FELL_OUT_OF_QUEUE
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import plain

DAMAGED: Literal["damaged"] = "damaged"
"""Status of a run that cannot be read."""


class Listed(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A run in the list: what columns show and filters ask for, and no more, for there are thousands of them.

    Figures are kept without the events that they come from. Of a run that cannot be read only `folder`, `id`, `own_id`,
    `status`, `reason` and `size` say something.
    """

    folder: str
    """The runs folder."""
    id: str
    status: RunStatus | Literal["damaged"]
    reason: str = ""
    """Why it failed, waits no more or cannot be read; empty where there is nothing to say. Not safe text."""
    own_id: bool = False
    """Whether a person chose its id; vislab makes others."""
    size: int | None = None
    """Bytes of its directory; None while nobody has counted them."""

    name: str = ""
    dataset: str = ""
    architecture: str = ""
    strategy: str = ""
    recipe: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    created: float = 0.0
    elapsed: float = 0.0
    epochs_done: int = 0
    epochs_planned: int = 0
    seed: int = 0
    batch_size: int | None = None
    parameters: int | None = None
    setting_codes: tuple[int | str, ...] = ()
    """Settings that differ from the schema's defaults: their places in it, or dotted keys where it has none."""
    setting_values: tuple[Any, ...] = ()

    selected_on_test: bool = False
    """Whether the best epoch is chosen by the test images; then `val_…` are figures of those."""

    # Of the best epoch, or of the last one where there is no best.
    best_epoch: int | None = None
    """None: there is no best one."""
    train_loss: Figure | None = None
    train_accuracy: Figure | None = None
    train_images_per_second: float | None = None
    val_loss: Figure | None = None
    val_accuracy: Figure | None = None
    val_top5: Figure | None = None
    val_macro_f1: Figure | None = None

    judged: bool = False
    """It has ended, and was evaluated then."""
    test_accuracy: Figure | None = None
    """None where it was evaluated on other images than those of the test role."""

    @classmethod
    def of(cls, run: Run, found: Summary | str, size: int | None = None) -> "Listed":
        """The row of a run, from what `read` found."""
        folder, identity = os.path.split(run.path)
        own_id = not naming.stamp_of(identity)
        if isinstance(found, str):
            return cls(folder=folder, id=identity, own_id=own_id, status=DAMAGED, reason=found, size=size)
        epoch = found.best or found.last
        figures: dict[str, Any] = {} if epoch is None else {name: getattr(epoch, name) for name in _FIGURES}
        return cls(
            folder=folder,
            id=identity,
            own_id=own_id,
            reason=_reason(run, found),
            size=size,
            setting_codes=tuple(_CODES.get(key, key) for key in found.settings),
            setting_values=tuple(map(_packable, found.settings.values())),
            best_epoch=found.best.epoch if found.best is not None else None,
            judged=found.test is not None,
            test_accuracy=found.test.accuracy if found.test is not None and found.test.role == "test" else None,
            **{name: getattr(found, name) for name in _OWN},
            **figures,
        )

    @property
    def run(self) -> Run:
        """Its directory; made anew each time."""
        return Run(Path(self.folder, self.id))

    @property
    def readable(self) -> bool:
        """Whether it could be read."""
        return self.status != DAMAGED

    @property
    def live(self) -> bool:
        """Whether a worker has it, or will as soon as a device is free."""
        return self.status in ("queued", *LIVE)

    @property
    def setting_keys(self) -> tuple[str, ...]:
        """Dotted keys of the settings that differ from the schema's defaults."""
        return tuple(_KEYS[code] if isinstance(code, int) else code for code in self.setting_codes)

    def sized(self, size: int | None) -> "Listed":
        """The same with the bytes of its directory."""
        return msgspec.structs.replace(self, size=size)

    def setting(self, key: str) -> Any:
        """A setting by its dotted key; None where a run has no such setting."""
        if (code := _CODES.get(key, key)) in self.setting_codes:
            return self.setting_values[self.setting_codes.index(code)]
        return DEFAULTS.get(key)


_OWN = (
    *("status", "name", "dataset", "architecture", "strategy", "recipe", "tags", "note", "created", "elapsed"),
    *("epochs_done", "epochs_planned", "seed", "batch_size", "parameters", "selected_on_test"),
)
_KEYS = tuple(DEFAULTS)
_CODES = {key: place for place, key in enumerate(_KEYS)}
_FIGURES = (
    *("train_loss", "train_accuracy", "train_images_per_second"),
    *("val_loss", "val_accuracy", "val_top5", "val_macro_f1"),
)


def _packable(value: Any) -> Any:
    """A setting as it comes back from `Packed`, so that a run that has not changed is equal to its row there."""
    return list(value) if isinstance(value, tuple) else value


def _reason(run: Run, summary: Summary) -> str:
    if summary.status == "died":
        return "its worker ended without a word"
    if run.fell_out_of_queue(summary.status):
        return f"{FELL_OUT_OF_QUEUE}; u puts it to work"
    return summary.reason if summary.status == "failed" else ""


def read(run: Run) -> Summary | str:
    """What there is to know of a run, or why it cannot be read."""
    try:
        return run.summary()
    except (InputError, OSError) as error:
        return str(error)


def look(run: Run) -> Listed:
    """Read what the list says of a run."""
    return Listed.of(run, read(run))


@dataclass(frozen=True)
class Quantity:
    """Something that runs are sorted and filtered by.

    Attributes:
        name: as in a filter.
        help: what it is.
        value: of one run; None where it has none.
        written: how the list shows a figure, where it rounds it.
        order: what runs are sorted by, where the list shows something else than the value; None: the value.
    """

    name: str
    help: str
    value: Callable[[Listed], Any]
    written: Callable[[float], str] | None = None
    order: Callable[[Listed], Any] | None = None

    def shown(self, listed: Listed) -> Any:
        """The value as precisely as the list shows it: what a person can compare it with."""
        value = self.value(listed)
        return value if value is None or self.written is None else float(self.written(value))


def _readable(value: Callable[[Listed], Any]) -> Callable[[Listed], Any]:
    return lambda listed: value(listed) if listed.readable else None


def _figure(value: Callable[[Listed], Figure | None]) -> Callable[[Listed], float | None]:
    return lambda listed: None if (figure := value(listed)) is None else number(figure)


_QUANTITIES = (
    Quantity("started", "when it was made", _readable(lambda row: row.created)),
    Quantity("name", "what it is called", _readable(lambda row: row.name)),
    Quantity("id", "its id", lambda listed: listed.id, order=lambda listed: naming.short(listed.id)),
    Quantity(
        "status",
        "new, queued, starting, training, paused, full disk, done, stopped, failed, died",
        lambda listed: listed.status,
    ),
    Quantity("epochs", "epochs done", _readable(lambda row: row.epochs_done)),
    Quantity("val", "validation accuracy of the best epoch", _figure(lambda row: row.val_accuracy), text.accuracy),
    Quantity("loss", "validation loss of the best epoch", _figure(lambda row: row.val_loss), text.loss),
    Quantity("f1", "validation macro F1 of the best epoch", _figure(lambda row: row.val_macro_f1), text.accuracy),
    Quantity("top5", "validation top-5 of the best epoch", _figure(lambda row: row.val_top5), text.accuracy),
    Quantity("train", "training accuracy of the best epoch", _figure(lambda row: row.train_accuracy), text.accuracy),
    Quantity("train_loss", "training loss of the best epoch", _figure(lambda row: row.train_loss), text.loss),
    Quantity("test", "accuracy on the test images", _figure(lambda row: row.test_accuracy), text.accuracy),
    Quantity("best_epoch", "the best epoch", lambda row: row.best_epoch),
    Quantity("time", "seconds of work", _readable(lambda row: row.elapsed or None)),
    Quantity("speed", "training images a second", _figure(lambda row: row.train_images_per_second)),
    Quantity("size", "bytes of its directory", lambda listed: listed.size),
    Quantity("data", "data set", _readable(lambda row: row.dataset)),
    Quantity("arch", "architecture", _readable(lambda row: row.architecture)),
    Quantity("strategy", "strategy", _readable(lambda row: row.strategy)),
    Quantity("recipe", "recipe", _readable(lambda row: row.recipe)),
    Quantity("batch", "batch size", _readable(lambda row: row.batch_size)),
    Quantity("parameters", "parameters of the model that was built", _readable(lambda row: row.parameters)),
    Quantity("seed", "seed", _readable(lambda row: row.seed)),
    Quantity("lr", "learning rate", _readable(lambda row: row.setting("strategy.learning_rate"))),
    Quantity("tag", "tags", _readable(lambda row: ", ".join(row.tags) or None)),
    Quantity("note", "note", _readable(lambda row: row.note or None)),
    Quantity("reason", "why it ended early", lambda row: row.reason or None),
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
        return Quantity(name, f"setting {key}", _readable(lambda row: row.setting(key)))
    if fitting:
        raise InputError(f"{plain(name)} may mean {' or '.join(map(plain, fitting))}")
    raise InputError(f"there is no {plain(name, 40)}: {', '.join(QUANTITIES)}, or a setting such as strategy.epochs")


def setting_keys(rows: Iterable[Listed] = ()) -> list[str]:
    """Dotted keys of all settings, those of the rows' own options included."""
    keys = dict.fromkeys(DEFAULTS)
    for listed in rows:
        keys |= dict.fromkeys(listed.setting_keys)
    return list(keys)


def rank(listed: Listed, by: Quantity, *, descending: bool) -> tuple[int, float | str]:
    """What rows are sorted by, the largest first if `descending`: numbers before words, none and NaN last."""
    value = (by.order or by.value)(listed)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        kind, value = 2, ""
    elif isinstance(value, bool) or not isinstance(value, int | float):
        kind, value = 1, value_text(value).casefold()
    else:
        kind = 0
    return -kind if descending else kind, value


def ordered(rows: Iterable[Listed], by: Quantity, *, descending: bool) -> list[int]:
    """Positions of rows by their ranks, equal ones as they were."""
    ranks = [rank(listed, by, descending=descending) for listed in rows]
    return sorted(range(len(ranks)), key=ranks.__getitem__, reverse=descending)
