"""What watching costs a run: images a second with the console's live view open, and without it, in turn.

Usage: python benchmarks/console_throughput.py [--pairs 4] [--epochs 20] [--limit 0.99]

Each pair trains LeNet-5 on the digits twice, with the same seed, once watched and once not; which comes first changes
from pair to pair. Other work on the machine spoils the figures: then the spread between pairs is wide, and where
two standard errors reach over the limit it says that nothing can be told.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

from console_terminal import Console, train


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--limit", type=float, default=0.99)
    given = parser.parse_args()
    shares = []
    with tempfile.TemporaryDirectory() as runs_dir:
        for pair in range(given.pairs):
            speed = {}
            for watched in (True, False) if pair % 2 else (False, True):
                speed[watched] = trained(runs_dir, f"{pair}-{'watched' if watched else 'alone'}", given.epochs, watched)
            shares.append(speed[True] / speed[False])
            print(f"pair {pair + 1}: {speed[False]:,.0f} images/s alone, {speed[True]:,.0f} watched", flush=True)
    mean = statistics.mean(shares)
    error = statistics.stdev(shares) / math.sqrt(len(shares)) if len(shares) > 1 else math.inf
    print(
        f"with the console {mean:.3f} of the speed without, standard error {error:.3f}, limit {given.limit}: "
        f"{verdict(mean, error, given.limit)}"
    )


def verdict(mean: float, error: float, limit: float) -> str:
    """Whether a limit is kept, as far as two standard errors allow to say."""
    if abs(mean - limit) < 2 * error:
        return "too noisy to tell"
    return "kept" if mean >= limit else "BROKEN"


def trained(runs_dir: str, name: str, epochs: int, watched: bool) -> float:
    """Train once; images a second over all epochs but the first two, in which the console starts."""
    train(runs_dir, name, f"strategy.epochs={epochs}", detach=True)
    console = Console(runs_dir, ["attach", name], size=(120, 40)) if watched else None
    log = Path(runs_dir) / name / "events.jsonl"
    while '"RunEnded"' not in (events := log.read_text() if log.exists() else ""):
        console.read(0.5) if console is not None else time.sleep(0.5)
    if console is not None:
        console.quit()
    speeds = [json.loads(line).get("train_images_per_second") for line in events.splitlines()]
    return statistics.median([speed for speed in speeds if speed][2:])


if __name__ == "__main__":
    main()
