"""What the live view costs while a run trains: bytes a second to the terminal, and the share of a core.

Usage: python benchmarks/console_traffic.py RUN --runs-dir DIR [--seconds 30] [--size 80x24]

The run must be training meanwhile. The first three seconds, in which the screen is drawn, do not count. A run that has
ended shows what an unchanging screen costs.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pexpect
import psutil


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--runs-dir", required=True)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--size", default="80x24")
    given = parser.parse_args()
    columns, rows = (int(part) for part in given.size.split("x"))
    vislab = pexpect.spawn(
        str(Path(sys.executable).with_name("vislab")),
        ["attach", given.run, "--runs-dir", given.runs_dir],
        env=dict(os.environ) | {"TERM": "xterm-256color"},
        dimensions=(rows, columns),
    )
    process = psutil.Process(vislab.pid)
    received(vislab, 3.0)
    before = process.cpu_times()
    begun = time.monotonic()
    count = received(vislab, given.seconds)
    seconds = time.monotonic() - begun
    after = process.cpu_times()
    cpu = (after.user + after.system - before.user - before.system) / seconds
    memory = process.memory_info().rss
    vislab.send("q")
    vislab.expect(pexpect.EOF)
    print(f"{given.size}: {count / seconds:,.0f} bytes/s, {100 * cpu:.1f} % of a core, {memory / 1e6:.0f} MB resident")


def received(vislab: pexpect.spawn, seconds: float) -> int:
    """Bytes that arrive in a time."""
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            count += len(vislab.read_nonblocking(65536, timeout=left))
        except pexpect.TIMEOUT:
            break
    return count


if __name__ == "__main__":
    main()
