"""What an automatic checkpoint costs the loop: written in it, and beside it.

    python benchmarks/checkpoints_beside.py

Three stretches of updates in turn, again and again: without a checkpoint, with one that the loop writes, with one that
a thread writes. Prints, for each network, medians over the rounds of what a checkpoint adds to the stretch (wall time,
processor time of the loop's thread, processor time of the process) and how long the loop stands still for it.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from vislab.engine.models import lenet
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.store import Run
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.saving import Saver


def wide(width: int) -> nn.Module:
    """Three linear layers."""
    layers = [nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    return nn.Sequential(*layers)


NETWORKS = {
    "lenet5": lambda: lenet.build(10, in_channels=1, image_size=28),
    "mlp 1M": lambda: wide(700),
    "mlp 11M": lambda: wide(2950),
    "mlp 45M": lambda: wide(6300),
}


def clocks() -> tuple[float, float, float]:
    """Wall time, processor time of this thread, processor time of this process, in seconds."""
    return time.perf_counter(), time.thread_time(), time.process_time()


def measure(name: str, rounds: int, updates: int, folder: Path) -> dict[str, object]:
    """Figures of one network, in milliseconds."""
    folder.mkdir(parents=True)
    model = NETWORKS[name]()
    metrics = torch.device("cpu")
    training = Resumable(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters(), fused=True),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=None,
        interval=Accumulator(metrics),
        epoch=Accumulator(metrics),
    )
    run = Run(folder)
    saver = Saver(run.checkpoints, training, Reporter(run, EventWriter(run.events)), "auto")
    images, labels = torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))

    def update() -> None:
        training.drop_gradients()
        nn.functional.cross_entropy(model(images), labels).backward()
        training.optimizer.step()
        training.position.step += 1
        saver.settle(wait=False)

    def stretch(how: str) -> tuple[float, float, float, float]:
        began = clocks()
        stood = 0.0
        for number in range(updates):
            update()
            if number == 0 and how != "none":
                asked = time.perf_counter()
                saver.full(beside=how == "beside")
                stood = time.perf_counter() - asked
        saver.settle()
        wall, thread, process = (now - then for now, then in zip(clocks(), began, strict=True))
        return wall, thread, process, stood

    for _ in range(5):
        update()
    found: dict[str, list[tuple[float, float, float, float]]] = {"none": [], "loop": [], "beside": []}
    for _ in range(rounds):
        for how, rows in found.items():
            rows.append(stretch(how))

    def typical(how: str, column: int) -> float:
        added = [row[column] - base[column] for row, base in zip(found[how], found["none"], strict=True)]
        return round(1000 * statistics.median(added), 2)

    columns = ("wall", "processor, loop", "processor, process", "stands still")
    return {how: {what: typical(how, column) for column, what in enumerate(columns)} for how in ("loop", "beside")} | {
        "megabytes": round(sum(t.nbytes for part in training.tensors().values() for t in part.values()) / 1e6, 1),
        "stretch": round(1000 * statistics.median(row[0] for row in found["none"]), 1),
    }


def main() -> None:
    """Measure each network; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.2, help="of updates in a stretch, about")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    given = parser.parse_args()
    for name in given.networks:
        with tempfile.TemporaryDirectory() as folder:
            once = measure(name, 3, 5, Path(folder, "first"))["stretch"]
            assert isinstance(once, float)
            updates = max(3, round(given.seconds / (once / 5000)))
            found = measure(name, given.rounds, updates, Path(folder, "run"))
        print(json.dumps({"network": name, "updates": updates, "load": os.getloadavg()[0]} | found), flush=True)


if __name__ == "__main__":
    main()
