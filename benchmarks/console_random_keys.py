"""What random keys, sizes and bytes of mice do to the console: it may be left by them, and never fails.

Usage: python benchmarks/console_random_keys.py [--keys 10000] [--seed 1] [--runs-dir FOLDER]

Bare `vislab` runs in a real pseudo-terminal on a copy of a runs folder (or on one with two short runs that it trains),
with a home of its own. It is opened again whenever the keys have left it. The keys that start runs are not pressed; a
run that the palette starts is of one step. The exit code is 1 after a traceback, an exit code other than 0, or an end
that does not come.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pexpect
from console_terminal import ESCAPES, Console, stop, train

from vislab.engine.runs.store import all_runs

LETTERS = "cdefhijklmnoprstuvwxyzCDFHLRSVY/?:=.,[]0123456789-<>"
"""All letters that are keys anywhere, but those that start or queue a run (g, b, a) and the one that leaves (q)."""

NAMED = ("\r", "\x1b", "\t", "\x1b[Z", " ", "\x7f")
ARROWS = ("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F")

MOUSE = (
    b"\x1b[<0;%d;%dM",
    b"\x1b[<0;%d;%dm",
    b"\x1b[<64;%d;%dM",
    b"\x1b[<65;%d;%dM",
    b"\x1b[<35;%d;%dM",
)
"""SGR: pressed, released, the wheel, moved; at a column and a row."""

ODD = (
    b"\x1b[M !!",  # a mouse as X10 tells it
    b"\x1b[M \xf0\xff",  # the same, far to the right: bytes that are no UTF-8
    b"\x1b[M#\xff\xff",
    b"\x1b[99999999;1u",  # a key that is no character
    b"\x1b[200~pasted\x1b[201~",
    b"\xff\xfe",
    b"\x1b[",
)


def main() -> None:
    """Press, and print what was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs-dir", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, runs_dir = Path(folder), Path(folder) / "runs"
        settle_in(home)
        source = given.runs_dir.absolute() if given.runs_dir is not None else home / "source"
        if given.runs_dir is None:
            for name in ("first", "second"):
                train(str(source), name, "strategy.epochs=2")
        os.chdir(home)  # where exports go
        pressed = Pressed(source, runs_dir, random.Random(given.seed))
        try:
            for _ in range(given.keys):
                pressed.one()
            pressed.leave()
        finally:
            for run in all_runs(runs_dir):
                if run.worker():
                    stop(str(runs_dir), run.id)
    print(
        f"{given.keys:,} random keys, sizes and bytes of mice: no traceback; {pressed.opened} times opened, left with 0"
    )


def settle_in(home: Path) -> None:
    """Settings and caches of its own, where a run that is started all the same is short."""
    config = home / "config" / "vislab"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[defaults]\nstrategy.max_steps = 1\nthreads = 1\n")
    folders = {"HOME": home, "XDG_CONFIG_HOME": home / "config", "XDG_CACHE_HOME": home / "cache"}
    folders |= {"VISLAB_CACHE_DIR": home / "cache", "VISLAB_DATA_DIR": home / "data"}
    os.environ.update({name: str(path) for name, path in folders.items()})


class Pressed:
    """A console that is opened again when it was left.

    Attributes:
        opened: how many times.
    """

    def __init__(self, source: Path, runs_dir: Path, chance: random.Random) -> None:
        self._source, self._runs_dir, self._chance = source, runs_dir, chance
        self.opened = 0
        self._open()

    def _open(self) -> None:
        shutil.copytree(self._source, self._runs_dir, dirs_exist_ok=True)
        self.opened += 1
        self._written = b""
        self._console = Console(str(self._runs_dir))
        self._console.see("What will run")

    def one(self) -> None:
        """Send one thing, and take what the console answers."""
        chance, terminal = self._chance, self._console.terminal
        kind = chance.random()
        if kind < 0.04:
            terminal.setwinsize(chance.randint(1, 100), chance.randint(1, 300))
        elif kind < 0.14:
            terminal.send(chance.choice(MOUSE) % (chance.randint(1, 80), chance.randint(1, 24)))
        elif kind < 0.17:
            terminal.send(chance.choice(ODD))
        elif kind < 0.18:
            terminal.send("q")
        elif kind < 0.3:
            terminal.send("\x1b")  # else most letters would end in a field
        else:
            terminal.send(chance.choice(chance.choice((LETTERS, LETTERS, NAMED, ARROWS))))
        self._read(0.005)
        if not terminal.isalive():
            self._judge_the_end()
            self._open()

    def leave(self) -> None:
        """Leave it with Ctrl+C, pressed again where it asks or waits."""
        for _ in range(6):
            self._console.terminal.sendcontrol("c")
            until = time.monotonic() + 5
            while self._console.terminal.isalive() and time.monotonic() < until:
                self._read(0.1)
        if self._console.terminal.isalive():
            self._fail("Ctrl+C does not leave it")
        self._judge_the_end()

    def _read(self, seconds: float) -> None:
        try:
            self._written = (self._written + self._console.read(seconds))[-200_000:]
        except pexpect.EOF:
            self._console.terminal.wait()
        if b"Traceback" in self._written or b"error of its own" in self._written:
            self._fail("a traceback")

    def _judge_the_end(self) -> None:
        terminal = self._console.terminal
        if terminal.exitstatus != 0:
            self._fail(f"ended with exit code {terminal.exitstatus}, signal {terminal.signalstatus}")

    def _fail(self, what: str) -> None:
        print(ESCAPES.sub(b"", self._written[-5000:]).decode(errors="replace"))
        sys.exit(f"FAILED: {what}")


if __name__ == "__main__":
    main()
