"""Files beside a run that hold what a job found."""

from pathlib import Path
from typing import Any

import msgspec

from vislab.engine.runs.files import write_atomically


def write_result(file: Path, found: Any) -> str:
    """Write what was found as JSON; returns why that cannot be, empty where it was written.

    A run may be another user's, or the disk full: what took minutes to compute is told all the same.
    """
    try:
        file.parent.mkdir(exist_ok=True)
        write_atomically(file, msgspec.json.encode(found))
    except OSError as error:
        return f"Cannot write {file}: {error.strerror}."
    return ""
