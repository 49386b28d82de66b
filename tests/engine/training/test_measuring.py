"""`batch_size = auto` in a worker: decided once, said, remembered, kept by a resumed run; else a rule that is said."""

from types import SimpleNamespace

import pytest
import torch

from vislab.engine import worker
from vislab.engine.runs import batch_size, checkpoints
from vislab.engine.training import checkpoint, probing
from vislab.engine.training.batch_choice import BatchChoice
from vislab.engine.training.batch_probing import BatchProbe
from vislab.engine.training.measuring import Measuring
from vislab.engine.training.remembered import Remembered

MANY = {"options": {"train": 700}}  # 16 and 32 are the candidates
AUTO = {"epochs": 1, "batch_size": "auto", "max_steps": 8}
MEASURED = BatchChoice(16, "measured: good", {"16: images/s": 5.0, "32": "out of memory"}, lasting=True)


@pytest.fixture
def measured(monkeypatch):
    """Counts the measurements, which find 16 at once."""
    found = []

    def probe(self):
        found.append(self.sizes)
        return MEASURED

    monkeypatch.setattr(BatchProbe, "__call__", probe)
    return found


def decided(run):
    """The decision on the batch size."""
    (row,) = [row for row in run.state().decisions if row.what == batch_size.DECISION]
    return row


def test_a_choice_is_recorded_said_remembered_and_trained_with(make_run, train, measured, settings) -> None:
    run = make_run(dataset=MANY, strategy=AUTO)
    assert train(run) == 0
    state, row = run.state(), decided(run)
    assert (row.choice, row.why, row.details) == ("16", MEASURED.why, MEASURED.table)
    assert (state.started.batch_size, state.started.steps_per_epoch) == (16, 44)
    assert run.summary().batch_size == 16
    (said,) = [notice.text for notice in state.notices if notice.topic == "batch size"]
    assert "strategy.learning_rate stays 0.02" in said
    assert run.spec().strategy.batch_size == "auto"
    again = make_run(dataset=MANY, strategy=AUTO)
    assert train(again) == 0
    assert decided(again).why == "measured: good; remembered" and decided(again).details == MEASURED.table
    assert measured == [(16, 32)]


@pytest.fixture
def choose(make_spec, tmp_path):
    """Settles the batch size of a spec for some training images, without training."""

    def chosen(images=700, **keys):
        data = SimpleNamespace(train=range(images), classes=("a", "b"), counts={"train": (1, 1)})
        spec = make_spec(**{"strategy": AUTO} | keys)
        made = Measuring(spec, data, None, torch.device("cpu"), tmp_path, lambda: None)
        return made.batch_size(Remembered(tmp_path / "measured"))

    return chosen


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"batch_size": "many", "why": "", "table": {}}', '{"batch_size": 48, "why": "", "table": {}}'],
)
def test_damaged_memory_is_measured_again(choose, measured, tmp_path, damage) -> None:
    choose()
    (file,) = (tmp_path / "measured").glob("*.json")
    file.write_text(damage)
    assert choose() == (MEASURED, "")
    assert len(measured) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"strategy": AUTO | {"optimizer": "sgd"}},
        {"preprocessing": {"image_size": 16}},
        {"precision": "bf16"},
        {"images": 2000},
        {"threads": 2},
    ],
)
def test_other_work_is_measured_again(choose, measured, other) -> None:
    choose()
    choose(**other)
    assert len(measured) == 2


def test_a_cache_that_cannot_be_written_is_said(choose, measured, tmp_path) -> None:
    (tmp_path / "measured").write_text("a file where the folder should be")
    choice, trouble = choose()
    assert choice == MEASURED and "cannot be remembered" in trouble


@pytest.mark.parametrize(
    ("keys", "size", "why"),
    [
        ({"deterministic": True}, 32, "deterministic = true measures nothing"),
        ({"images": 42}, 16, "the one that suits 42 training images"),
        ({"strategy": AUTO | {"accumulate": 20}}, 32, "the one that suits 700 training images"),
        ({"strategy": AUTO | {"pretrained": True, "freeze": "backbone"}}, 32, "the head trains on features"),
    ],
)
def test_where_nothing_is_measured_a_rule_chooses_and_is_said(choose, measured, keys, size, why) -> None:
    (choice, _) = choose(**keys)
    assert choice.batch_size == size and why in choice.why
    assert measured == []


def test_a_short_run_takes_the_usual_size(make_run, train, settings) -> None:
    run = make_run(dataset=MANY, strategy=AUTO)
    assert train(run) == 0
    assert decided(run).choice == "32" and "too short to measure" in decided(run).why
    assert not (settings.cache_dir / "measured").exists()


@pytest.mark.parametrize(
    ("where", "how"), [(("building", 0), "kill"), (("training", 5), "stop"), (("training", 5), "kill")]
)
def test_a_run_with_auto_equals_one_with_that_size_also_when_resumed(
    make_run, train, trained, interrupt, measured, where, how
) -> None:
    explicit = make_run(dataset=MANY, strategy=AUTO | {"batch_size": 16}, checkpoint_every="3steps")
    assert train(explicit) == 0
    run = make_run(dataset=MANY, strategy=AUTO, checkpoint_every="3steps")
    interrupt(run, lambda phase, step, epoch, done: (phase, step) == where, how)
    assert train(run) == 0
    assert trained(run) == trained(explicit)
    assert len(measured) == 1


def test_a_run_that_was_killed_after_the_decision_keeps_it_and_measures_nothing(
    make_run, train, trained, watch, measured
) -> None:
    class Killed(BaseException):
        pass

    run = make_run(dataset=MANY, strategy=AUTO)

    def watcher(phase, step, epoch, done):
        if phase == "training" and not run.state().checkpoints and len(killed) < 1:
            killed.append(step)
            raise Killed

    killed = []
    watch(watcher)
    with pytest.raises(Killed):
        train(run)
    assert killed == [1] and not list(run.checkpoints.glob("*"))
    assert train(run) == 0
    explicit = make_run(dataset=MANY, strategy=AUTO | {"batch_size": 16})
    assert train(explicit) == 0
    assert trained(run) == trained(explicit)
    assert len(measured) == 1


def test_micro_batches_can_be_asked_for_before_the_batch_is_decided(make_run, measured, settings) -> None:
    run = make_run(dataset=MANY, strategy=AUTO | {"max_steps": 2})
    assert worker.main(run.path, settings=settings, accumulate=4) == 0
    assert {row.what: row.choice for row in run.state().decisions}["micro-batch"] == "batch / 4"
    (newest,) = checkpoints.full(run.checkpoints)
    assert checkpoint.load(newest)[1]["position"]["accumulate"] == 4


def test_measuring_changes_nothing_that_is_trained(make_run, train, trained, monkeypatch) -> None:
    monkeypatch.setattr(probing, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(probing, "SHARE", 1e9)
    monkeypatch.setattr(probing, "TURN", 0.0)
    run = make_run(dataset=MANY, strategy=AUTO)
    assert train(run) == 0
    size = int(decided(run).choice)
    assert {"16: images/s", "32: images/s"} <= decided(run).details.keys()
    explicit = make_run(dataset=MANY, strategy=AUTO | {"batch_size": size})
    assert train(explicit) == 0
    assert trained(run) == trained(explicit)
