"""A storm of SIGKILLs: runs killed again and again must end with the bits of runs that were not, and no save may break.

    python benchmarks/kill_storm.py --kills 200 --save-kills 1000 [--device cuda]

`--kills` runs with augmentation, mixup, dropout, batch norm, a moving average and a schedule are killed at random
moments and resumed until they are done, in {fp32, bf16} x {contiguous, channels_last} x {fused, foreach}, and on CUDA,
where they are deterministic, in fp16 too; then a process that does nothing but save is killed `--save-kills` times.
Prints counts as JSON; ends with 1 if anything differed. Workers are forked from this process, so that torch is imported
once.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import scipy.special  # noqa: F401 - imported by workers: once here, not in each of them
import torch
import torch._dynamo  # by optimizers
from torch import nn

from vislab.engine import worker
from vislab.engine.data.source import ArrayImages, Source
from vislab.engine.runs import checkpoints, store
from vislab.engine.runs.log import EventReader, EventWriter
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.store import Run
from vislab.engine.training import checkpoint
from vislab.engine.training.ema import ExponentialMovingAverage
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.run import Training  # noqa: F401
from vislab.engine.training.saving import Saver
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

DURATIONS = {"time", "elapsed", "seconds", "val_seconds", "train_images_per_second", "images_per_second", "waiting"}
DURATIONS |= {"energy", "epoch_seconds", "interval_seconds", "interval_waiting"}
PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}
FORMATS = ("contiguous", "channels_last")
IMPLEMENTATIONS = ("fused", "foreach")


def source(root: Path) -> Source:
    """Noisy pictures, every class with a bright row of its own."""
    labels = np.arange(100, dtype=np.int64) % 4
    pixels = np.random.default_rng(1).normal(110.0, 60.0, (100, 12, 12, 3))
    pixels[np.arange(100), labels * 2] += 90
    return Source(tuple("abcd"), labels, ArrayImages({"made": np.clip(pixels, 0, 255).astype(np.uint8)}))


def build(num_classes: int, *, in_channels: int) -> nn.Module:
    """Two convolutions, batch norm, dropout, a linear layer."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, num_classes),
    )


def make_run(
    settings: Settings,
    device: str = "cpu",
    precision: str = "fp32",
    memory_format: str = "contiguous",
    implementation: str = "fused",
) -> Run:
    """A run of ten epochs that saves after every third update."""
    me = Path(__file__).resolve()
    spec = {
        "name": "storm",
        "device": device,
        "deterministic": device != "cpu",
        "precision": precision,
        "memory_format": memory_format,
        "checkpoint_every": "3steps",
        "dataset": {"name": "made", "source": f"{me}:source", "path": str(me.parent)},
        "architecture": {"name": "made", "build": f"{me}:build"},
        "strategy": {
            "epochs": 10,
            "batch_size": 9,
            "accumulate": 2,
            "split": "80/20",
            "augment": ["random_crop(padding=1)", "rotation(degrees=20)", "horizontal_flip"],
            "mixup": 0.3,
            "cutmix": 1.0,
            "ema": 0.9,
            "schedule": "one_cycle",
            "learning_rate": 0.02,
            "label_smoothing": 0.1,
            "clip_norm": 1.0,
            "optimizer_options": {implementation: True},
        },
        "preprocessing": {"image_size": 12, "resize": "stretch"},
    }
    return store.create(settings.runs_dir, msgspec.convert(spec, Spec), code=[me])


def found(run: Run) -> dict[str, Any]:
    """Everything that a run has found, without durations: tensors of its checkpoints, and the fold of its log."""

    def timeless(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if key not in DURATIONS}

    everything: dict[str, Any] = {}
    for folder in (*checkpoints.full(run.checkpoints), *checkpoints.best(run.checkpoints)):
        tensors, scalars = checkpoint.load(folder)
        for file, content in tensors.items():
            for name, tensor in content.items():
                bits = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
                everything[f"{folder.name}/{file}/{name}"] = (str(tensor.dtype), tuple(tensor.shape), bits)
        if scalars:
            everything[f"{folder.name}/position"] = timeless(scalars.pop("position"))
            everything[f"{folder.name}/scalars"] = scalars
    state = run.state()
    everything["epochs"] = [timeless(msgspec.to_builtins(row)) for row in state.epochs]
    everything["steps"] = [timeless(msgspec.to_builtins(row)) for row in state.steps]
    everything["notices"] = [(row.topic, row.text, row.step) for row in state.notices]
    everything["decisions"] = sorted((row.what, row.choice) for row in state.decisions)
    everything["ended"] = (state.ended.status, state.ended.step, state.ended.test) if state.ended else None
    return everything


def forked(work: Callable[[], int]) -> int:
    """Process id of a child that does some work, in silence."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(work())
    return child


def wait_at_most(child: int, seconds: float) -> bool:
    """Whether a child ends by itself, and well, within a time; else it is killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status != 0:
                raise SystemExit(f"a worker ended with status {os.waitstatus_to_exitcode(status)}")
            return True
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def run_storm(settings: Settings, device: str, kills: int, dice: random.Random) -> dict[str, int]:
    """Kill runs so often, in all configurations in turn; the last one is resumed to its end."""
    counts = {"kills": 0, "runs": 0, "resumes": 0, "different_runs": 0, "unreadable_checkpoints": 0, "broken_lines": 0}
    configurations = list(itertools.product(PRECISIONS[device], FORMATS, IMPLEMENTATIONS))
    for configuration in itertools.cycle(configurations):
        if counts["kills"] >= kills:
            break
        whole, killed = (make_run(settings, device, *configuration) for _ in range(2))
        train = lambda run: forked(lambda: worker.main(run.path, settings=settings))  # noqa: E731
        began = time.monotonic()
        if not wait_at_most(train(whole), 600.0):
            raise SystemExit("a run that nobody killed did not end")
        took = time.monotonic() - began
        while not wait_at_most(train(killed), dice.uniform(0.0, 0.6 * took)):
            counts["kills"] += 1
            check(killed, counts)
        counts["runs"] += 1
        counts["resumes"] += len(killed.state().resumes)
        expected, got = found(whole), found(killed)
        different = [name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)]
        if different:
            counts["different_runs"] += 1
            print(f"{configuration}: {killed.path} differs in {different[:5]}", file=sys.stderr)
    return counts


def check(run: Run, counts: dict[str, int]) -> None:
    """Count checkpoints that were published and are damaged, and lines of the log that cannot be understood."""
    folders = [*checkpoints.full(run.checkpoints), *checkpoints.best(run.checkpoints)]
    counts["unreadable_checkpoints"] += sum(checkpoints.damage(folder) != "" for folder in folders)
    counts["broken_lines"] += sum(event is None for event in EventReader(run.events).events())


def save_for_ever(run: Run) -> int:
    """Save, as a worker does, from the newest checkpoint on."""
    checkpoint.recover(run.checkpoints)
    model = build(4, in_channels=3)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    metrics = torch.device("cpu")
    training = Resumable(
        model=model,
        optimizer=optimizer,
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=ExponentialMovingAverage(model, 0.9),
        interval=Accumulator(metrics),
        epoch=Accumulator(metrics),
    )
    newest = next(iter(checkpoints.full(run.checkpoints)), None)
    training.position.step = int(newest.name) if newest else 0
    saver = Saver(run.checkpoints, training, Reporter(run, EventWriter(run.events)), "1step")
    while True:
        training.position.step += 1
        if training.position.step % 3 == 0:
            saver.best()
        saver.full(beside=training.position.step % 2 == 0)
        training.position.epoch += 1
        saver.full(beside=True)  # in place of the one of the same step


def save_storm(settings: Settings, kills: int, dice: random.Random) -> dict[str, int]:
    """Kill a process that only saves; look at what it published after each kill."""
    counts = {"kills": 0, "unreadable_checkpoints": 0, "broken_lines": 0, "fewer_than_before": 0, "saves": 0}
    run = make_run(settings)
    newest = 0
    while counts["kills"] < kills:
        assert not wait_at_most(forked(lambda: save_for_ever(run)), dice.uniform(0.0, 0.15))
        counts["kills"] += 1
        check(run, counts)
        checkpoint.recover(run.checkpoints)
        check(run, counts)
        steps = [int(folder.name) for folder in checkpoints.full(run.checkpoints)]
        counts["fewer_than_before"] += max(steps, default=0) < newest
        newest = max(steps, default=0)
    counts["saves"] = len(run.state().checkpoints)
    return counts


def main() -> int:
    """Run both storms; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Kill runs and saves at random moments; compare with undisturbed runs."
    )
    parser.add_argument("--kills", type=int, default=200, help="of runs")
    parser.add_argument("--save-kills", type=int, default=1000, help="of a process that only saves")
    parser.add_argument("--device", choices=PRECISIONS, default="cpu", help="of the runs; saves are made on the CPU")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the runs lie; default: a temporary folder")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dice = random.Random(given.seed)
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(folder / "runs", folder / "data", folder / "cache", folder / "config")
        began = time.monotonic()
        counts = {
            "runs": run_storm(settings, given.device, given.kills, dice) if given.kills else {},
            "saves": save_storm(settings, given.save_kills, dice) if given.save_kills else {},
        }
    print(json.dumps(counts | {"seconds": round(time.monotonic() - began, 1)}))
    faults = ("different_runs", "unreadable_checkpoints", "broken_lines", "fewer_than_before")
    return int(any(part.get(fault, 0) for part in counts.values() for fault in faults))


if __name__ == "__main__":
    sys.exit(main())
