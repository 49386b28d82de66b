"""vislab's side: a run from the command line, read from its own log."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
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
_PICTURES = (  # as torchvision's Resize and CenterCrop, and ImageNet's constants
    "preprocessing.resize=crop",
    "preprocessing.crop_fraction=1",
    "preprocessing.interpolation=bilinear",
    "preprocessing.mean=[0.485, 0.456, 0.406]",
    "preprocessing.std=[0.229, 0.224, 0.225]",
)
_GREY = ("preprocessing.mean=[0.5]", "preprocessing.std=[0.5]")
_LONG = 100
"""Epochs of a training that is worth choosing its arithmetic for."""


@dataclass(frozen=True)
class Vislab:
    """vislab on a work.

    Args:
        folder: for the runs and vislab's cache. What a work's runs decided and decoded stays in it.
    """

    work: Work
    data: Path
    folder: Path
    threads: int

    def choose(self) -> bool:
        """Let `auto` choose; returns whether later runs will remember.

        It measures a training that is planned to be long, and costs such a one 5 % of its time at most. The trainings
        of a benchmark are too short for that. So a long one is begun, and killed when it begins to train.
        """
        shutil.rmtree(self.folder / "cache" / "measured", ignore_errors=True)
        run = self._vislab(*self._command(epochs=_LONG), "--detach").split()[-1]
        log = self.folder / "runs" / run / "events.jsonl"
        while not any(word in log.read_text() for word in ("RunStarted", "RunEnded")):
            time.sleep(0.2)
        if "RunEnded" in log.read_text():
            raise RuntimeError(f"vislab failed:\n{log.read_text()[-2000:]}")
        self._vislab("stop", run, "--now", "--runs-dir", str(self.folder / "runs"))
        shutil.rmtree(self.folder / "runs")
        return any((self.folder / "cache" / "measured").glob("*.json"))

    def run(self, seed: int) -> dict[str, Any]:
        """Train once; returns what the other sides print, and the accuracy after each epoch.

        Raises:
            RuntimeError: the run failed.
        """
        if self.work.whole:
            shutil.rmtree(self.folder, ignore_errors=True)  # what is done once is done anew
        began = time.time()
        self._vislab(*self._command(self.work.epochs), "--set", f"seed={seed}", "--quiet")
        seconds = time.time() - began
        (made,) = (self.folder / "runs").iterdir()
        found = _read([json.loads(line) for line in (made / "events.jsonl").read_text().splitlines()])
        shutil.rmtree(self.folder / "runs")
        return found | {"seconds": seconds, "start_seconds": found["began"] - began}

    def _command(self, epochs: int) -> list[str]:
        work = self.work
        settings = [*_ALIKE, *work.settings, *(_PICTURES if work.jpeg else _GREY), f"threads={self.threads}"]
        settings += [f"strategy.epochs={epochs}", f"strategy.batch_size={work.batch}"]
        settings.append(f"preprocessing.image_size={work.size}")
        if not work.whole:  # the first of them would fall into the few seconds that are measured
            settings.append(f"checkpoint_every={_LONG}epochs")
        command = ["run", "--runs-dir", str(self.folder / "runs")]
        command += (
            ["--dataset", str(self.data)] if work.jpeg else ["--dataset", "fashionmnist", "--data", str(self.data)]
        )
        command += ["--architecture", work.architecture, "--strategy", "transfer" if work.whole else "scratch"]
        return [*command, *(word for setting in settings for word in ("--set", setting))]

    def _vislab(self, *words: str) -> str:
        command = [str(Path(sys.executable).with_name("vislab")), *words]
        environment = os.environ | {
            "OMP_NUM_THREADS": str(self.threads),
            "VISLAB_CACHE_DIR": str(self.folder / "cache"),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"vislab failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


def _read(events: list[dict[str, Any]]) -> dict[str, Any]:
    started = next(event for event in events if event["type"] == "RunStarted")
    epochs = [event for event in events if event["type"] == "EpochEnded"]
    marks = [started["time"], *(epoch["time"] for epoch in epochs)]
    decided = {event["what"]: event["choice"] for event in events if event["type"] == "DecisionMade"}
    pixels = next(event for event in events if event.get("what") == "pixels")
    arithmetic = " ".join(decided[what] for what in ("precision", "memory format", "threads"))
    return {
        "parameters": started["parameters"],
        "accuracies": [epoch["val_accuracy"] for epoch in epochs],
        "epoch_seconds": [end - begin for begin, end in pairwise(marks)],
        "began": pixels["time"] - pixels["details"]["seconds"],  # its imports are over, decoding begins
        "arithmetic": arithmetic,
    }
