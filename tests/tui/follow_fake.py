"""The `vislab` command with a fake worker in place of the one that trains; prints what it must not have imported."""

import atexit
import subprocess
import sys
import time
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.presets.settings import Settings
from vislab.tui import cli, headless


def start(run: Run, settings: Settings, *, foreground: bool = False, **longer: int | str) -> int:
    """Start the fake worker as the real one is started."""
    if longer.get("epochs"):
        print(f"longer: {longer}", file=sys.stderr)
    with run.worker_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fake_worker.py")), str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=not foreground,
        )
    while run.worker() == 0 and process.poll() is None:  # a short one may be over before anybody looks
        time.sleep(0.01)
    return process.pid


def told() -> None:
    """Name what a follower has no use for and has imported all the same."""
    heavy = sorted({"torch", "torchvision", "timm", "textual", "numpy", "sklearn"} & sys.modules.keys())
    if heavy:
        print(f"IMPORTED {heavy}", file=sys.stderr)


headless.start = start
atexit.register(told)
cli.main()
