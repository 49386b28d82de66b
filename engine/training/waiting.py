"""How the threads that share an operation wait for the next one: spinning, or asleep while others want the cores.

OpenMP's threads spin for some milliseconds before they sleep, which makes small networks fast on a calm machine. Beside
other work a thread that spins keeps its core from the thread that all wait for: an update can take a hundred times as
long (docs/benchmarks.md). GNU's OpenMP spins only for a moment while it manages more threads than there are cores. So
while the kernel says that threads of this process queue for a core, further teams of threads are kept, asleep.
Operations have as many threads as before, so results are the same to the bit.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

_EVERY = 0.5  # seconds between two looks
_CONTENDED = 0.15  # of its time that a thread queues; a calm machine has 0.01 to 0.04, one busy process 0.3 and more
_CONTENDED_LOOKS = 2  # in a row, before threads sleep: not for what is over in a moment
_CALM_LOOKS = 6  # in a row, before they spin again
_MOST_TEAMS = 8  # with so few threads for so many cores, a free core is found
_SPLITS = 1 << 16  # elements for each thread, more than torch leaves to one
_CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")

Queued = Mapping[str, float]
"""Seconds that each thread of this process, by its number, has queued for a core since it began."""


@contextmanager
def considerate_threads() -> Iterator[None]:
    """Meanwhile threads sleep while they wait if others want the cores, and spin if not.

    Does nothing where the person has chosen (OMP_WAIT_POLICY or GOMP_SPINCOUNT is set) or the kernel does not tell
    (outside Linux).
    """
    if any(name in os.environ for name in _CHOSEN) or not seconds_queued():
        yield
        return
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(over.wait,), daemon=True, name="waiting threads")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def watch(
    over: Callable[[float], bool],
    *,
    queued: Callable[[], Queued] | None = None,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Look again and again, and keep further teams while threads queue.

    Args:
        over: waits for the seconds that it is given; True ends the watch.
        queued, clock: what is looked at; without `queued`, the kernel.
    """
    queued = queued or seconds_queued
    sleeping, contrary, before, then = False, 0, queued(), clock()
    with ExitStack() as asleep:
        while not over(_EVERY):
            now, at = queued(), clock()
            longest = max((now[thread] - before[thread] for thread in now.keys() & before.keys()), default=0.0)
            contended = longest > _CONTENDED * (at - then) and "torch" in sys.modules
            contrary = contrary + 1 if contended != sleeping else 0
            if contrary == (_CALM_LOOKS if sleeping else _CONTENDED_LOOKS):
                if sleeping:
                    asleep.close()
                else:
                    asleep.enter_context(further_teams())
                sleeping, contrary = not sleeping, 0
            before, then = now, at


@contextmanager
def further_teams() -> Iterator[None]:
    """Meanwhile OpenMP manages more threads than there are cores; those that are too many sleep."""
    import torch

    let_go, begun = threading.Event(), threading.Semaphore(0)

    def keep() -> None:
        try:
            torch.zeros(torch.get_num_threads() * _SPLITS, dtype=torch.uint8).add_(1)
        finally:  # without memory for it there is no team, and nobody may wait for one
            begun.release()
        let_go.wait()

    holders = [threading.Thread(target=keep, daemon=True, name="further team") for _ in range(_teams_wanted())]
    for holder in holders:
        holder.start()
        begun.acquire()
    try:
        yield
    finally:
        let_go.set()
        for holder in holders:
            holder.join()


def seconds_queued() -> Queued:
    """Seconds that each thread of this process has queued for a core, as Linux tells them; empty elsewhere."""
    found = {}
    for statistics in Path("/proc/self/task").glob("*/schedstat"):
        try:
            found[statistics.parent.name] = int(statistics.read_text().split()[1]) / 1e9
        except OSError:  # the thread has ended meanwhile
            continue
    return found


def _teams_wanted() -> int:
    import torch

    threads = 1

    def ask() -> None:  # a thread learns the number at its first question and keeps to it; so a new one is asked
        nonlocal threads
        threads = torch.get_num_threads()

    asked = threading.Thread(target=ask)
    asked.start()
    asked.join()
    cores = len(os.sched_getaffinity(0))
    if threads == 1:
        return 0
    teams = max(0, cores - threads) // (threads - 1) + 1
    return teams if teams <= _MOST_TEAMS else 0
