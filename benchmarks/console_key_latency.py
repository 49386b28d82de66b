"""How long a key takes to be answered: from its press until the frame that answers it has arrived.

Usage: python benchmarks/console_key_latency.py [--presses 100] [--limit 50] [--size 80x24] [--many FOLDER]

The console runs in a pseudo-terminal, on the launch screen while its lists are still being read (before a run trains:
the offer of live runs would take the keys), then on the launch screen, in history and in the live view while a run
trains. `--many` names a folder of runs as many_runs.py makes it: the run trains in it, and history has them. A key is
answered by the first bytes that come after it; help over the live view, where frames come by themselves, by words that
only the answer holds. Beside it stands the share of a core's time that a key took, which other work on the machine
changes less.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from console_terminal import Console, stop, train

UP, DOWN, RIGHT, LEFT, HOME = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H"
TAB, BACK_TAB, ESC, ENTER = "\t", "\x1b[Z", "\x1b", "\r"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presses", type=int, default=100, help="a place")
    parser.add_argument("--limit", type=float, default=50.0, help="milliseconds, for 95 of 100 keys")
    parser.add_argument("--size", default="80x24", help="columns x rows")
    parser.add_argument("--many", metavar="FOLDER", help="runs to have in history")
    given = parser.parse_args()
    columns, rows = map(int, given.size.split("x"))
    with contextlib.nullcontext(given.many) if given.many else tempfile.TemporaryDirectory() as runs_dir:
        train(runs_dir, "a", "strategy.epochs=1")
        every: list[float] = []
        try:
            for place, seconds, cpu in measured(runs_dir, given.presses, (columns, rows)):
                every += seconds
                print(f"{place:32} {told(seconds)}, {1000 * cpu / len(seconds):3.0f} ms of a core", flush=True)
        finally:
            stop(runs_dir, "b")
    kept = "kept" if percentile(every) <= given.limit else "BROKEN"
    print(f"{'all':32} {told(every)}, limit {given.limit:.0f} ms: {kept}")


def measured(runs_dir: str, presses: int, size: tuple[int, int]) -> Iterator[tuple[str, list[float], float]]:
    """Seconds of each press and seconds of a core for all, place by place."""
    loading: list[float] = []
    cpu = 0.0
    for _ in range(max(1, presses // 10)):
        console = Console(runs_dir, size=size)
        console.see("help")
        found, more = pressed(console, [TAB, BACK_TAB] * 5)
        loading, cpu = loading + found, cpu + more
        console.quit()
    yield "pickers, while they load", loading, cpu
    train(runs_dir, "b", "strategy.epochs=100000", detach=True)
    console = Console(runs_dir, size=size)
    console.see("training now")
    console.read(1.0)
    console.press(ESC)
    console.read(1.0)
    yield "pickers", *pressed(console, [DOWN, UP] * (presses // 2))
    console.press("/")
    console.read(0.5)
    yield "filter", *pressed(console, ["r", "e", "s", "\x7f", "\x7f", "\x7f"] * (presses // 6))
    console.press(ESC)
    console.read(1.0)
    console.press("H")
    console.read(10.0 if len(list(Path(runs_dir).iterdir())) > 100 else 1.5)  # until all runs are read
    yield "history", *pressed(console, [DOWN, UP] * (presses // 2))
    console.press("/")
    console.read(0.5)
    yield "history, filter", *pressed(console, ["r", "u", "n", "\x7f", "\x7f", "\x7f"] * (presses // 6))
    console.press(ESC)
    console.read(1.0)
    yield "history, sorting", *pressed(console, [RIGHT, LEFT, "v", "v"] * (presses // 4))
    console.press(HOME + ENTER)
    console.see("epoch")
    console.read(1.5)
    yield "live view: its own keys", *pressed(console, list("yvmzw") * (presses // 5))
    yield (
        "live view: help, and back",
        *pressed(console, ["?", ESC] * (presses // 2), ("Keys of the screen", "step/epoch")),
    )
    console.quit()


def pressed(console: Console, keys: Sequence[str], words: tuple[str, ...] = ()) -> tuple[list[float], float]:
    """Press keys, and wait for the answer of each: in turn the words, where there are any. Seconds; those of a core."""
    before = console.cpu()
    seconds = [answered(console, key, words[place % len(words)] if words else "") for place, key in enumerate(keys)]
    return seconds, console.cpu() - before


def answered(console: Console, key: str, words: str = "") -> float:
    """Press a key; seconds until its answer. Waits a moment before, so that nothing else is on its way."""
    while console.read(0.1):
        pass
    begun = time.perf_counter()
    console.press(key)
    if words:
        console.see(words)
    else:
        console.terminal.read_nonblocking(65536, timeout=10)
    return time.perf_counter() - begun


def percentile(seconds: list[float]) -> float:
    """Milliseconds within which 95 of 100 keys were answered."""
    return 1000 * statistics.quantiles(seconds, n=20)[-1]


def told(seconds: list[float]) -> str:
    """Figures of some presses."""
    middle, most = 1000 * statistics.median(seconds), 1000 * max(seconds)
    return f"median {middle:4.0f} ms, 95 % within {percentile(seconds):4.0f} ms, at most {most:4.0f} ms"


if __name__ == "__main__":
    main()
