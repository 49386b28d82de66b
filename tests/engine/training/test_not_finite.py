"""A loss or gradient that is not finite: on_nan = stop, skip, rollback."""

import copy

import pytest
import torch
from torch import nn

from vislab.engine.analysis.figures import scientific
from vislab.engine.analysis.findings import findings
from vislab.engine.data.batches import Batch
from vislab.engine.runs import checkpoints, control
from vislab.engine.training import loop, step
from vislab.engine.training.ema import ExponentialMovingAverage
from vislab.engine.training.losses import make_loss
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.step import Step
from vislab.presets.schema.strategy import Strategy

CPU = torch.device("cpu")
STEPS = 6  # an epoch


@pytest.fixture
def poison(monkeypatch):
    """Makes the images of the given updates (counted from 1) not numbers, whenever they are met."""

    def install(*updates):
        real = Step.__call__

        def poisoned(self, training, batch, *factors):
            if training.position.step + 1 in updates:
                batch = Batch(batch.images * float("nan"), batch.labels, batch.partner_labels, batch.share)
            return real(self, training, batch, *factors)

        monkeypatch.setattr(Step, "__call__", poisoned)

    return install


def notices(run, topic="not finite"):
    return [notice for notice in run.state().notices if notice.topic == topic]


def weights(run):
    from vislab.engine.training import checkpoint

    return checkpoint.load(checkpoints.full(run.checkpoints)[0])[0]


def test_stop_names_the_place_and_what_helps_and_publishes_nothing(make_run, train, poison):
    poison(4)
    run = make_run(checkpoint_every="1step")
    assert train(run) == 1
    assert "The training loss is nan at step 4 (epoch 1)" in run.state().ended.reason
    assert "strategy.learning_rate" in run.state().ended.reason
    assert [folder.name for folder in checkpoints.full(run.checkpoints)] == ["3", "2"]


@pytest.mark.parametrize("asked", [(), (0.03,)], ids=["as planned", "changed on the way"])
def test_the_failure_and_the_findings_name_one_remedy_from_the_base_rate(make_run, train, poison, monkeypatch, asked):
    poison(4)
    run = make_run(strategy={"learning_rate": 3e-3, "schedule": "cosine", "warmup_epochs": 1.0})
    real = Step.__call__

    def ask(self, training, *arguments):
        if training.position.step == 1:
            for rate in asked:
                control.send(run.control, "set_learning_rate", str(rate))
        return real(self, training, *arguments)

    monkeypatch.setattr(Step, "__call__", ask)
    assert train(run) == 1
    base = asked[-1] if asked else 3e-3
    remedy = f"Lower the learning rate: strategy.learning_rate = {scientific(base / 3)} (now {scientific(base)})"
    state = run.state()
    assert remedy in state.ended.reason and remedy in findings(state, run.spec())[0].remedy
    assert state.ended.reason.count("e-") == 2  # no other rate is named


OPTIMIZERS = [
    {"optimizer": "adamw", "optimizer_options": {"fused": True}},
    {"optimizer": "adamw", "optimizer_options": {"foreach": True, "amsgrad": True}},
    {"optimizer": "sgd"},
    {"optimizer": "momentum", "optimizer_options": {"foreach": True}},
    {"optimizer": "sgd", "momentum": 0.0},
    {"optimizer": "nadamw"},
    {"optimizer": "lamb"},
    {"optimizer": "lion"},
]


@pytest.mark.parametrize("on_device", [False, True], ids=["host", "device"])
@pytest.mark.parametrize("strategy", OPTIMIZERS, ids=lambda strategy: "-".join(map(str, strategy.values())))
@pytest.mark.parametrize("first", [0, 2])
def test_a_skipped_update_changes_nothing(monkeypatch, strategy, on_device, first):
    """Neither weights nor optimizer, moving average or buffers; the next update is as if it had never been."""
    from vislab.engine.training.optim import make_optimizer

    # On the CPU the host decides; what an accelerator does is tried here too.
    monkeypatch.setattr(
        Step, "_decided_on_device", lambda self, training: on_device and training.optimizer_is_on(self.device)
    )
    strategy = Strategy(learning_rate=0.01, weight_decay=0.1, **strategy)

    def training():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
        groups = (tuple(name for name, _ in model.named_parameters()),)
        return Resumable(
            model=model,
            optimizer=make_optimizer(strategy, model, groups, CPU),
            scaler=torch.amp.GradScaler("cpu", enabled=False),
            ema=ExponentialMovingAverage(model, 0.5),
            interval=Accumulator(CPU),
            epoch=Accumulator(CPU),
        )

    def batch(number):
        generator = torch.Generator().manual_seed(number)
        return Batch(torch.randn(6, 1, 6, 6, generator=generator), torch.arange(6) % 2)

    make = Step(make_loss(strategy, counts=[1, 1], device=CPU), 0, CPU, "fp32", 2, 0.0, 0.0, on_nan="skip")
    clean, hurt = training(), training()
    for number in range(first):
        for one in (clean, hurt):
            make(one, batch(number), 1.0)
            one.position.step += 1
    before = copy.deepcopy(hurt.tensors())
    bad = batch(first)
    for value in (float("nan"), float("inf")):
        make(hurt, Batch(torch.where(bad.images > 1.5, value, bad.images), bad.labels), 1.0)
        after = hurt.tensors()
        for file, tensors in before.items():
            kept = {name: tensor for name, tensor in after[file].items() if not name.startswith("metrics")}
            for name, tensor in kept.items():
                assert torch.equal(tensor, tensors[name]), (file, name)
            assert kept.keys() == {name for name in tensors if not name.startswith("metrics")}
    assert hurt.interval.read()["skipped"] == 2 and hurt.interval.updates == first + 2
    for one in (clean, hurt):
        make(one, batch(9), 1.0)
    for file, tensors in clean.tensors().items():
        for name, tensor in tensors.items():
            if not name.startswith("metrics"):
                assert torch.equal(tensor, hurt.tensors()[file][name]), (file, name)
    found, expected = hurt.interval.read(), clean.interval.read()
    assert {**found, "skipped": 0.0} == expected


def test_skipped_updates_are_counted_and_the_run_goes_on(make_run, train, poison, monkeypatch):
    monkeypatch.setattr(loop, "LOGGED", 4)  # 12 steps: an interval of 3
    poison(2, 3, 8)
    run = make_run(strategy={"on_nan": "skip", "ema": 0.9, "clip_norm": 1.0}, checkpoint_every="1step")
    assert train(run) == 0
    assert [notice.step for notice in notices(run)] == [3, 9]
    assert "2 of the last 3 updates left out" in notices(run)[0].text and "(3 so far)" in notices(run)[1].text
    assert all(isinstance(row.train_loss, float) for row in run.state().epochs)
    assert all(tensor.isfinite().all() for tensors in weights(run).values() for tensor in tensors.values())


def test_a_resumed_run_skips_and_counts_alike(make_run, train, interrupt, poison, trained, monkeypatch):
    monkeypatch.setattr(loop, "LOGGED", 4)
    poison(2, 8)
    keys = {"strategy": {"on_nan": "skip", "ema": 0.9}, "checkpoint_every": "2steps"}
    whole, killed = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    for place in (3, 5, 9):
        interrupt(killed, lambda phase, step, epoch, done, place=place: (phase, step) == ("training", place), "kill")
    assert train(killed) == 0
    assert trained(killed) == trained(whole)
    assert [notice.text for notice in notices(killed)] == [notice.text for notice in notices(whole)]


def test_a_run_that_can_only_skip_ends(make_run, train, poison):
    poison(*range(1, 100))
    run = make_run(strategy={"on_nan": "skip"})
    assert train(run) == 1
    assert "No update of this epoch was finite" in run.state().ended.reason
    assert {row.loss for row in run.state().steps} == {"nan"}


@pytest.mark.parametrize("logged", [2, 2000])
def test_rollback_leaves_out_the_offending_update_alone(make_run, train, poison, trained, monkeypatch, logged):
    monkeypatch.setattr(loop, "LOGGED", logged)
    keys = {"checkpoint_every": "2steps", "strategy": {"ema": 0.9, "augment": ["horizontal_flip"]}}
    expected = make_run(**keys)
    with monkeypatch.context() as patch:
        real = Step.__call__

        def without(self, training, batch, *factors):
            left_out = training.position.step + 1 in (1, 5, 10)
            return factors[0] if left_out else real(self, training, batch, *factors)

        patch.setattr(Step, "__call__", without)
        assert train(expected) == 0
    poison(1, 5, 10)
    run = make_run(**keys | {"strategy": keys["strategy"] | {"on_nan": "rollback"}})
    assert train(run) == 0, run.state().ended.reason
    found, wanted = trained(run), trained(expected)
    assert {name: bits for name, bits in wanted.items() if "weights" in name or "state/" in name} == {
        name: bits for name, bits in found.items() if "weights" in name or "state/" in name
    }
    assert found["epochs"] == wanted["epochs"]
    state = run.state()
    (left_out,) = [decision for decision in state.decisions if decision.what == "updates left out"]
    assert left_out.choice == "1 5 10"
    assert len(state.resumes) == 3 and "update 10 was not finite" in notices(run)[-1].text
    assert all(isinstance(row.loss, float) for row in state.steps if row.step not in (1, 5, 10))


def test_what_was_left_out_stays_left_out_after_a_kill(make_run, train, interrupt, poison, trained):
    poison(5, 9)
    keys = {"checkpoint_every": "2steps", "strategy": {"on_nan": "rollback"}}
    whole, killed = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    # Only behind the first rollback, and before the next checkpoint, does a worker come to say that it is at step 5.
    assert interrupt(killed, lambda phase, step, epoch, done: (phase, step) == ("training", 5), "kill") is None
    assert len(killed.state().resumes) == 1
    assert train(killed) == 0
    assert trained(killed) == trained(whole)
    assert len(killed.state().resumes) == 3


def test_rollback_gives_up_after_three_times(make_run, train, poison):
    poison(3, 5, 7, 9)
    run = make_run(checkpoint_every="2steps", strategy={"on_nan": "rollback"})
    assert train(run) == 1
    assert "Update 9 was not finite, after 3 updates were left out" in run.state().ended.reason
    assert len(run.state().resumes) == 3


def test_a_first_update_that_is_not_finite_can_be_rolled_back(make_run, train, poison):
    poison(1)
    run = make_run(checkpoint_every="1000steps", strategy={"on_nan": "rollback"})
    assert train(run) == 0
    assert [resumed.step for resumed in run.state().resumes] == [0]


def test_nothing_waits_for_the_device_between_log_intervals(make_run, train, monkeypatch):
    """With on_nan = stop or rollback no step turns a tensor into a number."""
    asked = []
    for name in ("__bool__", "__int__", "__float__", "item", "tolist"):
        real = getattr(torch.Tensor, name)

        def spied(self, *args, name=name, real=real):
            asked.append(name)
            return real(self, *args)

        monkeypatch.setattr(torch.Tensor, name, spied)
    counts = []
    make = step.Step.__call__

    def counted(self, *args):
        before = len(asked)
        rate = make(self, *args)
        counts.append(len(asked) - before)
        return rate

    monkeypatch.setattr(step.Step, "__call__", counted)
    for on_nan in ("stop", "rollback"):
        run = make_run(strategy={"on_nan": on_nan, "ema": 0.9, "clip_norm": 1.0})
        assert train(run) == 0
    assert len(counts) == 24 and set(counts) == {0}
