"""A run that is interrupted and goes on ends with the bits of one that was not."""

import os
from collections import Counter

import pytest

from vislab.engine.analysis.findings import findings
from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import DecisionMade, encode
from vislab.engine.training import loop

EVERYTHING = {
    "epochs": 3,
    "batch_size": 8,  # 42 images: six batches, the last one of two
    "accumulate": 2,
    "augment": ["random_crop(padding=2)", "rotation(degrees=20)", "rand_augment"],
    "mixup": 0.4,
    "cutmix": 1.0,
    "ema": 0.9,
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "label_smoothing": 0.1,
    "class_weights": "balanced",
    "clip_norm": 1.0,
    "weight_decay": 0.05,
}
STEPS = 6  # an epoch

# Mid-epoch and mid-interval, at a log interval, at an epoch's last step, while validating, in the last evaluation.
PLACES = [
    lambda phase, step, epoch, done: phase == "training" and step == 1,
    lambda phase, step, epoch, done: phase == "training" and step == 4,
    lambda phase, step, epoch, done: phase == "training" and step == STEPS,
    lambda phase, step, epoch, done: phase == "validation" and epoch == 2,
    lambda phase, step, epoch, done: phase == "training" and step == 2 * STEPS + 1,
    lambda phase, step, epoch, done: phase == "validation" and epoch == 3,
    lambda phase, step, epoch, done: phase == "testing",
]


@pytest.fixture(autouse=True)
def intervals_of_several_steps(monkeypatch):
    monkeypatch.setattr(loop, "LOGGED", 6)  # 18 steps: an interval of 3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": True}], ids=["fused", "foreach"])
def test_a_run_stopped_again_and_again_equals_one_that_was_not(
    make_run, train, interrupt, trained, precision, memory_format, options
):
    keys = {
        "precision": precision,
        "memory_format": memory_format,
        "strategy": EVERYTHING | {"optimizer_options": options},
        "checkpoint_every": "1epoch",
    }
    whole, stopped = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    for place in PLACES:
        assert interrupt(stopped, place) == 130
        assert stopped.state().ended.status == "stopped"
    assert train(stopped) == 0
    expected, found = trained(whole), trained(stopped)
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    assert len(stopped.state().resumes) == len(PLACES)
    assert len(expected["epochs"]) == 3 and len(expected["steps"]) == 6


@pytest.mark.parametrize(
    "strategy",
    [
        {"optimizer": "sgd", "momentum": 0.9, "schedule": "one_cycle"},
        {"optimizer": "sgd", "optimizer_options": {"foreach": True}, "schedule": "step"},
        {"optimizer": "lamb", "schedule": "linear"},
        {"optimizer": "nadamw"},
    ],
    ids=["sgd-fused", "sgd-foreach", "lamb", "nadamw"],
)
@pytest.mark.parametrize("checkpoint_every", ["2steps", "1epoch"])
def test_a_killed_run_equals_one_that_was_not(make_run, train, interrupt, trained, strategy, checkpoint_every):
    keys = {
        "strategy": {"epochs": 3} | strategy,
        "checkpoint_every": checkpoint_every,
        "memory_format": "channels_last",
    }
    whole, killed = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    for step in (STEPS + 3, STEPS + 4, 2 * STEPS + 1):
        place = lambda phase, now, epoch, done, step=step: phase == "training" and now == step  # noqa: E731
        assert interrupt(killed, place, "kill") is None
        assert killed.state().ended is None or killed.state().ended.status == "stopped"
    assert train(killed) == 0
    assert trained(killed) == trained(whole)


def test_a_run_killed_before_its_first_checkpoint_starts_again(make_run, train, interrupt, trained):
    keys = {"checkpoint_every": "1000steps", "strategy": {"epochs": 3}}
    whole, killed = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    later = lambda phase, step, epoch, done: phase == "training" and step == 2 * STEPS + 2  # noqa: E731
    interrupt(killed, later, "kill")
    assert checkpoints.best(killed.checkpoints) and not checkpoints.full(killed.checkpoints)
    assert train(killed) == 0
    state = killed.state()
    assert trained(killed) == trained(whole)
    assert not state.resumes
    assert max(Counter(decision.what for decision in state.decisions).values()) == 1


def test_best_weights_of_an_attempt_without_full_checkpoints_do_not_outlive_it(make_run, train, interrupt):
    run = make_run(checkpoint_every="1000steps", strategy={"epochs": 3})
    interrupt(run, lambda phase, step, epoch, done: phase == "training" and step == STEPS + 1, "kill")
    stray = run.checkpoints / "best-999"
    checkpoints.best(run.checkpoints)[0].rename(stray)
    assert train(run) == 0
    assert not stray.exists()


@pytest.mark.parametrize("damage", ["cut", "manifest", "missing"])
def test_a_damaged_newest_checkpoint_is_reported_and_the_one_before_it_used(
    make_run, train, interrupt, trained, damage
):
    keys = {"checkpoint_every": "2steps", "strategy": {"epochs": 3}}
    whole, run = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    interrupt(run, lambda phase, step, epoch, done: phase == "training" and step == STEPS + 3, "kill")
    newest, before = checkpoints.full(run.checkpoints)
    match damage:
        case "cut":
            os.truncate(newest / "weights.safetensors", 100)
        case "manifest":
            (newest / "MANIFEST").write_text("{")
        case "missing":
            (newest / "state.json").unlink()
    assert train(run) == 0
    state = run.state()
    (notice,) = [notice for notice in state.notices if notice.topic == "checkpoint"]
    assert f"Checkpoint {newest.name} is damaged" in notice.text and f"checkpoint {before.name} is used" in notice.text
    assert [resumed.step for resumed in state.resumes] == [int(before.name)]
    assert trained(run) == trained(whole)


def test_a_run_whose_checkpoints_are_all_damaged_starts_again(make_run, train, interrupt, trained):
    keys = {"checkpoint_every": "2steps", "strategy": {"epochs": 3}}
    whole, run = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    interrupt(run, lambda phase, step, epoch, done: phase == "training" and step == STEPS + 3, "kill")
    for folder in checkpoints.full(run.checkpoints):
        (folder / "MANIFEST").unlink()
    with run.events.open("ab") as log:  # of data that had copies then
        for what, details in (("duplicates", {"validation": 3}), ("copies", {"copies": 3})):
            log.write(encode(DecisionMade(what=what, choice="3", why="", details=details)))
    assert train(run) == 0
    texts = [notice.text for notice in run.state().notices if notice.topic == "checkpoint"]
    assert len(texts) == 2 and all("starts again from the beginning" in text for text in texts)
    assert run.state().copies == 0 and "duplicates" not in {found.kind for found in findings(run.state(), run.spec())}
    assert trained(run) == trained(whole)


def test_patience_that_has_ended_a_run_ends_it_again(make_run, train, interrupt, trained):
    """Killed after its last epoch's checkpoint, the run must not train one epoch more."""
    strategy = {"epochs": 50, "patience": 2, "learning_rate": 1e-9}
    keys = {"checkpoint_every": "1epoch", "strategy": strategy}
    whole, killed = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    assert "patience" in whole.state().ended.reason
    interrupt(killed, lambda phase, step, epoch, done: phase == "testing", "kill")
    assert train(killed) == 0
    assert trained(killed) == trained(whole)
    assert killed.state().ended.reason == whole.state().ended.reason


def test_a_run_that_is_done_can_be_asked_again(make_run, train, trained):
    run = make_run()
    assert train(run) == 0
    before = trained(run)
    assert train(run) == 0
    assert trained(run) == before
