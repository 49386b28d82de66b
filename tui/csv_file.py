"""Tables as CSV files that a spreadsheet may open."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from vislab.engine.runs.files import write_atomically
from vislab.presets.errors import InputError


def write(file: Path, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table; a file that is there is replaced. Text from outside goes through `cells.guard` first.

    Raises:
        InputError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    write_text(file, text.getvalue())


def write_text(file: Path, text: str) -> None:
    """Write a file as it stands; file names in it keep their bytes. Its folder is made where it is missing.

    A full disk leaves what was there: a file is replaced at once, and written through only if it is a pipe or a device.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
        data = text.encode("utf-8", "surrogateescape")
        if file.exists() and not file.is_file():
            file.write_bytes(data)
        else:
            write_atomically(Path(os.path.realpath(file)), data, durable=False)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}. Name another file.") from error
