"""How long it takes to see the history of a run of 100,000 events: the limit is one second.

    python benchmarks/long_history.py [EVENTS]

Makes such a run in a temporary folder and measures, each in the best of three: reading and folding the log, the first
look of a live view, and the whole commands `vislab show` and `vislab show --once`. Ends with 1 where one takes longer
than the limit.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vislab.engine.runs.events import CheckpointSaved, EpochEnded, RunStarted, StepsLogged, encode
from vislab.engine.runs.store import Follower, Run, create
from vislab.presets.library import resolve
from vislab.tui.following import Looker

LIMIT = 1.0
STEPS_LOGGED = 20
"""Entries of the step log in an epoch."""


def write_log(run: Run, events: int) -> int:
    """A run of so many events, nearly: epochs of 20 step entries and a checkpoint; returns how many."""
    epochs = events // (STEPS_LOGGED + 2)
    lines = [
        encode(
            RunStarted(
                environment={"torch": "2.10"},
                classes=tuple(f"class {n}" for n in range(10)),
                counts={"train": (5000,) * 10, "validation": (1000,) * 10},
                split="80/20",
                selected_on_test=False,
                parameters=61_706,
                trained_parameters=61_706,
                head=("head",),
                batch_size=64,
                steps_per_epoch=STEPS_LOGGED,
                epochs=epochs,
                log_every=1,
                evaluated_weights="raw",
            )
        )
    ]
    for epoch in range(1, epochs + 1):
        for done in range(STEPS_LOGGED):
            step = (epoch - 1) * STEPS_LOGGED + done + 1
            lines.append(
                encode(
                    StepsLogged(
                        time=1.7e9 + step,
                        step=step,
                        epoch=epoch,
                        loss=1.0 + 1 / step,
                        accuracy=1 - 1 / (step + 1),
                        learning_rate=1e-3,
                        gradient_norm=0.7312,
                        images_per_second=412.3,
                        waiting=0.03,
                        elapsed=float(step),
                    )
                )
            )
        lines.append(
            encode(
                EpochEnded(
                    time=1.7e9 + step,
                    epoch=epoch,
                    step=step,
                    train_loss=1 / epoch,
                    train_accuracy=0.9,
                    train_top5=1.0,
                    val_loss=1.1 / epoch,
                    val_accuracy=1 - 1 / (epoch + 1),
                    val_top5=1.0,
                    val_macro_f1=0.9,
                    learning_rate=1e-3,
                    best=True,
                    seconds=20.0,
                    val_seconds=2.0,
                    train_images_per_second=412.0,
                    elapsed=float(step),
                )
            )
        )
        saved = CheckpointSaved(kind="full", path=f"checkpoints/{step}", step=step, epoch=epoch, bytes=1, seconds=0.1)
        lines.append(encode(saved))
    run.events.write_bytes(b"".join(lines))
    return len(lines)


def best_of_three(what: str, call: Callable[[], object]) -> bool:
    """Measure, print, and say whether it was within the limit."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    print(f"{what:<28} {min(seconds):.2f} s{'' if min(seconds) <= LIMIT else '  too slow'}", flush=True)
    return min(seconds) <= LIMIT


def main(events: int) -> int:
    """Measure everything; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        run = create(Path(folder), resolve(recipe="digits-lenet5"))
        count = write_log(run, events)
        print(f"{count:,} events, {run.events.stat().st_size / 1e6:.1f} MB")

        def command(*options: str) -> Callable[[], object]:
            call = "from vislab.tui.cli import main; main()"
            line = [sys.executable, "-c", call, "show", run.id, *options, "--runs-dir", folder]
            return lambda: subprocess.run(line, check=True, stdout=subprocess.DEVNULL)

        return (
            0
            if all(
                [
                    best_of_three("read and folded", lambda: Follower(run).look_until_end()),
                    best_of_three("first whole look, live view", lambda: Looker(run).whole()),
                    best_of_three("vislab show", command()),
                    best_of_three("vislab show --once", command("--once")),
                ]
            )
            else 1
        )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
