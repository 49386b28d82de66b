"""Make a folder of many finished runs and time how long it takes to list them.

python benchmarks/many_runs.py DIR --runs 5000
"""

import argparse
import time
from pathlib import Path

import msgspec

from vislab.engine.runs.events import EpochEnded, RunEnded, RunStarted, encode
from vislab.engine.runs.store import Run, all_runs, create
from vislab.presets.schema.spec import Spec

EPOCHS = 10
ARCHITECTURES = ("lenet5", "alexnet", "resnet18", "deit_small")
ENDINGS = (("done", ""), ("done", ""), ("done", ""), ("failed", "out of memory at micro-batch 1"), ("stopped", "asked"))


def main() -> None:
    """Make the runs that are not there yet, then list them twice: without and with their caches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5000)
    given = parser.parse_args()
    for number in range(len(all_runs(given.folder)), given.runs):
        _make(given.folder, number)
    for run in all_runs(given.folder):
        (run.path / "summary.json").unlink(missing_ok=True)
    for what in ("folding every log", "with caches", "with caches, again"):
        start = time.perf_counter()
        runs = all_runs(given.folder)
        listed = time.perf_counter()
        for run in runs:
            run.summary()
        end = time.perf_counter()
        print(f"{len(runs)} runs, {what}: {end - start:.2f} s, of which finding them {listed - start:.2f} s")


def _make(folder: Path, number: int) -> Run:
    name = ARCHITECTURES[number % len(ARCHITECTURES)]
    values = {"name": f"run {number}", "seed": number, "architecture": {"name": name}, "dataset": {"name": "digits"}}
    run = create(folder, msgspec.convert(values, Spec))
    began = time.time() - 3600.0 * number
    status, reason = ENDINGS[number % len(ENDINGS)]
    events = [
        RunStarted(
            time=began,
            environment={},
            classes=("a", "b"),
            counts={"train": (80, 80), "validation": (20, 20)},
            split="80/20",
            selected_on_test=False,
            parameters=61_706,
            trained_parameters=61_706,
            head=(),
            batch_size=64,
            steps_per_epoch=3,
            epochs=EPOCHS,
            log_every=1,
            evaluated_weights="raw",
        ),
        *(_epoch(began, epoch, number) for epoch in range(1, EPOCHS + 1)),
        RunEnded(status=status, reason=reason, step=3 * EPOCHS, epoch=EPOCHS, elapsed=2.0 * EPOCHS, exit_code=0),
    ]
    run.events.write_bytes(b"".join(map(encode, events)))
    run.lock.touch()
    return run


def _epoch(began: float, epoch: int, number: int) -> EpochEnded:
    accuracy = 1 - 1 / (1 + epoch + number % 97 / 10)
    return EpochEnded(
        time=began + 2 * epoch,
        epoch=epoch,
        step=3 * epoch,
        train_loss=1 / epoch,
        train_accuracy=accuracy,
        train_top5=1.0,
        val_loss=1 / epoch,
        val_accuracy=accuracy,
        val_top5=1.0,
        val_macro_f1=accuracy,
        learning_rate=1e-3,
        best=True,
        seconds=2.0,
        val_seconds=0.1,
        train_images_per_second=400.0,
        elapsed=2.0 * epoch,
    )


if __name__ == "__main__":
    main()
