"""Who holds the lock, asked across real processes."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vislab.engine.runs import liveness
from vislab.engine.runs.liveness import RunLock, holder

HOLD = """
    import os, sys, time
    from pathlib import Path
    from vislab.engine.runs.liveness import RunLock, holder
    lock = RunLock(Path(sys.argv[1]))
    taken = lock.acquire()
"""


@contextmanager
def process(path: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the program; its first line of output has been read when the block begins."""
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD) + textwrap.dedent(program), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdin is not None and started.stdout is not None
    try:
        yield started
    finally:
        started.kill()
        started.wait(timeout=60)
        started.stdin.close()
        started.stdout.close()


WAIT = """
    print(taken, flush=True)
    sys.stdin.readline()
"""


def test_nobody_holds_a_lock_that_is_not_there_or_not_taken(tmp_path):
    path = tmp_path / "lock"
    assert holder(path) == 0
    lock = RunLock(path)
    assert holder(path) == 0
    lock.release()


def test_a_lock_held_by_another_process_is_seen_until_it_is_killed(tmp_path):
    path = tmp_path / "lock"
    with process(path, WAIT) as other:
        assert other.stdout.readline() == "True\n"
        assert holder(path) == other.pid
        lock = RunLock(path)
        assert not lock.acquire()
        assert holder(path) == other.pid
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=60)
        assert holder(path) == 0
        assert lock.acquire()
        lock.release()


def test_a_lock_is_free_after_its_process_ends_by_itself(tmp_path):
    path = tmp_path / "lock"
    with process(path, WAIT) as other:
        assert other.stdout.readline() == "True\n"
        other.stdin.write("\n")
        other.stdin.flush()
        other.wait(timeout=60)
        assert holder(path) == 0


def test_the_worker_sees_its_own_lock_and_looking_does_not_drop_it(tmp_path):
    path = tmp_path / "lock"
    program = """
        seen = holder(Path(sys.argv[1]))
        print(seen == os.getpid(), flush=True)
        sys.stdin.readline()
    """
    with process(path, program) as other:
        assert other.stdout.readline() == "True\n"
        assert holder(path) == other.pid


def test_a_fork_neither_holds_nor_drops_the_lock_nor_outlives_it(tmp_path):
    path = tmp_path / "lock"
    program = """
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            seen = holder(Path(sys.argv[1]))  # opens and closes the file: must not cost the parent its lock
            print(seen == parent, os.getpid(), flush=True)
            time.sleep(60)
            os._exit(0)
        os.waitpid(child, 0)
    """
    with process(path, program) as other:
        sees_parent, child = other.stdout.readline().split()
        try:
            assert sees_parent == "True"
            assert holder(path) == other.pid
            other.send_signal(signal.SIGKILL)
            other.wait(timeout=60)
            os.kill(int(child), 0)  # the fork is still there
            assert holder(path) == 0
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_a_holder_without_a_number_here_is_alive_all_the_same(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.touch()
    for pid in (0, -7):  # another container, another host
        answer = (
            struct.pack(liveness._FLOCK, fcntl.F_WRLCK, 0, 0, 0, pid)
            if sys.platform == "linux"
            else struct.pack(liveness._FLOCK, 0, 0, pid, fcntl.F_WRLCK, 0)
        )
        monkeypatch.setattr(liveness.fcntl, "fcntl", lambda file, command, question, answer=answer: answer)
        assert holder(path) == -1


def test_a_file_system_without_locks_is_an_error_not_a_lock_held_by_another(tmp_path, monkeypatch):
    def no_locks(file, command):
        raise OSError(37, "No locks available")

    lock = RunLock(tmp_path / "lock")
    monkeypatch.setattr(liveness.fcntl, "lockf", no_locks)
    with pytest.raises(OSError, match="No locks"):
        lock.acquire()
    lock.release()


def test_the_explanation_is_replaced_and_keeps_the_lock(tmp_path):
    path = tmp_path / "lock"
    program = """
        lock.explain("a long explanation of who holds this\\n")
        lock.explain("pid 1\\n")
        print(taken, flush=True)
        sys.stdin.readline()
    """
    with process(path, program) as other:
        assert other.stdout.readline() == "True\n"
        assert path.read_text() == "pid 1\n"
        assert holder(path) == other.pid


def test_release_frees_the_lock_for_others(tmp_path):
    path = tmp_path / "lock"
    lock = RunLock(path)
    assert lock.acquire()
    assert holder(path) == os.getpid()
    lock.release()
    assert holder(path) == 0
    with process(path, WAIT) as other:
        assert other.stdout.readline() == "True\n"


def test_of_a_lock_that_may_not_be_read_no_holder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", closed)
    assert holder(tmp_path / "lock") == 0
