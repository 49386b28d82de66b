"""A console in a pseudo-terminal, for the measurements of this folder."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pexpect
import psutil

VISLAB = str(Path(sys.executable).with_name("vislab"))
ESCAPES = re.compile(rb"\x1b\[[0-9;?<>]*[a-zA-Z]")


class Console:
    """`vislab` in a pseudo-terminal that is always read."""

    def __init__(self, runs_dir: str, arguments: Sequence[str] = (), size: tuple[int, int] = (80, 24)) -> None:
        """Start it.

        Args:
            size: columns and rows.
        """
        self.begun = time.perf_counter()
        self.terminal = pexpect.spawn(
            VISLAB,
            list(arguments),
            env=dict(os.environ) | {"TERM": "xterm-256color", "VISLAB_RUNS_DIR": runs_dir},
            dimensions=(size[1], size[0]),
            timeout=30,
        )
        self.terminal.delaybeforesend = None
        self.process = psutil.Process(self.terminal.pid)

    def cpu(self) -> float:
        """Seconds of a core that the process has used; its children do not count."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        """Bytes of memory that are resident."""
        return int(self.process.memory_info().rss)

    def see(self, words: str) -> float:
        """Read until words have arrived; seconds since the start."""
        self.terminal.expect_exact(words)
        return time.perf_counter() - self.begun

    def press(self, keys: str) -> None:
        """Send keys."""
        self.terminal.send(keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self.terminal.setwinsize(rows, columns)

    def read(self, seconds: float) -> bytes:
        """What arrives in a time."""
        found, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                found += self.terminal.read_nonblocking(65536, timeout=left)
            except pexpect.TIMEOUT:
                break
        return found

    def quit(self) -> float:
        """Press q, and Enter where it asks what becomes of a live run (it goes on); seconds from the last key on."""
        begun = time.perf_counter()
        self.press("q")
        if self.terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1.5) == 1:
            begun = time.perf_counter()
            self.press("\r")
            self.terminal.expect(pexpect.EOF)
        self.terminal.wait()
        return time.perf_counter() - begun


def train(runs_dir: str, name: str, *settings: str, detach: bool = False) -> str:
    """Train LeNet-5 on the digits, which needs no download; the run's id.

    Args:
        settings: values as `--set` takes them.
        detach: do not wait for its end.
    """
    words = [word for setting in settings for word in ("--set", setting)]
    command = [VISLAB, "run", "--preset", "digits-lenet5", "--id", name, "--runs-dir", runs_dir, *words]
    subprocess.run([*command, "--detach" if detach else "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return name


def stop(runs_dir: str, name: str) -> None:
    """Stop a run, without a checkpoint."""
    subprocess.run([VISLAB, "stop", name, "--now", "--runs-dir", runs_dir], check=False, capture_output=True)
