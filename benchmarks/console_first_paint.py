"""How long it takes from starting `vislab` until its first frame stands on the terminal.

Usage: python benchmarks/console_first_paint.py [--repeats 10] [--runs-dir DIR] [-- attach latest]

The program runs in a pseudo-terminal of 80 × 24. A frame stands when the footer's `? help` has arrived.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pexpect


def first_paint(arguments: list[str], runs_dir: str) -> float:
    """Seconds until the first frame of one start."""
    environment = dict(os.environ) | {"TERM": "xterm-256color"}
    begun = time.perf_counter()
    vislab = pexpect.spawn(
        str(Path(sys.executable).with_name("vislab")),
        [*arguments, "--runs-dir", runs_dir],
        env=environment,
        dimensions=(24, 80),
        timeout=30,
    )
    vislab.expect_exact("help")
    seconds = time.perf_counter() - begun
    vislab.send("q")
    vislab.expect(pexpect.EOF)
    vislab.close()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--runs-dir", default="", help="default: an empty folder")
    parser.add_argument("arguments", nargs="*", help="of vislab; none: the console itself")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty:
        runs_dir = given.runs_dir or empty
        first_paint(given.arguments, runs_dir)  # fills the caches of the disk
        seconds = [first_paint(given.arguments, runs_dir) for _ in range(given.repeats)]
    print(f"first paint: median {statistics.median(seconds):.3f} s, from {min(seconds):.3f} to {max(seconds):.3f} s")


if __name__ == "__main__":
    main()
