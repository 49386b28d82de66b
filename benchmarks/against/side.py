"""What the programs of all sides have in common: their command line, their clock and their last line. No torch."""

import argparse
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from works import WORKS, Work


@dataclass(frozen=True)
class Order:
    """What a side is told to do."""

    work: Work
    data: Path
    epochs: int
    threads: int
    seed: int
    weights: Path | None
    stock: bool


def order() -> Order:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--stock", action="store_true", help="bare: the network that the libraries train")
    given = parser.parse_args()
    return Order(**vars(given) | {"work": WORKS[given.work]})


class Clock:
    """Marks the ends of epochs, evaluation included."""

    def __init__(self) -> None:
        self._marks: list[float] = []
        self._began = time.time()  # imports are over

    def mark(self) -> None:
        """Call where training begins and where each epoch ends."""
        self._marks.append(time.perf_counter())

    def report(self, *, parameters: int, accuracy: float) -> None:
        """Print the line that the driver reads; the accuracy is that after the last epoch."""
        seconds = [end - begin for begin, end in pairwise(self._marks)]
        found = {
            "parameters": parameters,
            "accuracy": accuracy,
            "epoch_seconds": seconds,
            "began": self._began,
        }
        print("RESULT " + json.dumps(found), flush=True)
