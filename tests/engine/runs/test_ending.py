"""Ends that a worker cannot tell of itself."""

import signal
import subprocess
import sys
import time

import pytest

from vislab.engine.runs import ending, progress
from vislab.engine.runs.ending import kill, leave_queue
from vislab.engine.runs.log import EventReader, EventWriter
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.store import Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

WORKER = """
import sys, time
from pathlib import Path
from vislab.engine.runs.events import RunEnded, RunStarted
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter

run, last_word = Path(sys.argv[1]), sys.argv[2]
lock = RunLock(run / "lock")
assert lock.acquire()
writer = EventWriter(run / "events.jsonl")
if last_word == "ended":
    writer.append(RunEnded(time=5.0, status="done", reason="", step=1, epoch=1, elapsed=0.1, exit_code=0))
elif last_word == "half a line":
    (run / "events.jsonl").open("ab").write(b'{"type": "Epo')
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def begin(tmp_path, history):
    """Makes a run with a worker that lives until it is killed."""
    workers = []

    def started(last_word: str = "") -> Run:
        run = create(tmp_path / "runs", Spec(name="made"))
        writer = EventWriter(run.events)
        for event in history([1.0, 0.5]):
            writer.append(event)
        writer.close()
        command = [sys.executable, "-c", WORKER, str(run.path), last_word]
        workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert workers[-1].stdout.readline() == "ready\n"
        return run

    yield started
    for worker in workers:
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize("last_word", ["", "half a line"])
def test_a_killed_run_says_that_somebody_asked(begin, last_word):
    run = begin(last_word)
    before = run.state()
    worker = run.worker()
    position = {"time": time.time(), "pid": worker, "host": "", "phase": "training", "step": before.step + 3}
    progress.write(run.progress_file, Progress(**position))
    (run.checkpoints / "10").mkdir()
    assert kill(run) and not run.worker()
    state = run.state()
    assert run.status() == "stopped" and None not in EventReader(run.events).events()
    assert state.ended.reason == "at once on request; it goes on from checkpoint 10"
    assert (state.ended.exit_code, state.ended.step, state.ended.epoch) == (130, before.step + 3, 2)
    assert list(state.epochs) == list(before.epochs)
    assert not kill(run), "there is nobody any more"


def test_the_end_that_a_worker_has_told_stands(begin):
    run = begin("ended")
    assert kill(run)
    assert run.status() == "done" and run.state().ended.time == 5.0


def test_nobody_finds_a_killed_run_without_an_end(begin, monkeypatch):
    """The killer has the lock before it writes, and keeps it until the end is told."""
    run = begin()
    seen = []
    record = ending._record

    def looking(run, reason):
        seen.append(run.worker())
        record(run, reason)
        seen.append(run.worker())

    monkeypatch.setattr(ending, "_record", looking)
    assert kill(run)
    assert all(seen) and len(seen) == 2


def test_the_reserve_makes_room_for_the_last_word(begin):
    run = begin()
    (run.path / "reserve").write_bytes(b"x")
    assert kill(run) and not (run.path / "reserve").exists()


def test_a_worker_of_somebody_else_is_left_alone(begin, monkeypatch):
    run = begin()

    def refuse(pid, number):
        assert number == signal.SIGKILL
        raise PermissionError

    def refuse_lock(path):
        raise PermissionError

    monkeypatch.setattr(ending.os, "kill", refuse)
    with pytest.raises(InputError, match="belongs to another user"):
        kill(run)
    monkeypatch.setattr(ending, "RunLock", refuse_lock)
    with pytest.raises(InputError, match="belongs to another user"):
        kill(run)
    assert run.worker() and run.state().ended is None


def test_a_worker_that_ends_before_it_is_killed_has_ended_by_itself(begin, monkeypatch):
    run = begin()

    def gone(pid, number):
        raise ProcessLookupError

    monkeypatch.setattr(ending.os, "kill", gone)
    assert not kill(run) and run.state().ended is None


def test_a_run_that_leaves_the_queue_unstarted_has_an_end_and_another_keeps_its_own(tmp_path, history):
    run = create(tmp_path / "runs", Spec(name="made"))
    leave_queue(run, "taken out of the queue")
    assert run.status() == "stopped" and run.state().ended.exit_code == 130
    log = run.events.read_bytes()
    leave_queue(run, "again")
    assert run.events.read_bytes() == log
