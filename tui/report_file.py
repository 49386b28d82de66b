"""The Markdown file that a comparison is written to."""

from collections.abc import Sequence
from pathlib import Path

from vislab.engine.analysis.comparison import Compared
from vislab.presets.errors import InputError
from vislab.tui.views import compare


def write(runs: Sequence[Compared], file: Path) -> None:
    """Write a comparison; a file that is there is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        file.write_text(compare.markdown(runs), encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}. Name another file.") from error
