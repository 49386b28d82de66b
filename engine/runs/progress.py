"""progress.json: the worker's live position and heartbeat. Replaced often, not history."""

from pathlib import Path

import msgspec

from vislab.engine.runs.events import Phase
from vislab.engine.runs.files import write_atomically


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the worker is now."""

    time: float
    """Wall clock of this heartbeat."""
    pid: int
    host: str
    phase: Phase
    epoch: int = 0
    epochs: int = 0
    """Planned in all; 0 before the run has started."""
    step: int = 0
    """Updates of the whole run."""
    done: int = 0
    """Parts of the present phase that are done, of `total`: steps, batches or images."""
    total: int = 0
    images_per_second: float = 0.0
    elapsed: float = 0.0
    began: float = 0.0
    """Wall clock of the beginning of the present phase; 0.0: an earlier version did not say."""


def write(path: Path, progress: Progress) -> None:
    """Replace progress.json."""
    write_atomically(path, msgspec.json.encode(progress), durable=False)


def read(path: Path) -> Progress | None:
    """The last heartbeat; None before the first one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
