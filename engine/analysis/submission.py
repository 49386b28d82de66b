"""Fill a competition's sample file with predictions."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vislab.presets.errors import InputError

NAMED = 10
"""Images and ids that an error names."""

_DELIMITERS = ",\t;"


@dataclass(frozen=True)
class Sample:
    """A competition's sample file: a title line, then a line an image with its id and some label.

    Attributes:
        path: where it was read.
        delimiter, newline: as in the file; what is made of it has the same.
        titles: names of the two columns.
        rows: both cells of each line.
    """

    path: Path
    delimiter: str
    newline: str
    titles: tuple[str, str]
    rows: tuple[tuple[str, str], ...]


def read_sample(path: Path) -> Sample:
    """Read a sample file (CSV; comma, tab or semicolon).

    Raises:
        InputError: it cannot be read, or has not two columns and at least one line below the titles.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}.") from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for row in reader:
            if not row:
                continue
            if len(row) != 2:
                raise InputError(
                    f"{path}, line {reader.line_num} has {len(row)} columns; a sample file has two: an image's id and "
                    "its label."
                )
            rows.append((row[0], row[1]))
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {error}.") from error
    if len(rows) < 2:
        raise InputError(f"{path} holds no ids: a line of titles and then a line an image are expected.")
    return Sample(path, delimiter, "\r\n" if first.endswith("\r") else "\n", rows[0], tuple(rows[1:]))


def filled(sample: Sample, predictions: Sequence[tuple[str, int]], classes: Sequence[str]) -> str:
    """The sample's text with its labels replaced by the predicted ones, its ids, order and form kept.

    The id column is the one that fits the images' names. An id fits an image whose path it is, or is the end of, such
    as its file name; where it fits none so, suffixes of images are left aside.
    Labels are class names where all of the sample's labels are (or are empty), else positions of classes, from 0.

    Args:
        predictions: name of each image, with forward slashes, and the position of the predicted class.

    Raises:
        InputError: an id occurs twice or fits no image or several, an image is left over, a label is neither a class
            nor the position of one. All that are missing or left over are counted and the first ten named.
    """
    known = _Names([name for name, _ in predictions])
    # Labels such as 0 may fit images as well, but only a few different ones.
    columns = [{row[column] for row in sample.rows} for column in (0, 1)]
    id_column = max((0, 1), key=lambda column: sum(bool(known.fitting(cell)) for cell in columns[column]))
    ids = [row[id_column] for row in sample.rows]
    as_name = _labels_are_names(sample, [row[1 - id_column] for row in sample.rows], classes)
    twice = sorted({identity for identity, times in Counter(ids).items() if times > 1})
    if twice:
        raise InputError(f"{sample.path}: {_some(twice, 'id')} more than once.")
    chosen = {identity: known.fitting(identity) for identity in ids}
    several = [identity for identity, fitting in chosen.items() if len(fitting) > 1]
    if several:
        names = ", ".join(predictions[place][0] for place in chosen[several[0]][:3])
        raise InputError(
            f"{sample.path}: {_some(several, 'id')} of more than one image: {several[0]} could be {names}. Give the "
            "folder of one of them only."
        )
    places = [place for fitting in chosen.values() for place in fitting]
    used = set(places)
    missing = [identity for identity, fitting in chosen.items() if not fitting]
    left_over = [name for place, (name, _) in enumerate(predictions) if place not in used]
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
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sample.delimiter, lineterminator=sample.newline)
    writer.writerow(sample.titles)
    for identity in ids:
        label = predictions[chosen[identity][0]][1]
        cell = classes[label] if as_name else str(label)
        writer.writerow([identity, cell] if id_column == 0 else [cell, identity])
    return text.getvalue()


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


def _labels_are_names(sample: Sample, labels: Sequence[str], classes: Sequence[str]) -> bool:
    names = set(classes)
    if all(label == "" or label in names for label in labels):
        return True
    wrong = [label for label in labels if not (label.isascii() and label.isdigit() and int(label) < len(classes))]
    if not wrong:
        return False
    some = ", ".join(classes[:NAMED]) + (", …" if len(classes) > NAMED else "")
    raise InputError(
        f"{sample.path}: the label {wrong[0]!r} is neither a class of the run ({some}) nor the position of one "
        f"(0 to {len(classes) - 1})."
    )


def _some(items: Sequence[str], thing: str) -> str:
    listed = ", ".join(items[:NAMED]) + (", …" if len(items) > NAMED else "")
    return f"{len(items):,} {thing if len(items) == 1 else thing + 's'} ({listed})"
