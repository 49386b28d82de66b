"""Threads that spin on a calm machine and sleep beside other work."""

import sys
import time
from pathlib import Path

import pytest
import torch

from vislab.engine.training import waiting

pytestmark = pytest.mark.skipif(not waiting.seconds_queued(), reason="only Linux tells how long threads queue")


def threads_here() -> set[str]:
    return {task.name for task in Path("/proc/self/task").iterdir()}


def gone(threads: set[str], but: int = 0) -> bool:
    """Whether all end, or all but so many; the kernel forgets a thread a moment after Python has joined it."""
    until = time.monotonic() + 10
    while len(threads & threads_here()) > but and time.monotonic() < until:
        time.sleep(0.01)
    return len(threads & threads_here()) == but


def looks(shares: list[float]):
    """A kernel that tells at each look, half a second apart, which share of it one thread queued."""
    seconds, queued = 0.0, 0.0
    told = [0.0, *shares]

    def clock() -> float:
        return seconds

    def tell() -> dict[str, float]:
        nonlocal queued
        queued += 0.5 * told.pop(0)
        return {"1": queued, "2": 0.0}

    def over(wait: float) -> bool:
        nonlocal seconds
        seconds += wait
        return not told

    return {"over": over, "queued": tell, "clock": clock}


@pytest.fixture
def held(monkeypatch) -> list[str]:
    """What happened to the further teams, which are not made."""
    happened: list[str] = []

    class Teams:
        def __enter__(self) -> None:
            happened.append("kept")

        def __exit__(self, *error: object) -> None:
            happened.append("let go")

    monkeypatch.setattr(waiting, "further_teams", Teams)
    return happened


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.01] * 20, []),
        ([0.3, 0.02] * 10, []),  # never for long enough
        ([0.3] * 2, ["kept", "let go"]),  # let go at the end of the watch
        ([0.3] * 20, ["kept", "let go"]),
        ([*[0.3] * 3, *[0.02] * 6, *[0.3] * 2], ["kept", "let go", "kept", "let go"]),
        ([*[0.3] * 3, *[0.02] * 5, 0.3, *[0.02] * 5], ["kept", "let go"]),  # never calm for long enough
    ],
)
def test_further_teams_are_kept_while_threads_queue_and_a_little_longer(held, shares, expected) -> None:
    waiting.watch(**looks(shares))
    assert held == expected


def test_without_torch_there_is_no_team_to_keep(held, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    waiting.watch(**looks([0.9] * 5))
    assert held == []


def test_a_further_team_is_as_many_threads_as_an_operation_has_and_goes_again(monkeypatch) -> None:
    monkeypatch.setattr(waiting.os, "sched_getaffinity", lambda process: {0, 1})
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.zeros(1 << 18).add_(1)  # the team of this thread
        alone = threads_here()
        with waiting.further_teams():
            assert gone(threads_here() - alone, but=2)
            team = threads_here() - alone
        assert gone(team)
    finally:
        torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_team_that_there_is_no_memory_for_is_not_waited_for(monkeypatch) -> None:
    def none(*size: int, **how: object) -> torch.Tensor:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(torch, "zeros", none)
    monkeypatch.setattr(waiting, "_teams_wanted", lambda: 2)
    with waiting.further_teams():
        pass


@pytest.mark.parametrize(("cores", "threads", "teams"), [(2, 1, 0), (2, 2, 1), (16, 8, 2), (16, 16, 1), (128, 2, 0)])
def test_so_many_teams_that_there_are_more_threads_than_cores(monkeypatch, cores, threads, teams) -> None:
    monkeypatch.setattr(waiting.os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert waiting._teams_wanted() == teams


def test_what_the_person_has_chosen_is_left(monkeypatch) -> None:
    monkeypatch.setattr(waiting, "watch", lambda over: pytest.fail("watched"))
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with waiting.considerate_threads():
        pass


def test_the_watch_ends_with_what_it_watches() -> None:
    before = threads_here()
    with waiting.considerate_threads():
        watcher = threads_here() - before
        assert len(watcher) == 1
    assert gone(watcher)
