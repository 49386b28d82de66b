"""The process of one tracker: `python -m vislab.engine.trackers RUN_DIR KIND TARGET`, started by a worker."""

import os
import sys
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.engine.trackers.sync import sync
from vislab.presets.errors import InputError

_NICE = 10  # the run comes first


def main() -> int:
    """Follow a run until its worker has ended; 1 when the tracker failed."""
    run_dir, kind, target = sys.argv[1:]
    os.nice(_NICE)
    try:
        sync(Run(Path(run_dir)), kind, target, live=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
