"""How much memory the console takes while one goes through its screens, twice: its own process, resident.

Usage: python benchmarks/console_memory.py [--runs-dir DIR] [--size 80x24] [--limit 60]

Three runs are trained first, one of which goes on training, unless a folder is given whose newest run trains and whose
next two are done. The process that counts classes and parameters has torch and is not counted.

With --many, a second console opens History on a folder of thousands of runs, such as many_runs.py makes, goes to its
end, sorts it by size, filters and marks; and a third one goes through all screens there, twice, with three runs more,
which are deleted afterwards. With --sizes as well, another console has its History and a Compare of 20 runs resized so
often each, at random, from 1 x 1 to 300 x 100.

With --epochs, another console looks at runs of so many epochs, twice: at a live one, which has five more every second,
and at a comparison of eight.

With --images, another console looks at runs that were judged by so many images, twice: at the results of one, and at a
comparison of eight.
"""

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path

import long_runs
from console_terminal import Console, stop, train

UP, DOWN, RIGHT, ESC, ENTER, HOME, END = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b", "\r", "\x1b[H", "\x1b[F"
CLEAR = END + "\x15"
"""Empties a field."""
FIRST = (
    ("launch", ""),
    ("pickers, from the first item to the last", DOWN * 8 + RIGHT + DOWN * 60 + END + HOME + RIGHT + DOWN * 4),
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
    ("results", ESC + "|" + DOWN + ENTER + "|c|m|w|p||" + RIGHT + "|s|||a|||p|o|" + RIGHT + "|" + RIGHT),
    ("compare", ESC + "|" + " " + DOWN + " " + "|=|t|y|c|v|w"),
    ("launch again", ESC + "|" + ESC),
)
"""From History on, with its cursor on the first run, which trains."""
STEPS = (*FIRST, ("history", ESC + "|H"), *RUNS)
MANY = (
    ("history of many runs", ESC + "|H" + "|" * 30),
    ("its end", END + "|" + UP * 40),
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
    ("live, long", ENTER + "|" * 5 + "f|o|t|y|m|z|z|v|v|w|w|" + HOME + "|" + END + "|" * 10),
    ("compare, long", ESC + "|" + " " * 8 + "|=" + "|" * 10 + "l|t|y|z|c|v|w"),
    ("launch again", ESC + "|" + ESC + "|" + ESC),
)
"""In a folder of long runs, the newest of which trains."""
JUDGED = (
    ("history", ESC + "|H" + "|" * 5),
    ("results, many images", ENTER + "|" * 5 + f"{END}|c|{END}|m|{END}|w|p||{RIGHT}|o||{RIGHT}"),
    ("compare, many images", ESC + "|" + " " * 8 + "|=" + "|" * 15 + f"c|{END}|c|t|v|w"),
    ("launch again", ESC + "|" + ESC + "|" + ESC),
)
"""In a folder of runs that were judged by many images."""
NAMES = ("memory-a", "memory-b", "memory-c")
"""Ids of the runs that are trained, the last of which goes on."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", default="")
    parser.add_argument("--many", default="", metavar="DIR")
    parser.add_argument("--sizes", type=int, default=0, metavar="N")
    parser.add_argument("--epochs", type=int, default=0, metavar="N")
    parser.add_argument("--images", type=int, default=0, metavar="N")
    parser.add_argument("--size", default="80x24", help="columns and rows of the terminal")
    parser.add_argument("--limit", type=float, default=60.0, help="MB")
    given = parser.parse_args()
    columns, rows = map(int, given.size.split("x"))
    size = (columns, rows)
    runs_dir, many = (str(Path(name).absolute()) if name else "" for name in (given.runs_dir, given.many))
    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # a comparison is exported there
        if runs_dir:
            most = walk(runs_dir, 2 * STEPS, size)
        else:
            own = str(Path(folder, "runs"))
            with trained(own):
                most = walk(own, 2 * STEPS, size)
        if many:
            most = max(most, walk(many, MANY, size))
            with trained(many):
                most = max(most, walk(many, 2 * MANY_STEPS, size))
            if given.sizes:
                most = max(most, drag(many, given.sizes, size))
        if given.epochs:
            long = Path(folder, "long")
            for seed in range(1, 8):
                long_runs.make(long, given.epochs, seed)
            with long_runs.growing(long, given.epochs):
                most = max(most, walk(str(long), (*FIRST, *LONG, *LONG), size))
        if given.images:
            judged = Path(folder, "judged")
            for seed in range(1, 9):
                long_runs.make(judged, 10, seed, given.images)
            most = max(most, walk(str(judged), (*FIRST, *JUDGED, *JUDGED), size))
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


def walk(runs_dir: str, steps: Sequence[tuple[str, str]], size: tuple[int, int]) -> float:
    """Go through the screens; the most that was resident after any key, in MB."""
    console = Console(runs_dir, size=size)
    console.see("quit")
    console.read(1.0)
    console.press(ESC)  # the offer of live runs
    most = 0.0
    for name, keys in steps:
        for part in keys.split("|"):
            console.press(part)
            console.read(0.6)
            most = max(most, console.memory() / 1e6)
        console.read(1.0)
        print(f"{name:42} {console.memory() / 1e6:5.1f} MB, most until now {most:5.1f}", flush=True)
    console.quit()
    return most


def drag(runs_dir: str, sizes: int, size: tuple[int, int]) -> float:
    """Resize the terminal at random, and back to its size in the end; the most that was resident, in MB."""
    console = Console(runs_dir, size=size)
    console.see("quit")
    console.read(1.0)
    drawn, most = random.Random(0), 0.0
    for name, keys in (("history", "H"), ("compare", (" " + DOWN) * 20 + "|=" + "|" * 5)):
        for part in keys.split("|"):
            console.press(part)
            console.read(1.0)
        for _ in range(sizes):
            console.resize(drawn.randint(1, 300), drawn.randint(1, 100))
            console.read(0.12)
            most = max(most, console.memory() / 1e6)
        console.resize(*size)
        console.read(2.0)
        words = f"{name}, {sizes} sizes"
        print(f"{words:42} {console.memory() / 1e6:5.1f} MB, most until now {most:5.1f}", flush=True)
    console.quit()
    return most


if __name__ == "__main__":
    main()
