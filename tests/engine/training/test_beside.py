"""Checkpoints that a thread writes while training goes on: of one moment, one at a time, none lost or told early."""

import errno
import os
import threading
import time

import pytest
import torch
from torch import nn

from vislab.engine.runs import checkpoints, control
from vislab.engine.runs.events import CheckpointSaved, RunEnded
from vislab.engine.runs.log import EventReader
from vislab.engine.training import checkpoint, saving
from vislab.engine.training.beside import Beside
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.saving import Saver

FULL_DISK = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Stopped(Exception):  # noqa: N818
    """Stands for a request to stop, seen while waiting for room."""


class Reporter:
    """Takes what a saver reports, and tries again as often as it is told to."""

    def __init__(self):
        self.said = []
        self.attempts = 5

    def say(self, event):
        self.said.append((event.kind, event.step))

    def sync(self):
        pass

    def persist(self, write):
        for _ in range(self.attempts):
            try:
                return write()
            except OSError as error:
                assert error.errno == errno.ENOSPC
        raise Stopped


@pytest.fixture
def training():
    """A training after its first update, in channels_last."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    made = Resumable(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters()),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=None,
        interval=Accumulator(torch.device("cpu")),
        epoch=Accumulator(torch.device("cpu")),
    )
    update(made)
    return made


@pytest.fixture
def reporter():
    return Reporter()


@pytest.fixture
def gate(monkeypatch):
    """A writer that waits until the gate is opened, fails while there are `errors`, and counts."""
    return Gate(monkeypatch)


class Gate:
    def __init__(self, monkeypatch):
        self.open = threading.Event()
        self.errors = []
        self.threads = []
        self.within = self.most = 0
        write = checkpoint.save

        def save(*args, **keys):
            self.threads.append(threading.current_thread() is threading.main_thread())
            self.within += 1
            self.most = max(self.most, self.within)
            try:
                if not self.threads[-1]:
                    assert self.open.wait(20.0)
                if self.errors:
                    raise self.errors.pop()
                return write(*args, **keys)
            finally:
                self.within -= 1

        monkeypatch.setattr(saving.checkpoint, "save", save)


def update(training):
    training.model(torch.randn(2, 3, 5, 5)).square().sum().backward()
    training.optimizer.step()
    training.position.step += 1
    training.position.elapsed += 1.0


def bits(tensors):
    return {
        f"{file}/{name}": tensor.contiguous().clone() for file, part in tensors.items() for name, tensor in part.items()
    }


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def steps(folder):
    return [int(path.name) for path in reversed(checkpoints.full(folder))]


def test_a_checkpoint_is_of_the_moment_at_which_it_was_asked_for(tmp_path, training, reporter, gate):
    saver = Saver(tmp_path, training, reporter, "auto")
    expected, scalars = bits(training.tensors()), training.scalars()
    assert saver.full(beside=True)
    for _ in range(3):
        update(training)
        saver.after_step()
    assert not same(bits(training.tensors()), expected)
    assert steps(tmp_path) == [] and reporter.said == [], "said before it is published"
    gate.open.set()
    saver.settle()
    assert reporter.said == [("full", 1)] and gate.threads == [False]
    tensors, found = checkpoint.load(tmp_path / "1")
    assert same(bits(tensors), expected)
    assert found["position"] == scalars["position"] and found["position"]["step"] == 1
    assert checkpoints.manifest(tmp_path / "1").step == 1


def test_one_is_written_at_a_time_and_what_a_count_asks_for_is_waited_for(tmp_path, training, reporter, gate):
    gate.open.set()
    saver = Saver(tmp_path, training, reporter, "1steps", keep=100)
    for _ in range(6):
        saver.after_step()
        saver.best()
        update(training)
    saver.full()
    assert gate.most == 1 and gate.threads == 12 * [False] + [True]
    assert steps(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    in_turn = [(kind, step) for step in range(1, 7) for kind in ("full", "best")]
    assert reporter.said == [*in_turn, ("full", 7)]


def test_what_is_due_by_the_clock_is_postponed_until_the_thread_is_free(tmp_path, training, reporter, gate):
    saver = Saver(tmp_path, training, reporter, "auto")
    saver.best()
    training.position.elapsed += 1000.0
    saver.after_epoch()
    update(training)
    saver.after_step()
    gate.open.set()
    saver.settle()
    assert steps(tmp_path) == []
    saver.after_step()
    saver.settle()
    assert steps(tmp_path) == [2] and reporter.said == [("best", 1), ("full", 2)]
    saver.after_step()
    saver.settle()
    assert len(reporter.said) == 2, "saved once, not again and again"


def test_what_the_thread_could_not_write_is_written_when_there_is_room(tmp_path, training, reporter, gate):
    gate.open.set()
    gate.errors = [FULL_DISK, FULL_DISK]
    saver = Saver(tmp_path, training, reporter, "auto")
    expected = bits(training.tensors())
    assert saver.full(beside=True)
    update(training)
    saver.settle()
    assert gate.threads == [False, True, True] and reporter.said == [("full", 1)]
    assert same(bits(checkpoint.load(tmp_path / "1")[0]), expected)


def test_a_stop_while_there_is_no_room_loses_neither_the_best_weights_nor_the_newest_state(
    tmp_path, training, reporter, gate
):
    saver = Saver(tmp_path, training, reporter, "auto")
    reporter.attempts = 1
    for save in (saver.best, lambda: saver.full(beside=True)):
        gate.open.clear()
        save()
        gate.errors = [FULL_DISK]
        gate.open.set()
        with pytest.raises(Stopped):
            saver.settle()
        update(training)
    assert reporter.said == [("best", 1)], "the best weights were written before anything else"
    assert saver.full()
    assert steps(tmp_path) == [3], "the older full checkpoint gives way"
    assert reporter.said == [("best", 1), ("full", 3)]


def test_another_error_of_the_thread_is_raised_in_the_loop(tmp_path, training, reporter, gate):
    gate.open.set()
    gate.errors = [KeyError("a fault")]
    saver = Saver(tmp_path, training, reporter, "auto")
    saver.full(beside=True)
    with pytest.raises(KeyError, match="a fault"):
        saver.settle()


@pytest.mark.parametrize("scarce", ["counted", "copy", "thread"])
def test_without_memory_for_a_copy_the_loop_writes(tmp_path, training, reporter, gate, monkeypatch, scarce):
    def refused(*args, **keys):
        raise MemoryError if scarce == "copy" else RuntimeError("can't start new thread")

    match scarce:
        case "counted":
            monkeypatch.setattr(saving.memory, "available", lambda: 100)
        case "copy":
            monkeypatch.setattr(saving.checkpoint, "snapshot", refused)
        case "thread":
            monkeypatch.setattr(threading.Thread, "start", refused)
    saver = Saver(tmp_path, training, reporter, "auto")
    assert saver.full(beside=True) and saver.best()
    assert gate.threads == [True, True] and reporter.said == [("full", 1), ("best", 1)]


def test_work_that_failed_is_done_again_by_who_asks():
    threads = []

    def work():
        threads.append(threading.current_thread() is threading.main_thread())
        if len(threads) < 3:
            raise FULL_DISK
        return 7

    beside = Beside(work)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            beside()
    assert beside() == 7 and threads == [False, True, True]


@pytest.mark.parametrize(
    ("how", "code"), [("done", 0), ("stop", 130), ("failure", 1), ("rollback", 0)], ids=lambda value: str(value)
)
def test_however_a_run_ends_it_waits_for_the_thread(make_run, train, watch, mine, gate, monkeypatch, how, code):
    """The thread writes checkpoint 4 until the run is about to end."""
    settles = saving.Saver.settle

    def settle(self, *, wait=True):
        if wait and self._under_way is not None:
            gate.open.set()
        settles(self, wait=wait)

    monkeypatch.setattr(saving.Saver, "settle", settle)
    strategy = {"epochs": 1, "on_nan": "rollback" if how == "rollback" else "stop"}
    run = make_run(checkpoint_every="4steps", strategy=strategy)

    def at(phase, step, epoch, done):
        if (phase, step) == ("training", 5) and not gate.open.is_set():
            if how == "stop":
                control.send(run.control, "stop")
            elif how == "failure":
                raise ValueError("a fault")

    watch(at)
    if how == "rollback":
        bad_once(monkeypatch)
    assert train(run) == code
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("beside")]
    events = list(EventReader(run.events).events())
    saved = [event.step for event in events if isinstance(event, CheckpointSaved) and event.kind == "full"]
    assert 4 in saved and isinstance(events[-1], RunEnded)
    if how == "rollback":
        assert [resumed.step for resumed in run.state().resumes] == [4]
    if how in ("stop", "failure"):
        assert 4 in steps(run.checkpoints)


def test_a_checkpoint_that_is_written_during_a_pause_is_said_then(make_run, train, watch, gate, monkeypatch):
    run = make_run(checkpoint_every="4steps", strategy={"epochs": 1})
    pausing = []

    def go_on_once_it_is_said():
        while run.state().status != "paused":
            time.sleep(0.01)
        before = [saved.step for saved in run.state().checkpoints]
        gate.open.set()
        while not run.state().checkpoints:
            time.sleep(0.01)
        pausing.append((before, [saved.step for saved in run.state().checkpoints], run.state().status))
        control.send(run.control, "unpause")

    helper = threading.Thread(target=go_on_once_it_is_said)

    def at(phase, step, epoch, done):
        if (phase, step) == ("training", 5) and not helper.ident:
            control.send(run.control, "pause")
            helper.start()

    watch(at)
    assert train(run) == 0
    helper.join()
    assert pausing == [([], [4], "paused")]


def bad_once(monkeypatch):
    """The fifth update's loss is no number."""
    from vislab.engine.training.step import Step

    make = Step.__call__

    def step(self, training, *args):
        rate = make(self, training, *args)
        if training.position.step == 4:
            training.first_bad.fill_(5)
        return rate

    monkeypatch.setattr(Step, "__call__", step)
