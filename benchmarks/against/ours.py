"""vislab's side: a run from the command line, read from its own log."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from works import Work

_ALIKE = (
    "strategy.optimizer=adam",
    "strategy.learning_rate=1e-3",
    "strategy.weight_decay=0",
    "strategy.schedule=constant",
    "strategy.warmup_epochs=0",
    "strategy.clip_norm=0",
    "strategy.augment=none",
    "strategy.label_smoothing=0",
    "strategy.split=official",
    "strategy.validation=test",
)


def run(work: Work, data: Path, folder: Path, threads: int) -> dict[str, Any]:
    """Train once; returns what the other sides print.

    Args:
        folder: for the run and vislab's cache. What a work's runs decided and decoded stays in it, so that a whole
            training that is measured needs a new one.

    Raises:
        RuntimeError: the run failed.
    """
    settings = [*_ALIKE, *work.settings, f"threads={threads}"]
    settings += [f"strategy.epochs={work.epochs}", f"strategy.batch_size={work.batch}"]
    settings.append(f"preprocessing.image_size={work.size}")
    if not work.jpeg:
        settings += ["preprocessing.mean=[0.5]", "preprocessing.std=[0.5]"]
    command = [str(Path(sys.executable).with_name("vislab")), "run", "--quiet", "--runs-dir", str(folder / "runs")]
    command += ["--dataset", str(data)] if work.jpeg else ["--dataset", "fashionmnist", "--data", str(data)]
    command += ["--architecture", work.architecture, "--strategy", "transfer" if work.whole else "scratch"]
    for setting in settings:
        command += ["--set", setting]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "VISLAB_CACHE_DIR": str(folder / "cache")}
    before = set((folder / "runs").glob("*"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"vislab failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    (made,) = set((folder / "runs").glob("*")) - before
    return _read([json.loads(line) for line in (made / "events.jsonl").read_text().splitlines()])


def _read(events: list[dict[str, Any]]) -> dict[str, Any]:
    started = next(event for event in events if event["type"] == "RunStarted")
    epochs = [event for event in events if event["type"] == "EpochEnded"]
    marks = [started["time"], *(epoch["time"] for epoch in epochs)]
    decided = {event["what"]: event["choice"] for event in events if event["type"] == "DecisionMade"}
    arithmetic = " ".join(decided[what] for what in ("precision", "memory format", "threads") if what in decided)
    return {
        "parameters": started["parameters"],
        "accuracy": epochs[-1]["val_accuracy"],
        "epoch_seconds": [end - begin for begin, end in pairwise(marks)],
        # Imports are left out, as on the other sides: the first event follows them.
        "before_seconds": started["time"] - events[0]["time"],
        "arithmetic": arithmetic,
    }
