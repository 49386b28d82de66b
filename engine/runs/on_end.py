"""The person's own command, run when a run has ended."""

import os
import subprocess
import sys
from collections.abc import Sequence

from vislab.engine.runs.store import Run

_PATIENCE = 600.0  # seconds


def call(command: Sequence[str], run: Run) -> None:
    """Run a command, without a shell, with VISLAB_RUN, VISLAB_RUN_DIR and VISLAB_STATUS in its environment.

    What it writes goes to this process's own output (of a worker: worker.log), and so does the reason if it fails.
    """
    told = {"VISLAB_RUN": run.id, "VISLAB_RUN_DIR": str(run.path), "VISLAB_STATUS": run.status()}
    sys.stdout.flush()
    try:
        code = subprocess.run(
            command, env=os.environ | told, stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=False
        ).returncode
    except OSError as error:
        fault = str(error)
    except subprocess.TimeoutExpired:
        fault = f"it took more than {_PATIENCE:.0f} s and was ended"
    else:
        fault = f"it ended with code {code}" if code else ""
    if fault:
        print(f"on_end: {command[0]}: {fault}", file=sys.stderr)
