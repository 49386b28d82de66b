"""How much memory the console takes while one goes through its screens, twice: its own process, resident.

Usage: python benchmarks/console_memory.py [--runs-dir DIR] [--limit 60]

Three runs are trained first, one of which goes on training, unless a folder is given whose newest run trains and whose
next two are done. The process that counts classes and parameters has torch and is not counted.

With --many, a second console opens History on a folder of thousands of runs, such as many_runs.py makes, goes to its
end, sorts it by size, filters and marks; and a third one goes through all screens there, twice, with three runs more,
which are deleted afterwards.

With --epochs, another console looks at runs of so many epochs, twice: at a live one, which has five more every second,
and at a comparison of eight.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path

import long_runs
from console_terminal import Console, stop, train

UP, DOWN, RIGHT, ESC, ENTER, HOME = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b", "\r", "\x1b[H"
CLEAR = "\x1b[F\x15"
"""Empties a field."""
FIRST = (
    ("launch", ""),
    ("pickers, from the first item to the last", DOWN * 8 + RIGHT + DOWN * 60 + "\x1b[F\x1b[H" + RIGHT + DOWN * 4),
    ("filter", "/resnet"),
    ("recipes", ESC + "|" + ESC + "|r"),
    ("all settings", ESC + "|m"),
    ("help", ESC + "|?"),
    ("palette", ESC + "|:"),
    ("settings", ESC + "|S"),
)
"""What is looked at, and the keys that lead there from the step before; a moment is waited at each bar."""
RUNS = (
    ("live", ENTER + "|f|o|t|y|m|z|z|v|v|w"),
    ("results", ESC + "|" + DOWN + ENTER + "|c|m|w|p|" + RIGHT),
    ("compare", ESC + "|" + " " + DOWN + " " + "|=|t|y|c|v|w"),
    ("launch again", ESC + "|" + ESC),
)
"""From History on, with its cursor on the first run, which trains."""
STEPS = (*FIRST, ("history", ESC + "|H"), *RUNS)
MANY = (
    ("history of many runs", ESC + "|H" + "|" * 30),
    ("its end", "\x1b[F|" + UP * 40),
    ("sorted by size", "s|size|" + ENTER + "|" * 20),
    ("filtered", "/val>0.5|" + ENTER),
    ("marked", "a|" + ESC),
)
MANY_STEPS = (
    *FIRST,
    *MANY,
    ("newest first", "/" + CLEAR + ENTER + "|s|started|" + ENTER + "|" + HOME),
    *RUNS[:-1],
    ("export", "x|" + ENTER + "|" * 20),
    ("compare several", ESC + "|" + ESC + "|" + HOME + (" " + DOWN) * 9 + "|=|t|v|" + ESC + "|" + ESC + "|" + ESC),
    ("launch again", ESC + "|" + ESC),
)
"""All screens in a folder of many runs."""
LONG = (
    ("history", ESC + "|H" + "|" * 5),
    ("live, long", ENTER + "|" * 5 + "f|o|t|y|m|z|z|v|v|w|w|" + HOME + "|\x1b[F" + "|" * 10),
    ("compare, long", ESC + "|" + " " * 8 + "|=" + "|" * 10 + "l|t|y|z|c|v|w"),
    ("launch again", ESC + "|" + ESC + "|" + ESC),
)
"""In a folder of long runs, the newest of which trains."""
NAMES = ("memory-a", "memory-b", "memory-c")
"""Ids of the runs that are trained, the last of which goes on."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", default="")
    parser.add_argument("--many", default="", metavar="DIR")
    parser.add_argument("--epochs", type=int, default=0, metavar="N")
    parser.add_argument("--limit", type=float, default=60.0, help="MB")
    given = parser.parse_args()
    runs_dir, many = (str(Path(name).absolute()) if name else "" for name in (given.runs_dir, given.many))
    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # a comparison is exported there
        if runs_dir:
            most = walk(runs_dir, 2 * STEPS)
        else:
            own = str(Path(folder, "runs"))
            with trained(own):
                most = walk(own, 2 * STEPS)
        if many:
            most = max(most, walk(many, MANY))
            with trained(many):
                most = max(most, walk(many, 2 * MANY_STEPS))
        if given.epochs:
            long = Path(folder, "long")
            for seed in range(1, 8):
                long_runs.make(long, given.epochs, seed)
            with long_runs.growing(long, given.epochs):
                most = max(most, walk(str(long), (*FIRST, *LONG, *LONG)))
    print(f"most {most:.1f} MB, limit {given.limit:.0f} MB: {'kept' if most <= given.limit else 'BROKEN'}")


@contextmanager
def trained(runs_dir: str) -> Iterator[None]:
    """Three runs more in a folder, the newest of which trains; they are deleted in the end."""
    first, second, live = NAMES
    try:
        train(runs_dir, first, "strategy.epochs=3")
        train(runs_dir, second, "strategy.epochs=3", "seed=1")
        train(runs_dir, live, "strategy.epochs=100000", detach=True)
        yield
    finally:
        stop(runs_dir, live)
        for name in NAMES:
            shutil.rmtree(Path(runs_dir, name), ignore_errors=True)


def walk(runs_dir: str, steps: Sequence[tuple[str, str]]) -> float:
    """Go through the screens; the most that was resident, in MB."""
    console = Console(runs_dir)
    console.see("quit")
    console.read(1.0)
    console.press(ESC)  # the offer of live runs
    most = 0.0
    for name, keys in steps:
        for part in keys.split("|"):
            console.press(part)
            console.read(0.6)
        console.read(1.0)
        now = console.memory() / 1e6
        most = max(most, now)
        print(f"{name:42} {now:5.1f} MB")
    console.quit()
    return most


if __name__ == "__main__":
    main()
