"""What is freed goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

FREE = """
import threading
import psutil
from vislab.tui import allocator

allocator.set_up()
kept = []

def work():
    pieces = [bytearray(50_000) for _ in range(1_000)]
    kept.append(bytearray(50_000))  # behind them: the end of what was taken cannot simply be cut off
    large = bytearray(50_000_000)

thread = threading.Thread(target=work)
thread.start()
thread.join()
before = psutil.Process().memory_info().rss
allocator.give_back()
after = psutil.Process().memory_info().rss
print((before - after) // 1_000_000, after // 1_000_000)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_a_thread_has_freed_is_given_back() -> None:
    run = subprocess.run([sys.executable, "-c", FREE], check=True, capture_output=True, text=True)
    less, left = map(int, run.stdout.split())
    assert less > 40 and left < 60


def test_where_it_cannot_be_asked_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    from vislab.tui import allocator

    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _: object())
    allocator.set_up()
    allocator.give_back()
