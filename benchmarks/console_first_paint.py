"""How long it takes from starting `vislab` until its first frame stands on the terminal, and from `q` to its end.

Usage: python benchmarks/console_first_paint.py [--repeats 10] [--runs-dir DIR] [-- attach latest]

The program runs in a pseudo-terminal of 80 x 24. A frame stands when the footer's `? help` has arrived. It is left at
once, while lists are read and the process that counts classes starts, and after a second. Seconds of a core stand
beside those of the clock: other work on the machine changes them less.
"""

import argparse
import statistics
import tempfile

from console_terminal import Console


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--runs-dir", default="", help="default: an empty folder")
    parser.add_argument("arguments", nargs="*", help="of vislab; none: the console itself")
    given = parser.parse_args()
    paint, cores, left = list[float](), list[float](), dict[float, list[float]]()
    with tempfile.TemporaryDirectory() as empty:
        for repeat in range(given.repeats + 1):
            for stay in (0.0, 0.3, 1.0):
                console = Console(given.runs_dir or empty, given.arguments)
                seconds = console.see("help")
                cpu = console.cpu()
                console.read(stay)
                if repeat:  # the first fills the caches of the disk
                    paint.append(seconds)
                    cores.append(cpu)
                    left.setdefault(stay, []).append(console.quit())
                else:
                    console.quit()
    print(f"first paint: {told(paint)}, limit 0.5 s; of a core {told(cores)}")
    for stay, seconds_left in left.items():
        print(f"left {stay:.1f} s after it: {told(seconds_left)}, limit 0.4 s")


def told(seconds: list[float]) -> str:
    """Figures of some times."""
    return f"median {statistics.median(seconds):.3f} s, from {min(seconds):.3f} to {max(seconds):.3f} s"


if __name__ == "__main__":
    main()
