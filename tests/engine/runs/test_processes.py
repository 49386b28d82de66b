"""What processes use, as the system tells and as psutil does."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from vislab.engine.runs import processes
from vislab.engine.runs.processes import family, usage

CHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"


@pytest.fixture(params=["as it is", "without /proc"], autouse=True)
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without /proc":
        monkeypatch.setattr(processes, "PROC", False)


@pytest.fixture
def child() -> Iterator[tuple[int, int]]:
    """A process that has one of its own."""
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        yield process.pid, grandchild
        psutil.Process(grandchild).kill()


def test_a_process_and_what_it_has_used() -> None:
    before, now, after = (psutil.Process().cpu_times(), usage(os.getpid()), psutil.Process().cpu_times())
    assert now is not None
    assert sum(before[:2]) - 0.02 <= now.seconds <= sum(after[:2]) + 0.02
    assert 0.5 < now.memory / psutil.Process().memory_info().rss < 2


def test_children_and_theirs_belong_to_the_family(child: tuple[int, int]) -> None:
    assert set(child) <= set(family(os.getpid()))
    assert family(child[0]) == list(child)
    assert all(usage(pid) is not None for pid in child)


def test_a_thread_that_has_just_ended_hides_no_children(child: tuple[int, int], monkeypatch) -> None:
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [str(2**22 + 1), *listed(path)])
    assert family(child[0]) == list(child)


def test_what_is_not_there_has_used_nothing() -> None:
    assert usage(2**22 + 1) is None
    assert family(2**22 + 1) == [2**22 + 1]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil is asked")
def test_what_the_console_looks_at_needs_no_psutil() -> None:
    check = "import os, sys; from vislab.engine.runs import devices, meters; devices.list_devices();"
    check += "assert meters.Meter().read(os.getpid(), 'cpu'); assert 'psutil' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
