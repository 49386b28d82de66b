"""When checkpoints are written and which are kept."""

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vislab.engine.runs import checkpoints
from vislab.engine.training import saving
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.saving import Saver
from vislab.presets.schema.spec import Spec

CPU = torch.device("cpu")


class Silent:
    """Takes what a saver reports."""

    def __init__(self):
        self.said = []
        self.synced = 0

    def say(self, event):
        self.said.append(event)

    def sync(self):
        self.synced += 1

    def persist(self, write):
        return write()


def resumable(model=None):
    model = model or nn.Linear(2, 2)
    return Resumable(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=None,
        interval=Accumulator(CPU),
        epoch=Accumulator(CPU),
    )


def saver(folder, every="auto", training=None, keep=2):
    training = training or resumable()
    return Saver(folder, training, Silent(), every, keep), training.position


def steps(folder):
    return [int(path.name) for path in reversed(checkpoints.full(folder))]


def test_nothing_is_saved_before_the_first_update(tmp_path):
    saving_, _ = saver(tmp_path)
    assert not saving_.full() and steps(tmp_path) == []


def test_every_so_many_steps(tmp_path):
    saving_, position = saver(tmp_path, "20steps", keep=100)
    for position.step in range(1, 62):
        saving_.after_step()
        saving_.after_epoch()
    saving_.settle()
    assert steps(tmp_path) == [20, 40, 60]


def test_every_so_many_epochs(tmp_path):
    saving_, position = saver(tmp_path, "2epochs", keep=100)
    for epoch in range(1, 6):
        for _ in range(10):
            position.step += 1
            saving_.after_step()
        position.epoch = epoch + 1
        saving_.after_epoch()
    saving_.settle()
    assert steps(tmp_path) == [20, 40]


def test_every_so_many_minutes_of_work(tmp_path):
    saving_, position = saver(tmp_path, "5min", keep=100)
    for position.step in range(1, 21):
        position.elapsed += 61.0
        saving_.after_step()
        saving_.settle()
    assert steps(tmp_path) == [5, 10, 15, 20]


def test_auto_spends_one_percent_of_the_time_at_most(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(saving.time, "monotonic", lambda: now[0])
    write = saving.checkpoint.save

    def slow(*args, **keys):
        now[0] += 3.0
        return write(*args, **keys)

    monkeypatch.setattr(saving.checkpoint, "save", slow)
    saving_, position = saver(tmp_path, keep=1000)
    for position.step in range(1, 2001):
        position.elapsed += 1.0
        saving_.after_step()
        saving_.settle()
    assert steps(tmp_path)[0] == 10, "the first one shows what a save costs"
    assert len(steps(tmp_path)) > 5 and 3.0 * len(steps(tmp_path)[1:]) <= 0.01 * position.elapsed


@given(st.sampled_from(["auto", "1step", "20steps", "5min", "1epoch", "12epochs"]))
def test_what_the_schema_allows_is_understood(every):
    msgspec.convert({"checkpoint_every": every}, Spec)
    count, unit = saving._parse(every)
    assert unit in ("auto", "steps", "min", "epochs") and (count > 0) == (every != "auto")


@pytest.mark.parametrize("every", ["", "20", "steps", "0steps", "-5min", "2hours", "1.5min", "5 min", "auto2"])
def test_what_makes_no_sense_is_refused_by_the_schema(every):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"checkpoint_every": every}, Spec)


def test_two_full_checkpoints_are_kept_while_a_run_lives_and_one_at_its_end(tmp_path):
    saving_, position = saver(tmp_path, "1steps")
    for position.step in range(1, 6):
        saving_.after_step()
    saving_.settle()
    assert steps(tmp_path) == [4, 5]
    saving_.keep(1)
    assert steps(tmp_path) == [5]


@pytest.fixture(scope="module", autouse=True)
def no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving.checkpoint.os, "fsync", lambda file: None)
        yield


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["full", "best", "both"]), min_size=1, max_size=9))
def test_every_full_checkpoint_finds_what_was_best_at_its_step(tmp_path_factory, acts):
    folder = tmp_path_factory.mktemp("checkpoints")
    saving_, position = saver(folder)
    all_best, all_full = [], []
    for position.step, act in enumerate(acts, start=1):
        if act != "full":
            assert saving_.best()
            all_best.append(position.step)
        if act != "best":
            assert saving_.full(beside=position.step % 2 == 0)
            all_full.append(position.step)
        saving_.settle()
        kept = [checkpoints.step(path) for path in checkpoints.best(folder)]
        assert steps(folder) == all_full[-2:]
        for full in all_full[-2:]:
            earlier = [step for step in all_best if step <= full]
            assert [step for step in kept if step <= full][:1] == earlier[-1:]
        assert kept[:1] == all_best[-1:]
        assert len(kept) <= 1 + len(all_full[-2:]), "best weights pile up"


def test_the_same_position_is_written_once(tmp_path):
    saving_, position = saver(tmp_path)
    position.step = 3
    assert saving_.full() and saving_.full()
    assert len(saving_._reporter.said) == 1
    position.epoch += 1  # the epoch's validation came in between
    assert saving_.full()
    assert len(saving_._reporter.said) == 2 and saving_._reporter.synced == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["weight", "buffer", "loss"])
def test_nothing_that_is_not_finite_is_published(tmp_path, where, value):
    model = nn.BatchNorm1d(2)
    training = resumable(model)
    saving_, position = saver(tmp_path, training=training)
    position.step = 3
    with torch.no_grad():
        match where:
            case "weight":
                model.weight[0] = value
            case "buffer":
                model.running_var[0] = float("nan")
            case "loss":
                training.interval.sums[0] = value
    assert not saving_.full() and not saving_.best()
    assert list(tmp_path.iterdir()) == []


def test_an_overflow_of_the_gradient_or_a_mask_of_infinities_hinders_no_checkpoint(tmp_path):
    """fp16 skips an update whose gradient overflows; a network may keep an attention mask among its buffers."""
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.tensor([0.0, -float("inf")]))
    training = resumable(model)
    training.gradient_norm = torch.tensor(float("inf"))
    saving_, position = saver(tmp_path, training=training)
    position.step = 3
    assert saving_.full() and saving_.best()
    saving_.settle()


def test_as_many_full_checkpoints_are_kept_as_asked_for(make_run, train, interrupt):
    run = make_run(keep=4, checkpoint_every="1step")
    assert interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 8), "kill") is None
    assert steps(run.checkpoints) == [4, 5, 6, 7]
    assert train(run) == 0
    assert steps(run.checkpoints) == [12], "a finished run keeps one"
