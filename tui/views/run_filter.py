"""The language that a list of runs is filtered by.

Words that all must hold, divided by spaces; quotes keep spaces together; `-` before a word: must not hold; `|` between
words: one of them is enough, `status:failed|died`.
`digits` is looked for in name, data set, architecture, strategy, recipe, tags, note and status, in what the list says
below a run (`memory`), and in the name in an id. The rest of an id is time and chance: its start is found from a whole
day on, its end from four characters on.
`status:done`, `arch:deit`, `tag:x` look in one quantity; `val>0.9`, `time<10m`, `size>=1GB`, `age<7d`, `seed=3` compare
numbers, `size>80 MB` as well; `day:yesterday`, `day:2025-11-19`. A setting is named by its key: `strategy.epochs>10`,
`learning_rate<1e-3`.
Figures are compared as precisely as they are shown: what the list shows as 0.9861 is not below 0.9861.
"""

import math
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from vislab.engine.runs.naming import name_in
from vislab.presets.errors import InputError
from vislab.tui.views import text
from vislab.tui.views.listed import Listed, quantity
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import plain

Holds = Callable[[Listed], bool]

HINT = 'words, "two words", status:failed|died, arch:deit, val>=0.9, age<7d, tag:x; - before one: not'
"""The language in a line."""

ALIASES = {
    "dataset": "data",
    "architecture": "arch",
    "acc": "val",
    "accuracy": "val",
    "val_acc": "val",
    "val_loss": "loss",
    "macro_f1": "f1",
    "test_acc": "test",
    "tags": "tag",
    "learning_rate": "lr",
    "batch_size": "batch",
    "params": "parameters",
    "architecture.parameters": "parameters",
}
UNITS = {
    "": 1.0,
    "%": 0.01,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    **{
        name: 1000.0**power for power, unit in enumerate(("B", "kB", "MB", "GB", "TB")) for name in (unit, unit.lower())
    },
}
_DIGITS = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SPACED = (
    rf"(?:(?<=[<>])|(?<=[<>]=)){_DIGITS}\s+(?:{'|'.join(filter(None, UNITS))})(?!\S)"  # as lists write sizes and times
)
_TERM = re.compile(rf"(-?)(?:([A-Za-z_][\w.]*)(>=|<=|>|<|=|:))?({_SPACED}|(?:\"[^\"]*\"?|[^\s\"])*)")
_ALTERNATIVE = re.compile(r"(?:\"[^\"]*\"?|[^\"|])+")
_NUMBER = re.compile(rf"({_DIGITS})\s*([A-Za-z%]*)")
_LONGEST = 1000
_DAY_CHARACTERS, _END_CHARACTERS = len("20251119"), len("7f3a")


@dataclass(frozen=True)
class Filter:
    """What a filter wants.

    Attributes:
        terms: all of them must hold.
        fields: names of the quantities that it looks at.
    """

    terms: tuple[Holds, ...] = ()
    fields: frozenset[str] = frozenset()

    def __call__(self, listed: Listed) -> bool:
        """Whether it wants this run."""
        return all(holds(listed) for holds in self.terms)


def parse(words: str, rows: Collection[Listed] = (), now: float | None = None) -> Filter:
    """What a filter wants, as a function of a run; the empty filter wants all.

    Args:
        rows: the runs that are filtered, for settings that only they have.
        now: seconds since 1970; the present when left out.

    Raises:
        InputError: a quantity that does not exist, or no number where one is compared; short, for one line.
    """
    wanted, fault = understood(words, rows, now)
    if fault:
        raise InputError(fault)
    return wanted


def understood(words: str, rows: Collection[Listed] = (), now: float | None = None) -> tuple[Filter, str]:
    """What `parse` says of the words that it can understand, and what is wrong with the others; empty: nothing."""
    moment = time.time() if now is None else now
    matches = [match for match in _TERM.finditer(words[:_LONGEST]) if match.group(0)]
    fields = frozenset(_named(match[2]) for match in matches if match[2])
    terms, faults = list[Holds](), list[str]()
    for match in matches:
        try:
            terms.append(_term(match, rows, moment))
        except InputError as error:
            faults.append(str(error))
    return Filter(tuple(terms), fields), faults[0] if faults else ""


def _term(match: re.Match[str], rows: Collection[Listed], now: float) -> Holds:
    minus, field, sign, value = match.groups()
    found = (part.replace('"', "") for part in _ALTERNATIVE.findall(value))
    ways = [_way(field, sign, part, rows, now) for part in found if part]
    if not ways:
        return lambda listed: True  # being typed
    return lambda listed: any(holds(listed) for holds in ways) is not bool(minus)


def _way(field: str | None, sign: str, value: str, rows: Collection[Listed], now: float) -> Holds:
    """One of the values that will do."""
    if field is None:
        return _with_text(value.casefold())
    return _on_day(value.casefold(), now) if field == "day" else _compared(field, sign, value, rows, now)


def _with_text(wanted: str) -> Holds:
    def holds(listed: Listed) -> bool:
        recipe = (listed.dataset, listed.architecture, listed.strategy, listed.recipe)
        words = (listed.name, *recipe, listed.note, *listed.tags, listed.status, listed.reason)
        return wanted in "\n".join(words).casefold() or _means_id(wanted, listed)

    return holds


def _means_id(wanted: str, listed: Listed) -> bool:
    """Whether a word means a run by its id. A short number stands in the date or in the end of many."""
    identity = listed.id.casefold()
    if wanted not in identity:
        return False
    begins = len(wanted) >= _DAY_CHARACTERS and identity.startswith(wanted)
    ends = len(wanted) >= _END_CHARACTERS and identity.endswith(wanted)
    return listed.own_id or begins or ends or wanted in name_in(identity)


def _named(field: str) -> str:
    return ALIASES.get(field, field)


def _on_day(wanted: str, now: float) -> Holds:
    def holds(listed: Listed) -> bool:
        if not listed.readable:
            return False
        then = time.localtime(listed.created)
        relative = text.when(listed.created, now)
        names = [time.strftime("%Y-%m-%d", then), "today" if ":" in relative else relative.casefold()]
        return any(name.startswith(wanted) for name in names)

    return holds


def _compared(field: str, sign: str, value: str, rows: Collection[Listed], now: float) -> Holds:
    if field == "age":
        read: Callable[[Listed], Any] = lambda listed: now - listed.created if listed.readable else None  # noqa: E731
    else:
        read = quantity(_named(field), rows).shown
    number = _number(value)
    if sign in (">", ">=", "<", "<="):
        if number is None:
            raise InputError(f"{plain(field, 30)}{sign} needs a number, such as 0.9, 10m or 1GB")
        return _ordered(read, sign, number)
    wanted = value.casefold()

    def holds(listed: Listed) -> bool:
        found = read(listed)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return number is not None and _equal(found, number, value)
        said = "" if found is None else value_text(found).casefold()
        return said == wanted if sign == "=" else wanted in said

    return holds


def _ordered(read: Callable[[Listed], Any], sign: str, number: float) -> Holds:
    def holds(listed: Listed) -> bool:
        found = read(listed)
        if not isinstance(found, int | float) or isinstance(found, bool):
            return False
        if found == number:
            return sign in (">=", "<=")
        return found > number if sign.startswith(">") else found < number

    return holds


def _equal(found: float, number: float, written: str) -> bool:
    """Whether a figure is the number as far as that was written: 0.97 is also 0.9749."""
    places = re.fullmatch(r"[-+]?\d*\.(\d+)", written)
    return abs(found - number) <= 0.5 * 10.0 ** -len(places[1]) if places else math.isclose(found, number, rel_tol=1e-9)


def _number(value: str) -> float | None:
    match = _NUMBER.fullmatch(value)
    if match is None or match[2] not in UNITS:
        return None
    return float(match[1]) * UNITS[match[2]]
