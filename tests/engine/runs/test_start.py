"""Starting a worker: a made one stands in for `python -m vislab.engine.worker`, so that each of its ways is tried."""

import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest

from vislab.engine.runs import start as module
from vislab.engine.runs.control import send
from vislab.engine.runs.detaching import Detachment
from vislab.engine.runs.events import Notice
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventReader, EventWriter
from vislab.engine.runs.start import start
from vislab.engine.runs.store import Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

PROLOGUE = """
    #!{python}
    import os, signal, sys, time
    from pathlib import Path
    from vislab.engine.runs.events import Notice
    from vislab.engine.runs.liveness import RunLock
    from vislab.engine.runs.log import EventWriter
    assert sys.argv[1:4] == ["-P", "-m", "vislab.engine.worker"], sys.argv
    run = Path(sys.argv[4])
    lock = RunLock(run / "lock")

    def say(text):
        EventWriter(run / "events.jsonl").append(Notice(level="info", topic="t", text=text))
"""

NOTICE = Notice(level="info", topic="t", text="before")


@pytest.fixture
def run(tmp_path) -> Run:
    return create(tmp_path / "runs", Spec(name="made"))


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def worker(tmp_path, monkeypatch, run):
    """Makes workers do what the given lines say; kills those that are left."""

    def make(lines: str) -> None:
        script = tmp_path / "made_worker"
        text = textwrap.dedent(PROLOGUE).format(python=sys.executable).lstrip() + textwrap.dedent(lines)
        script.write_text(text)
        script.chmod(0o700)
        monkeypatch.setattr(module.sys, "executable", str(script))

    yield make
    if alive := run.worker():
        os.kill(alive, signal.SIGKILL)


def test_a_worker_has_a_session_of_its_own_and_no_hold_on_the_terminal(run, settings, worker):
    worker("""
        print("said to nobody", file=sys.stderr, flush=True)
        print(repr(sys.stdin.read()), os.environ["VISLAB_DATA_DIR"], flush=True)
        lock.acquire()
        time.sleep(60)
    """)
    pid = start(run, settings)
    assert run.worker() == pid
    assert os.getsid(pid) == pid != os.getsid(0)
    assert run.worker_log.read_text() == f"said to nobody\n'' {settings.data_dir}\n"


def test_in_the_foreground_a_worker_stays_in_this_session_and_is_deaf_to_a_hangup(run, settings, worker):
    worker("""
        lock.acquire()
        print(signal.getsignal(signal.SIGHUP).name, flush=True)
        time.sleep(60)
    """)
    before = signal.getsignal(signal.SIGHUP)
    pid = start(run, settings, foreground=True)
    assert (os.getsid(pid), os.getpgid(pid)) == (os.getsid(0), os.getpgid(0))
    assert signal.getsignal(signal.SIGHUP) == before
    os.kill(pid, signal.SIGHUP)
    while not run.worker_log.read_text():
        time.sleep(0.01)
    assert run.worker() == pid and run.worker_log.read_text() == "SIG_IGN\n"


def test_where_logging_out_kills_a_worker_is_started_in_a_scope(run, settings, worker, tmp_path, monkeypatch):
    scope = tmp_path / "systemd-run"
    scope.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/asked\nshift\nexec "$@"\n')
    scope.chmod(0o700)
    monkeypatch.setattr(module.detaching, "here", lambda: Detachment(prefix=(str(scope), "--scope")))
    worker("lock.acquire(); time.sleep(60)")
    pid = start(run, settings)
    assert run.worker() == pid and os.getsid(pid) == pid
    assert (tmp_path / "asked").read_text() == "--scope\n"
    os.kill(pid, signal.SIGKILL)
    while run.worker():
        time.sleep(0.01)
    (tmp_path / "asked").unlink()
    start(run, settings, foreground=True)
    assert not (tmp_path / "asked").exists()


def test_start_returns_when_the_lock_is_held_not_before(run, settings, worker):
    worker("""
        time.sleep(0.3)
        (run / "late").touch()
        lock.acquire()
        time.sleep(60)
    """)
    start(run, settings)
    assert (run.path / "late").exists()


def test_a_run_with_a_worker_gets_no_second_one(run, settings, worker):
    worker("lock.acquire(); time.sleep(60)")
    pid = start(run, settings)
    with pytest.raises(InputError, match=f"process {pid}"):
        start(run, settings)
    assert run.worker() == pid


def test_a_run_that_waits_in_the_queue_is_not_started_before_its_turn(run, settings, worker):
    worker("lock.acquire(); time.sleep(60)")
    waiting = RunLock(run.waiting_lock)
    assert waiting.acquire()
    with pytest.raises(InputError, match=f"waits in the queue.*vislab stop {run.id}"):
        start(run, settings)
    assert not run.worker()
    waiting.release()


def test_a_worker_that_cannot_start_is_said_with_its_last_words(run, settings, worker):
    worker("sys.exit('first\\nno such thing')")
    with pytest.raises(InputError, match=r"did not start: no such thing\. See .*worker\.log"):
        start(run, settings)


def test_a_worker_that_cannot_start_again_is_said_too(run, settings, worker):
    writer = EventWriter(run.events)
    writer.append(NOTICE)
    writer.close()
    worker("sys.exit('broken meanwhile')")
    with pytest.raises(InputError, match="broken meanwhile"):
        start(run, settings)


def test_a_worker_that_is_quicker_than_the_look_has_started(run, settings, worker, monkeypatch):
    worker("lock.acquire(); say('done already')")
    monkeypatch.setattr(Run, "worker", lambda self: 0)
    start(run, settings)
    assert list(EventReader(run.events).events()) == [Notice(level="info", topic="t", text="done already")]


def test_requests_made_to_an_earlier_worker_are_not_for_this_one(run, settings, worker):
    send(run.control, "stop")
    worker("(run / 'arguments').write_text(' '.join(sys.argv[5:])); lock.acquire(); time.sleep(60)")
    start(run, settings)
    assert (run.path / "arguments").read_text() == f"--control-from {run.control.stat().st_size}"


def test_the_real_worker_is_a_module_that_python_finds():
    # The made worker above must not hide that the real one was moved.
    found = Path(module.__file__).parent.parent / "worker.py"
    assert found.is_file() and '"vislab.engine.worker"' in Path(module.__file__).read_text()


def test_a_worker_that_cannot_even_be_made_is_told_of_with_its_run(run, settings) -> None:
    run.worker_log.mkdir()
    with pytest.raises(InputError, match=rf"worker of {run.id} could not be started: .*vislab resume {run.id}"):
        start(run, settings)
