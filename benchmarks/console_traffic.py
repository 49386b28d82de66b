"""What the console costs while a run trains: bytes a second to the terminal, and the share of a core.

Usage: python benchmarks/console_traffic.py [--runs-dir DIR] [--seconds 30] [--epochs 5000] [--many FOLDER]

The live view is opened over the launch screen, where it costs most, and then help over it. A run is trained for it,
unless a folder is given whose newest run trains. The first five seconds, in which the screens are drawn, do not count.
In the end the run is stopped, and what an unchanging screen costs is measured too.

With --epochs, also the live view of a run of so many epochs that has five more every second, and Compare of it and
three others as long. With --many, also History of the runs in a folder that many_runs.py made and one that trains,
sorted in several ways, and Compare of the newest 26.
"""

import argparse
import tempfile
from pathlib import Path

import long_runs
from console_terminal import Console, stop, train

LIMITS = {(80, 24): 3000, (120, 40): 5000}
"""Bytes a second, by columns and rows."""

SHARE = 0.02
"""Of a core."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", default="")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--epochs", type=int, default=0, metavar="N")
    parser.add_argument("--many", metavar="FOLDER")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = given.runs_dir or folder
        if not given.runs_dir:
            train(runs_dir, "a", "strategy.epochs=100000", detach=True)
        try:
            for size, limit in LIMITS.items():
                console = opened(runs_dir, size)
                report(f"{size[0]}x{size[1]}, training", console, given.seconds, limit, SHARE)
                console.press("?")
                console.read(3.0)
                report(f"{size[0]}x{size[1]}, help over it", console, given.seconds, limit, SHARE)
                console.press("\x1b")
                console.read(1.0)
                console.quit()
            console = opened(runs_dir, (120, 40))
        finally:
            if not given.runs_dir:
                stop(runs_dir, "a")
        if not given.runs_dir:
            console.read(10.0)  # figures are drawn a last time, up to some seconds after the end
            report("120x40, ended", console, given.seconds, 0, SHARE)
        console.quit()
        if given.epochs:
            long = Path(folder, "long")
            for seed in range(1, 4):
                long_runs.make(long, given.epochs, seed)
            with long_runs.growing(long, given.epochs):
                for size, limit in LIMITS.items():
                    console = opened(str(long), size)
                    report(f"{size[0]}x{size[1]}, {given.epochs} epochs", console, given.seconds, limit, SHARE)
                    for keys in ("\x1b", "H", "a", "="):
                        console.press(keys)
                        console.read(2.0)
                    console.read(5.0)
                    report(f"{size[0]}x{size[1]}, Compare", console, given.seconds, limit, SHARE)
                    console.quit()
    if given.many:
        train(given.many, "live", "strategy.epochs=100000", detach=True)
        try:
            for size, limit in LIMITS.items():
                many(given.many, size, limit, given.seconds)
        finally:
            stop(given.many, "live")


def many(runs_dir: str, size: tuple[int, int], limit: float, seconds: float) -> None:
    """Measure History and Compare of many runs, one of which trains."""
    console = opened(runs_dir, size)
    console.press("\x1b")
    console.read(1.0)
    console.press("H")
    console.read(10.0)  # until all runs are read
    for by in ("started", "name", "val", "size"):
        console.press("s")
        console.read(1.0)
        console.press(f"{by}\r")
        console.read(10.0)  # until all sizes are counted
        report(f"{size[0]}x{size[1]}, history by {by}", console, seconds, limit, SHARE)
    console.press("s")
    console.read(1.0)
    console.press("started\r")
    console.read(1.0)
    console.press("\x1b[H" + 26 * " ")
    console.read(2.0)
    console.press("=")
    console.read(10.0)
    report(f"{size[0]}x{size[1]}, Compare of 26", console, seconds, limit, SHARE)
    console.quit()


def opened(runs_dir: str, size: tuple[int, int]) -> Console:
    """A console whose live view covers the launch screen."""
    console = Console(runs_dir, size=size)
    console.see("training now")
    console.press("\r")
    console.see("epoch")
    console.read(5.0)
    return console


def report(what: str, console: Console, seconds: float, limit: float, share: float) -> None:
    """Measure for a time, and print."""
    before = console.cpu()
    count = len(console.read(seconds))
    cpu = (console.cpu() - before) / seconds
    kept = "kept" if count / seconds <= limit and cpu <= share else "BROKEN"
    print(
        f"{what}: {count / seconds:,.0f} bytes/s, limit {limit:,.0f}; {100 * cpu:.1f} % of a core, limit "
        f"{100 * share:.0f} %: {kept}; {console.memory() / 1e6:.0f} MB resident",
        flush=True,
    )


if __name__ == "__main__":
    main()
