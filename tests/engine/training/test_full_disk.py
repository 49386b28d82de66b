"""A disk that is full, over its quota or read-only: the run waits, and goes on when there is room."""

import contextlib
import errno
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from vislab.engine import worker
from vislab.engine.runs import checkpoints, control, log, reserve
from vislab.engine.runs.log import EventReader
from vislab.engine.training import checkpoint

KEYS = {"checkpoint_every": "2steps", "strategy": {"ema": 0.9, "epochs": 3}}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(worker, "_BETWEEN_ATTEMPTS", 0.1)


def notices(run):
    return [notice for notice in run.state().notices if notice.topic == "full disk"]


def is_whole(run):
    """Whether every line of the log is understood and every published checkpoint is what its MANIFEST says."""
    assert None not in EventReader(run.events).events() and run.events.read_bytes().endswith(b"\n")
    folders = [*checkpoints.full(run.checkpoints), *checkpoints.best(run.checkpoints)]
    return folders and all(checkpoints.damage(folder) == "" for folder in folders)


@pytest.fixture
def small_disk(settings):
    """A small file system for the runs."""
    settings.runs_dir.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(settings.runs_dir)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a file system")
    yield settings.runs_dir
    subprocess.run(["umount", "-l", str(settings.runs_dir)], check=True)


def fill(file: Path) -> None:
    """Take all the room there is."""
    with file.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(1 << 12))
    with file.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x")


@pytest.mark.parametrize("place", [("training", 3), ("training", 9), ("validation", 6), ("testing", 18)])
def test_a_full_disk_is_waited_for(small_disk, make_run, train, watch, trained, place):
    whole, run = make_run(**KEYS), make_run(**KEYS)
    assert train(whole) == 0
    expected = trained(whole)
    shutil.rmtree(whole.path)
    filler = small_disk / "filler"
    seen = []

    def make_room():
        while not notices(run):
            time.sleep(0.02)
        whole = is_whole(run) or place == ("training", 3)
        seen.append((whole, (run.path / "reserve").exists(), run.worker(), run.status()))
        time.sleep(0.4)
        filler.unlink()

    helper = threading.Thread(target=make_room)

    def watcher(phase, step, epoch, done):
        if (phase, step) == place and not helper.ident:
            fill(filler)
            helper.start()

    watch(watcher)
    began = time.monotonic()
    assert train(run) == 0
    took = time.monotonic() - began
    helper.join()
    # Log and checkpoints are whole, the reserve is given up, the run lives and says what it waits for.
    assert seen == [(True, False, os.getpid(), "full disk")]
    assert is_whole(run) and trained(run) == expected
    full, room = notices(run)
    assert "No space left" in full.text and "There is room again" in room.text
    assert run.state().elapsed < took - 0.4, "the wait counts as work"
    assert not (run.path / "reserve").exists(), "a finished run keeps no reserve"
    assert not [path for path in run.checkpoints.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("width", [6, 120])
def test_a_run_that_waits_for_room_can_be_stopped(small_disk, make_run, train, watch, width):
    """Its last checkpoint goes where the reserve was, if it is small enough; else the run says what is lost."""
    run = make_run(**KEYS, architecture={"options": {"width": width}})
    filler = small_disk / "filler"

    def stop():
        while not notices(run):
            time.sleep(0.02)
        control.send(run.control, "stop")

    helper = threading.Thread(target=stop)

    def watcher(phase, step, epoch, done):
        if (phase, step) == ("training", 5) and not helper.ident:
            fill(filler)
            with filler.open("r+b") as file:  # room for the request, and for nothing else once it is made
                file.truncate(filler.stat().st_size - (1 << 12))
            helper.start()

    watch(watcher)
    assert train(run) == 130
    helper.join()
    state = run.state()
    assert (state.ended.status, state.ended.exit_code) == ("stopped", 130)
    assert [request.action for request in state.controls] == ["stop"]
    saved = [int(folder.name) for folder in checkpoints.full(run.checkpoints)]
    assert is_whole(run) and saved == ([6, 4] if width == 6 else [4, 2]) and state.ended.step == 6
    assert any("since checkpoint 4 is lost" in notice.text for notice in state.notices) == (width == 120)
    filler.unlink()
    watch(lambda *position: None)
    assert train(run) == 0


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("what", ["log", "checkpoint", "results"])
def test_quotas_and_read_only_disks_are_waited_for_too(make_run, train, monkeypatch, trained, number, what):
    whole, run = make_run(**KEYS), make_run(**KEYS)
    assert train(whole) == 0
    module, name = {
        "log": (log.os, "write"),
        "checkpoint": (checkpoint, "save_file"),
        "results": (worker.Path, "replace"),
    }[what]
    real, failures = getattr(module, name), []

    def failing(*args):
        wanted = what != "results" or "validation.json" in str(args[1])
        if wanted and run.state().step >= 4 and len(failures) < 3:
            failures.append(args)
            raise OSError(number, os.strerror(number))
        return real(*args)

    monkeypatch.setattr(module, name, failing)
    assert train(run) == 0
    assert len(failures) == 3
    assert is_whole(run) and trained(run) == trained(whole)
    assert [os.strerror(number) in notice.text for notice in notices(run)] == [True, False]


def test_another_error_of_the_disk_is_not_waited_for(make_run, train, monkeypatch):
    def broken(*args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(checkpoint, "save_file", broken)
    run = make_run(**KEYS)
    assert train(run) == 1
    assert "Input/output error" in run.state().ended.reason


def test_a_heartbeat_that_cannot_be_written_stops_nothing(make_run, train, monkeypatch):
    from vislab.engine.runs import reporter

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(reporter, "write", full)
    run = make_run(**KEYS)
    assert train(run) == 0 and not notices(run)


def test_the_reserve_is_there_while_a_run_lives(make_run, train, watch):
    run, sizes = make_run(strategy={"epochs": 1}), set()
    watch(lambda phase, *_: sizes.add((run.path / "reserve").stat().st_size) if phase != "ended" else None)
    assert train(run) == 0
    assert sizes == {reserve.SIZE}
