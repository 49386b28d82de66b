"""Fill a competition's sample file with predictions."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vislab.engine.runs.cells import single
from vislab.presets.errors import InputError

NAMED = 10
"""Images and ids that an error names."""

_DELIMITERS = ",\t;"
_LABEL_TITLES = frozenset({"label", "labels", "class", "category", "target", "prediction", "predicted", "answer", "y"})
_CASES: tuple[Callable[[str], str], ...] = (str, str.lower, str.upper, str.capitalize, str.title)


@dataclass(frozen=True)
class Sample:
    """A competition's sample file: a title line, then a line an image with its id and some answer.

    Attributes:
        path: where it was read.
        delimiter, newline: as in the file; what is made of it has the same.
        titles: names of the columns, at least two.
        rows: all cells of each line.
    """

    path: Path
    delimiter: str
    newline: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, place: int) -> list[str]:
        """The cells of one column."""
        return [row[place] for row in self.rows]


class Answer(NamedTuple):
    """What a model said of an image: its name with forward slashes, the predicted class, and how likely each is."""

    name: str
    label: int | None
    """None where the answer is not a number."""
    probabilities: Sequence[float] = ()
    """In the order of the classes; needed where the sample asks for them."""


class Filled(NamedTuple):
    """A filled sample, and in which form it was taken, as a part of a sentence."""

    text: str
    form: str


def read_sample(path: Path) -> Sample:
    """Read a sample file (CSV; comma, tab or semicolon).

    Raises:
        InputError: it cannot be read, has fewer than two columns or lines of unequal length, or no line below the
            titles.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}.") from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows: list[tuple[str, ...]] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for row in reader:
            if not row:
                continue
            if len(row) < 2 or (rows and len(row) != len(rows[0])):
                raise InputError(
                    f"{path}, line {reader.line_num} has {len(row)} columns; a sample file has an image's id and its "
                    "label or probabilities, as many columns in each line."
                )
            rows.append(tuple(row))
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {error}.") from error
    if len(rows) < 2:
        raise InputError(f"{path} holds no ids: a line of titles and then a line an image are expected.")
    return Sample(path, delimiter, "\r\n" if first.endswith("\r") else "\n", rows[0], tuple(rows[1:]))


def filled(sample: Sample, answers: Sequence[Answer], classes: Sequence[str]) -> Filled:
    """The sample's text with its answers replaced by the predicted ones, its ids, order and form kept.

    The id column is the one that fits the images' names. An id fits an image whose path it is, or is the end of, such
    as its file name; where it fits none so, suffixes of images are left aside.

    Where a column stands for every class (by its name, whatever its case, or by positions from 0 or 1), they are filled
    with probabilities. Else one column is filled with labels: the only one beside the ids and the numbers of rows, or
    the one that is called so. Labels are class names where all of the sample's are (or are empty), in its case; else
    positions of classes, from 1 where its own go from 1 to the number of classes, else from 0. Class names that are all
    numbers are never positions (in order as text 10 comes before 2): a column of zeros counts as empty, and zeros in
    front may be left out. All other columns stay.

    Raises:
        InputError: an answer is not a number, an id occurs twice or fits no image or several, an image is left over, a
            label is neither a class nor the position of one, or it is not clear which columns are to be filled. All
            that are missing or left over are counted and the first ten named.
    """
    lost = [answer.name for answer in answers if answer.label is None]
    if lost:
        raise InputError(
            f"The model's answer for {_some(lost, 'image')} is not a number: no submission can hold it. If others are "
            "answered, replace these; else the weights are of no use: train again with a lower learning rate or "
            "--set precision=fp32."
        )
    known = _Names([answer.name for answer in answers])
    columns = range(len(sample.titles))
    # Labels such as 0 may fit images as well, but only a few different ones; of numbers of rows no column is called.
    fits = [sum(bool(known.fitting(cell)) for cell in set(sample.column(place))) for place in columns]
    id_column = max(columns, key=lambda place: (fits[place], bool(sample.titles[place].strip()), -place))
    others = [place for place in columns if place != id_column]
    cells, form, changed = _columns(sample, others, classes)
    chosen = _matched(sample, sample.column(id_column), known, answers)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sample.delimiter, lineterminator=sample.newline)
    writer.writerow(sample.titles)
    for row, place in zip(sample.rows, chosen, strict=True):
        new = cells(answers[place])
        writer.writerow([new.get(column, cell) for column, cell in enumerate(row)])
    left = [sample.titles[place] or f"column {place + 1}" for place in others if place not in changed]
    kept = f"; left as they are: {', '.join(left)}" if left else ""
    return Filled(text.getvalue(), f"ids in column {sample.titles[id_column] or id_column + 1}, {form}{kept}")


_Cells = Callable[[Answer], dict[int, str]]
"""From an answer the cells that are written, by column."""


def _columns(sample: Sample, others: Sequence[int], classes: Sequence[str]) -> tuple[_Cells, str, frozenset[int]]:
    """What is written for an answer, the form in words, and the columns that it fills."""
    by_class, how = _class_columns(sample, others, classes)
    if by_class:

        def probabilities(answer: Answer) -> dict[int, str]:
            return {column: single(answer.probabilities[label]) for label, column in by_class.items()}

        return probabilities, f"probabilities in {len(by_class)} columns named by {how}", frozenset(by_class.values())
    column = _label_column(sample, others, classes)
    written, how = _labels(sample, sample.column(column), classes)
    title = sample.titles[column] or f"{column + 1}"

    def label(answer: Answer) -> dict[int, str]:
        assert answer.label is not None
        return {column: written[answer.label]}

    return label, f"labels in column {title} as {how}", frozenset({column})


def _class_columns(sample: Sample, others: Sequence[int], classes: Sequence[str]) -> tuple[dict[int, int], str]:
    """Class to the column that stands for it, and by what; empty where columns stand for no class or for one."""
    titles = {place: sample.titles[place].strip() for place in others}
    ways: list[tuple[str, list[str]]] = [("class", list(classes))]
    if _are_numbers(classes):
        ways.append(("class, without zeros in front", [_without_zeros(name) for name in classes]))
    else:
        ways += [
            ("class, in another case", [name.casefold() for name in classes]),
            ("position, from 0", [str(label) for label in range(len(classes))]),
            ("position, from 1", [str(label + 1) for label in range(len(classes))]),
        ]
    closest: tuple[list[str], str] = ([], "")
    for how, wanted in ways:
        folded = {place: title.casefold() if how.endswith("case") else title for place, title in titles.items()}
        times = Counter(folded.values())
        if len(set(wanted)) < len(wanted) or any(times[name] > 1 for name in wanted):
            continue
        at = {title: place for place, title in folded.items()}
        found = [name for name in wanted if name in at]
        if len(found) == len(wanted) > 1:
            return {label: at[name] for label, name in enumerate(wanted)}, how
        if len(found) > max(1, len(closest[0])):
            closest = (found, next(name for name in wanted if name not in at))
    if closest[0]:
        raise InputError(
            f"{sample.path}: {len(closest[0])} columns stand for classes ({', '.join(closest[0][:NAMED])}), none for "
            f"{closest[1]!r}. A sample has a column for each of the run's {len(classes)} classes, or one of labels."
        )
    return {}, ""


def _label_column(sample: Sample, others: Sequence[int], classes: Sequence[str]) -> int:
    if len(others) == 1:
        return others[0]
    called = [place for place in others if sample.titles[place].strip().casefold() in _LABEL_TITLES]
    if len(called) == 1:
        return called[0]
    numbers = [[str(number) for number in range(start, start + len(sample.rows))] for start in (0, 1)]
    left = [place for place in others if sample.column(place) not in numbers]
    if len(left) == 1:
        return left[0]
    names = {name.casefold() for name in classes}
    labels = [
        place
        for place in left
        if any(sample.column(place)) and all(_is_label(cell, names, len(classes)) for cell in sample.column(place))
    ]
    if len(labels) == 1:
        return labels[0]
    listed = ", ".join(sample.titles[place] or f"column {place + 1}" for place in others[:NAMED])
    raise InputError(
        f"{sample.path}: which of its columns is the label is not clear ({listed}). Call it label, or take out those "
        "that are not asked for."
    )


def _is_label(cell: str, names: set[str], classes: int) -> bool:
    return cell == "" or cell.casefold() in names or (cell.isascii() and cell.isdigit() and int(cell) <= classes)


def _labels(sample: Sample, labels: Sequence[str], classes: Sequence[str]) -> tuple[list[str], str]:
    """How each class is written in a column of labels, and the form in words.

    Raises:
        InputError: a label is neither a class nor the position of one.
    """
    seen = set(labels) - {""}
    for case in _CASES:
        written = [case(name) for name in classes]
        if len(set(written)) == len(written) and seen <= set(written):
            return written, "class names" + ("" if written == list(classes) else " in the sample's case")
    if _are_numbers(classes):
        return _numbers(sample, seen, classes)
    wrong = sorted(label for label in seen if not (label.isascii() and label.isdigit()))
    if not wrong:
        positions = {int(label) for label in seen}
        if max(positions) < len(classes):
            return [str(label) for label in range(len(classes))], "positions of the classes, from 0"
        if positions >= {1, len(classes)} and positions <= set(range(1, len(classes) + 1)):
            return [str(label + 1) for label in range(len(classes))], "positions of the classes, from 1"
        wrong = [label for label in labels if label and int(label) >= len(classes)]
    folded = [name.casefold() for name in classes]
    spelled = {label.casefold(): label for label in seen}
    if len(set(folded)) == len(folded) and len(spelled) == len(seen) and spelled.keys() <= set(folded):
        written = [spelled.get(fold, name) for fold, name in zip(folded, classes, strict=True)]
        return written, "class names in the sample's case"
    wrong = [label for label in wrong if label.casefold() not in folded] or wrong
    raise InputError(
        f"{sample.path}: the label {wrong[0]!r} is neither a class of the run ({_first(classes)}) nor the position of "
        f"one (0 to {len(classes) - 1}, or 1 to {len(classes)} where the sample has both ends)."
    )


def _numbers(sample: Sample, seen: set[str], classes: Sequence[str]) -> tuple[list[str], str]:
    """`_labels` of class names that are all numbers, and not what the sample's labels are."""
    written = [_without_zeros(name) for name in classes]
    if len(set(written)) == len(written) and seen <= set(written):
        return written, "class names without zeros in front"
    if seen == {"0"}:
        return list(classes), "class names, its zeros taken for no answer"
    wrong = min(seen - set(classes))
    raise InputError(
        f"{sample.path}: the label {wrong!r} is neither a class of the run ({_first(classes)}) nor empty. Where "
        "classes are called by numbers, numbers are no positions; leave the column empty to have the names written."
    )


def _are_numbers(classes: Sequence[str]) -> bool:
    return all(name.isascii() and name.isdigit() for name in classes)


def _without_zeros(name: str) -> str:
    return name.lstrip("0") or "0"


def _first(classes: Sequence[str]) -> str:
    return ", ".join(classes[:NAMED]) + (", …" if len(classes) > NAMED else "")


def _matched(sample: Sample, ids: Sequence[str], known: "_Names", answers: Sequence[Answer]) -> list[int]:
    """The position of each id's image."""
    twice = sorted({identity for identity, times in Counter(ids).items() if times > 1})
    if twice:
        raise InputError(f"{sample.path}: {_some(twice, 'id')} more than once.")
    chosen = {identity: known.fitting(identity) for identity in ids}
    several = [identity for identity, fitting in chosen.items() if len(fitting) > 1]
    if several:
        names = ", ".join(answers[place].name for place in chosen[several[0]][:3])
        raise InputError(
            f"{sample.path}: {_some(several, 'id')} of more than one image: {several[0]} could be {names}. Give the "
            "folder of one of them only."
        )
    places = [place for fitting in chosen.values() for place in fitting]
    used = set(places)
    missing = [identity for identity, fitting in chosen.items() if not fitting]
    left_over = [answer.name for place, answer in enumerate(answers) if place not in used]
    faults = []
    if missing:
        faults.append(f"{_some(missing, 'id')} without an image")
    if left_over:
        faults.append(f"{_some(left_over, 'image')} without an id")
    if len(used) < len(places):
        times = Counter(places)
        shared = [identity for identity in ids if any(times[place] > 1 for place in chosen[identity])]
        faults.append(f"{_some(shared, 'id')} of one image with another")
    if faults:
        raise InputError(f"{sample.path} and the images do not fit: {'; '.join(faults)}.")
    return places


class _Names:
    """Images by every way of naming them: ends of their paths, with and without the suffix."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact: defaultdict[str, list[int]] = defaultdict(list)
        self._without_suffix: defaultdict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            parts = PurePosixPath(name).parts
            for skipped in range(len(parts)):
                ending = PurePosixPath(*parts[skipped:])
                self._exact[str(ending)].append(place)
                self._without_suffix[str(ending.with_suffix(""))].append(place)

    def fitting(self, identity: str) -> list[int]:
        """Positions of the images that an id may mean."""
        if not identity:
            return []
        key = str(PurePosixPath(identity))
        return self._exact.get(key) or self._without_suffix.get(key, [])


def _some(items: Sequence[str], thing: str) -> str:
    listed = ", ".join(items[:NAMED]) + (", …" if len(items) > NAMED else "")
    return f"{len(items):,} {thing if len(items) == 1 else thing + 's'} ({listed})"
