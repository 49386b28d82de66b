"""The file that an HTML log is written to: looked at before the training, written after it."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from vislab.presets.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vislab.engine.analysis.comparison import Compared
    from vislab.engine.runs.store import Run


def check(file: Path | None, option: str = "--html") -> None:
    """Make the folder of a file, and refuse one that cannot be written, before hours of training; None is fine.

    Args:
        option: where the file was named, for the message; empty: nowhere on a command line.

    Raises:
        InputError: it is a folder, its name is no file's, or its folder cannot be made or is read-only.
    """
    if file is None:
        return
    folder, named = file.absolute().parent, f"{option} {file}".strip()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{named}: the folder {folder} cannot be made: {error.strerror}.") from error
    try:
        is_folder = stat.S_ISDIR(file.stat().st_mode)
    except FileNotFoundError:
        is_folder = False
    except OSError as error:
        raise InputError(f"{named}: {error.strerror}. Name another file.") from error
    if is_folder:
        raise InputError(f"{named}: this is a folder; name a file.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{named}: no permission to write into {folder}.")


def refusal(name: str) -> str:
    """Why a file of this name cannot be written, in one safe sentence; empty where it can be, or there is no name."""
    from vislab.presets.layers import expanded
    from vislab.tui.views.text import plain

    try:
        check(expanded(name.strip()).absolute() if name.strip() else None, option="")
    except InputError as error:
        return plain(str(error), 400)
    return ""


def missing_folder(name: str) -> str:
    """Say in safe text which folder would be made for a file of this name; empty where it is there."""
    from vislab.presets.layers import expanded
    from vislab.tui.views.text import plain

    try:
        folder = expanded(name.strip()).absolute().parent
        return "" if not name.strip() or folder.exists() else f"makes the folder {plain(str(folder), 400)}"
    except (InputError, OSError):
        return ""


def write(run: "Run", file: Path) -> None:
    """Write the HTML log of a run, with pictures as far as they can be had.

    Raises:
        InputError: the file cannot be written.
    """
    from vislab.engine.runs.ask import JobProcess
    from vislab.presets.settings import load_settings
    from vislab.tui.html_log import write_html
    from vislab.tui.looks import collect

    with JobProcess() as jobs:  # starts with the first question, and a young run gives no cause for one
        looks = collect(run, str(load_settings(strict=False).data_dir), jobs.ask)
    try:
        write_html(run, file, looks)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}. The run itself is saved: {run.path}") from error


def write_comparison(
    runs: "Sequence[Compared]",
    file: Path,
    *,
    title: str = "",
    question: str = "",
    again: "Sequence[str]" = (),
    printed: "Mapping[str, str] | None" = None,
) -> None:
    """Write the HTML log of a study or of another comparison, see `vislab.tui.html_study.document`.

    Raises:
        InputError: the file cannot be written.
    """
    from vislab.engine.runs.ask import JobProcess
    from vislab.engine.runs.files import write_atomically
    from vislab.presets.settings import load_settings
    from vislab.tui.html import study_runs
    from vislab.tui.html_study import document
    from vislab.tui.looks import collect
    from vislab.tui.views.compare import arranged

    data_dir = str(load_settings(strict=False).data_dir)
    with JobProcess() as jobs:
        looks = {one.run.id: collect(one.run, data_dir, jobs.ask) for one in study_runs.pictured(arranged(runs))}
    page = document(runs, title=title, question=question, again=again, printed=printed, looks=looks)
    try:
        write_atomically(file, page.encode(), durable=False)
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}. The runs themselves are saved.") from error
