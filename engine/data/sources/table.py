"""A table of image files and their labels."""

import csv
import io
import os
from pathlib import Path

import numpy as np

from vislab.engine.data.source import FileImages, Source
from vislab.engine.data.sources.parts import ROLES, role_of
from vislab.presets.errors import InputError

_NAMED = 5


def source(root: Path) -> Source:
    """Images listed in a CSV or TSV file with the columns path, label and, if wanted, split and group.

    Paths are relative to the table's folder. The first line names the columns; more columns may follow and are not
    read. A row without label is an unlabelled image, one without group is a group of its own. split is train,
    validation or test.

    Raises:
        InputError: names the line: a column, path or part that is missing or unknown, a path twice, no such file.
    """
    rows = _rows(root)
    # Path.is_file raises for a name that is too long and for a folder that may not be entered.
    missing = [(line, row["path"]) for line, row in rows if not os.path.isfile(root.parent / row["path"])]  # noqa: PTH113
    if missing:
        listed = ", ".join(f"{path} (line {line})" for line, path in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InputError(
            f"{root}: {len(missing)} of {len(rows)} files do not exist: {listed}{more}; a path starts from the table's "
            "folder"
        )
    found = {row["label"] for _, row in rows} - {""}
    if not found:
        raise InputError(f"{root}: the column label is empty in every line")
    numeric = all(label.isascii() and label.isdigit() for label in found)
    classes = tuple(sorted(found, key=lambda label: (int(label), label)) if numeric else sorted(found))
    position = {name: label for label, name in enumerate(classes)}
    has_groups = "group" in rows[0][1]
    return Source(
        classes=classes,
        labels=np.array([position.get(row["label"], -1) for _, row in rows], dtype=np.int64),
        images=FileImages(root.parent, [row["path"] for _, row in rows]),
        roles=_roles(root, rows),
        groups=np.array([row["group"] or f"line {line}" for line, row in rows]) if has_groups else None,
    )


def _rows(root: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells of each row that is not empty, cells stripped."""
    try:
        text = root.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{root}, line {line}: this is no UTF-8 text; save the table as UTF-8") from error
    except OSError as error:
        raise InputError(f"{root} cannot be read as a table: {error.strerror or error}") from error
    header_line = text.partition("\n")[0]
    delimiter = max(",\t;", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [name.strip().lower() for name in next(reader, [])]
    for column in ("path", "label"):
        if header.count(column) != 1:
            raise InputError(
                f'{root}, line 1: one column must be called "{column}"; found: {header_line.strip() or "nothing"}'
            )
    rows: list[tuple[int, dict[str, str]]] = []
    first_line: dict[str, int] = {}
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise InputError(f"{root}, line {line}: {len(cells)} cells, but line 1 names {len(header)} columns")
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            if not row["path"]:
                raise InputError(f"{root}, line {line}: no path")
            if row["path"] in first_line:
                raise InputError(f'{root}, line {line}: "{row["path"]}" was in line {first_line[row["path"]]} already')
            first_line[row["path"]] = line
            rows.append((line, row))
    except csv.Error as error:
        raise InputError(f"{root}, line {reader.line_num}: {error}") from error
    if not rows:
        raise InputError(f"{root} names no images: there is nothing below line 1")
    return rows


def _roles(root: Path, rows: list[tuple[int, dict[str, str]]]) -> np.ndarray[tuple[int], np.dtype[np.int8]] | None:
    if "split" not in rows[0][1]:
        return None
    roles = np.empty(len(rows), dtype=np.int8)
    for position, (line, row) in enumerate(rows):
        role = role_of(row["split"])
        if role is None:
            raise InputError(f'{root}, line {line}: split "{row["split"]}" is none of {", ".join(ROLES)}')
        roles[position] = role
    return roles
