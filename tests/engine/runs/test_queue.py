"""The queue: real waiters in real processes; a made worker stands in for the real one, but for one test."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vislab.engine.runs import queue
from vislab.engine.runs.devices import Device
from vislab.engine.runs.events import DecisionMade, Phase
from vislab.engine.runs.liveness import holder, last_holder
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.progress import write as write_progress
from vislab.engine.runs.queue import FOLDER, cancel, enqueue, queued
from vislab.engine.runs.store import Run, all_runs, create, follow
from vislab.engine.runs.used import Used, UsedDevices
from vislab.presets.errors import InputError
from vislab.presets.library import resolve
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

WORKER = """
    import os, sys, time
    from pathlib import Path
    from vislab.engine.runs.events import DecisionMade, RunEnded, RunStarted
    from vislab.engine.runs.liveness import RunLock
    from vislab.engine.runs.log import EventWriter

    run = Path(sys.argv[1])
    if (run / "slow").exists():
        time.sleep(2.5)
    lock = RunLock(run / "lock")
    assert lock.acquire()
    writer = EventWriter(run / "events.jsonl")
    writer.append(DecisionMade(what="device", choice="cpu", why=os.environ["VISLAB_DATA_DIR"]))
    (run.parent / "order").open("a").write(run.name + "\\n")
    while not (run / "finish").exists():
        time.sleep(0.02)
    writer.append(RunEnded(status="done", reason="", step=1, epoch=1, elapsed=0.1, exit_code=0))
"""

CUSTOMIZE = """
    import importlib.machinery, importlib.util, sys

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "vislab.engine.worker":
                return importlib.util.spec_from_file_location(name, {file!r})

    sys.meta_path.insert(0, Finder)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def no_process_left(settings: Settings) -> Iterator[None]:
    yield
    for run in all_runs(settings.runs_dir):
        if pid := run.worker() or run.waiter():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def make(settings: Settings, tmp_path: Path, monkeypatch, no_process_left: None) -> Callable[..., Run]:
    """Makes runs whose worker ends when a file `finish` appears."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python/worker.py").write_text(textwrap.dedent(WORKER))
    text = textwrap.dedent(CUSTOMIZE).format(file=str(tmp_path / "python/worker.py"))
    (tmp_path / "python/sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"))
    return lambda name="made", **values: create(settings.runs_dir, Spec(name=name, device="cpu", **values))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finish(run: Run) -> None:
    (run.path / "finish").touch()
    until(lambda: run.status() == "done")


def test_runs_train_one_after_the_other_in_the_order_they_were_queued(make, settings) -> None:
    runs = [make(f"run-{number}") for number in range(3)]
    pids = [enqueue(run, settings) for run in reversed(runs)]
    last, middle, first = runs
    until(first.worker)
    assert [run.id for run in queued(settings.runs_dir)] == [middle.id, last.id]
    assert [run.status() for run in runs] == ["queued", "queued", "starting"]
    assert middle.summary().status == "queued"
    finish(first)
    until(middle.worker)
    assert last.status() == "queued"
    finish(middle)
    until(last.worker)
    finish(last)
    assert [first.id, middle.id, last.id] == (settings.runs_dir / "order").read_text().split()
    # The waiter became the worker: one process from first to last, with the folders of the settings.
    assert psutil.pid_exists(pids[0]) is False or psutil.Process(pids[0]).status() == psutil.STATUS_ZOMBIE
    assert first.state().decisions[0].why == str(settings.data_dir)
    assert not queued(settings.runs_dir)
    again = make("again")
    enqueue(again, settings)  # clears away the tickets of those that wait no more
    tickets = {entry.name for entry in (settings.runs_dir / FOLDER).iterdir()} - {"order"}
    assert [name.partition("-")[2] for name in tickets] == [again.id]
    until(again.worker)
    finish(again)


def test_a_worker_that_is_slow_to_start_is_waited_for(make, settings) -> None:
    slow, second = make("slow"), make("second")
    (slow.path / "slow").touch()
    enqueue(slow, settings)
    enqueue(second, settings)
    until(slow.worker)
    assert second.status() == "queued"
    finish(slow)
    until(second.worker)
    finish(second)


def test_the_waiter_becomes_the_worker_and_nobody_sees_the_run_unowned(make, settings) -> None:
    run = make()
    pid = enqueue(run, settings)
    seen = set()
    while not run.worker():
        seen.add(run.status())
    assert run.worker() == pid and seen <= {"queued", "starting"}
    assert os.getsid(pid) == pid
    finish(run)


def test_a_queued_run_waits_for_one_that_was_started_directly(make, settings) -> None:
    direct, waiting = make("direct"), make("waiting")
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "vislab.engine.worker", str(direct.path)], env=os.environ | {"VISLAB_DATA_DIR": ""}
    )
    until(direct.worker)
    enqueue(waiting, settings)
    time.sleep(1.5)
    assert waiting.status() == "queued"
    finish(direct)
    worker.wait()
    until(waiting.worker)
    finish(waiting)


def test_the_queue_outlives_the_one_who_filled_it(make, settings) -> None:
    first, second = make("first"), make("second")
    code = f"""
from pathlib import Path
from vislab.engine.runs.queue import enqueue
from vislab.engine.runs.store import Run
from vislab.presets.settings import Settings
folder = Path({str(settings.runs_dir.parent)!r})
settings = Settings(folder / "runs", folder / "data", folder / "cache", folder / "config")
for path in {[str(first.path), str(second.path)]!r}:
    enqueue(Run(Path(path)), settings)
"""
    subprocess.run([sys.executable, "-c", code], check=True, start_new_session=True)
    until(first.worker)
    assert second.status() == "queued"
    finish(first)
    until(second.worker)
    finish(second)


def test_a_cancelled_run_ends_in_words_and_lets_the_next_one_pass(make, settings) -> None:
    first, second, third = make("first"), make("second"), make("third")
    for run in (first, second, third):
        enqueue(run, settings)
    until(first.worker)
    cancel(second)
    ended = second.state().ended
    assert ended is not None and (second.status(), ended.exit_code) == ("stopped", 130)
    assert ended.reason == "taken out of the queue" and [run.id for run in queued(settings.runs_dir)] == [third.id]
    with pytest.raises(InputError, match="does not wait"):
        cancel(second)
    with pytest.raises(InputError, match="does not wait"):
        cancel(first)
    finish(first)
    until(third.worker)
    finish(third)
    enqueue(second, settings)
    finish(second)


def test_a_waiter_that_was_killed_holds_nobody_up(make, settings) -> None:
    first, second, third = make("first"), make("second"), make("third")
    for run in (first, second, third):
        enqueue(run, settings)
    until(first.worker)
    os.kill(second.waiter(), signal.SIGKILL)
    until(lambda: not second.waiter())
    assert second.fell_out_of_queue("new") and last_holder(second.waiting_lock)["boot"]
    finish(first)
    until(third.worker)
    enqueue(second, settings)  # again
    finish(third)
    until(second.worker)
    finish(second)


def test_a_run_cannot_wait_twice_nor_while_it_trains(make, settings) -> None:
    first, second = make("first"), make("second")
    enqueue(first, settings)
    until(first.worker)
    with pytest.raises(InputError, match="has a worker already"):
        enqueue(first, settings)
    enqueue(second, settings)
    with pytest.raises(InputError, match="waits already"):
        enqueue(second, settings)
    cancel(second)
    finish(first)


def test_a_run_that_somebody_starts_meanwhile_or_deletes_is_let_go(make, settings) -> None:
    import shutil

    first, second, third = make("first"), make("second"), make("third")
    for run in (first, second, third):
        enqueue(run, settings)
    until(first.worker)
    waiters = [second.waiter(), third.waiter()]
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "vislab.engine.worker", str(second.path)], env=os.environ | {"VISLAB_DATA_DIR": ""}
    )
    until(second.worker)
    shutil.rmtree(third.path)
    for pid in waiters:
        until(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    finish(second)
    worker.wait()
    finish(first)


def test_a_waiter_that_cannot_start_is_said(make, settings, tmp_path) -> None:
    run = make()
    (tmp_path / "python/sitecustomize.py").write_text("import sys; sys.stderr.write('no luck'); sys.exit(3)")
    with pytest.raises(InputError, match="could not be put into the queue"):
        enqueue(run, settings)
    assert not queued(settings.runs_dir) and run.status() == "new"


def card(index: int, users: int, free: int = 10) -> Device:
    return Device("cuda", index, "A100", f"GPU-{index}", 80, free, users)


@pytest.mark.parametrize(
    ("wanted", "cards", "turn"),
    [
        ("auto", [card(0, 1), card(1, 0)], {"CUDA_VISIBLE_DEVICES": "GPU-1"}),
        ("auto", [card(0, 0, 5), card(1, 0, 9)], {"CUDA_VISIBLE_DEVICES": "GPU-1"}),
        ("cuda", [card(0, 1), card(1, 2)], None),
        ("cuda:0", [card(0, 0), card(1, 1)], {}),
        ("cuda:1", [card(0, 0), card(1, 1)], None),
        ("cuda:7", [card(0, 1)], {}),
        ("cuda", [], {}),
        ("cpu", [card(0, 1)], {}),
        ("auto", [], {}),
    ],
)
def test_which_device_is_free(make, settings, monkeypatch, wanted, cards, turn) -> None:
    monkeypatch.setattr(queue, "list_devices", lambda: [*cards, Device("cpu", 0, "processor")])
    run = create(settings.runs_dir, Spec(name="made", device=wanted))
    assert queue.Occupied(run).turn() == turn


@pytest.mark.parametrize(("device", "turn"), [("cuda:0", None), ("cpu", {})])
def test_a_driver_that_is_silent_while_a_run_computes_is_no_reason_to_begin(settings, monkeypatch, device, turn):
    monkeypatch.setattr(queue, "list_devices", lambda: [Device("cpu", 0, "processor")])
    live, run = (create(settings.runs_dir, Spec(name=name, device="cuda")) for name in ("live", "waiting"))
    monkeypatch.setattr(Run, "worker", lambda self: 77 if self.id == live.id else 0)
    monkeypatch.setattr(UsedDevices, "of", lambda self, run: Used(device))
    assert queue.Occupied(run).turn() == turn


def test_the_card_of_a_live_run_is_known_from_its_present_worker(settings, monkeypatch) -> None:
    cards = [card(0, 0, 9), card(1, 0, 5)]  # a driver that lists no processes
    monkeypatch.setattr(queue, "list_devices", lambda: [*cards, Device("cpu", 0, "processor")])
    live, run = (create(settings.runs_dir, Spec(name=name)) for name in ("live", "waiting"))
    monkeypatch.setattr(Run, "worker", lambda self: 77 if self.id == live.id else 0)
    occupied = queue.Occupied(run)

    def worker(pid: int) -> None:
        live.lock.write_text(f"pid {pid}\nstarted now\n")

    def heartbeat(pid: int, phase: Phase) -> None:
        write_progress(live.progress_file, Progress(time=0.0, pid=pid, host="", phase=phase))

    def decide(uuid: str) -> None:
        writer = EventWriter(live.events)
        writer.append(DecisionMade(what="device", choice="cuda:0", why="", details={"uuid": uuid}))
        writer.close()

    worker(1)
    assert occupied.turn() is None, "it has said nothing yet"
    decide("GPU-0")
    heartbeat(1, "training")
    assert occupied.turn() == {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    worker(2)
    assert occupied.turn() is None, "what is said is of an earlier worker"
    heartbeat(2, "starting")
    assert occupied.turn() is None
    decide("GPU-1")
    heartbeat(2, "reading data")
    assert occupied.turn() == {"CUDA_VISIBLE_DEVICES": "GPU-0"}


@pytest.mark.parametrize(
    ("wanted", "cards", "device", "taken_by", "behind"),
    [
        ("cpu", [card(0, 1), card(1, 1)], "cpu", ["plain"], []),
        ("auto", [card(0, 1), card(1, 1)], "cuda", ["first", "second"], ["one", "other"]),
        ("cuda:1", [card(0, 1), card(1, 1)], "cuda:1", ["second"], ["other"]),
        ("auto", [], "cpu", ["plain"], []),
        ("cuda", [], "cuda", ["first", "second"], ["one", "other"]),  # a driver that does not answer
    ],
)
def test_what_a_run_waits_for_is_known(settings, monkeypatch, wanted, cards, device, taken_by, behind) -> None:
    monkeypatch.setattr(queue, "list_devices", lambda: [*cards, Device("cpu", 0, "processor")])
    used = {"plain": ("cpu", ""), "first": ("cuda:0", "GPU-0"), "second": ("cuda:0", "GPU-1"), "about to choose": ("",)}
    live = [create(settings.runs_dir, Spec(name=name)) for name in used]
    run = create(settings.runs_dir, Spec(name="waits", device=wanted))
    others = [create(settings.runs_dir, Spec(name=n, device=d)) for n, d in (("one", "cuda:0"), ("other", "cuda:1"))]
    monkeypatch.setattr(queue, "queued", lambda folder: [*others, run, *others])
    monkeypatch.setattr(UsedDevices, "of", lambda self, run: Used(*used.get(run.spec().name, ("",))))
    wait = queue.Occupied(run).wait([*live, run])  # its old worker is about to end
    assert wait.device == device
    assert [one.spec().name for one in wait.taken_by] == taken_by
    assert [one.spec().name for one in wait.choosing] == ["about to choose"]
    assert [one.spec().name for one in wait.behind] == behind


@pytest.mark.parametrize(
    ("one", "other", "cards", "compete"),
    [
        ("auto", "cuda:1", True, True),
        ("auto", "cuda:1", False, False),
        ("cuda:0", "cuda:1", True, False),
        ("cuda:1", "cuda:1", True, True),
        ("cpu", "auto", True, False),
        ("cpu", "auto", False, True),
    ],
)
def test_which_runs_wait_for_the_same_device(one, other, cards, compete) -> None:
    assert queue._compete(one, other, cards) is compete and queue._compete(other, one, cards) is compete


def test_the_real_worker_takes_over(settings, no_process_left) -> None:
    sets = ("strategy.epochs=1", "strategy.limit=64", "device=cpu")
    spec = resolve(dataset="digits", architecture="mlp", sets=sets, settings=settings)
    run = create(settings.runs_dir, spec)
    pid = enqueue(run, settings)
    until(lambda: run.worker() == pid and holder(run.waiting_lock) == 0)  # at its end it is not queued again
    states = [status for _, _, status in follow(run)]
    assert states[-1] == "done" and run.state().epochs[-1].epoch == 1
    assert f"pid {pid}\n" in run.lock.read_text()


def test_a_queue_that_cannot_be_used_is_said_and_is_empty_for_others(make, settings, monkeypatch) -> None:
    run = make()
    (settings.runs_dir / FOLDER).touch()
    with pytest.raises(InputError, match=rf"{run.id} could not be put into the queue: .*exists"):
        enqueue(run, settings)
    assert queued(settings.runs_dir) == []

    def closed(folder: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", closed)
    assert queued(settings.runs_dir) == []


def test_a_waiter_of_another_user_is_left_alone(tmp_path, monkeypatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(Run, "waiter", lambda run: 4711)
    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(InputError, match=r"\(4711\) belongs to another user"):
        cancel(Run(tmp_path / "theirs"))
