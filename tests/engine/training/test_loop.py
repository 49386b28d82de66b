"""Whole runs, in this process: what an epoch says, what ends a run, which weights are chosen."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vislab.engine.data.augment import Pipeline
from vislab.engine.data.loading import load_data
from vislab.engine.data.preprocessing import normalise
from vislab.engine.evaluation.evaluate import Figures
from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import number
from vislab.engine.training import checkpoint, saving
from vislab.engine.training.controls import Controls
from vislab.engine.training.judging import Judge
from vislab.engine.training.loop import LOGGED, plan
from vislab.engine.training.metrics import Accumulator
from vislab.presets.schema.strategy import Strategy

STEPS = 6  # an epoch


def kinds(run):
    return [(saved.kind, saved.step) for saved in run.state().checkpoints]


def column(run, name):
    return [getattr(row, name) for row in run.state().epochs]


def data_of(spec, tmp_path):
    nothing = lambda *args: None  # noqa: E731
    return load_data(
        spec, data_dir=tmp_path, split_file=tmp_path / "split.csv", code=tmp_path, progress=nothing, check=nothing
    )


def weights_of(folder, name="weights"):
    return checkpoint.load(folder)[0][name]


def test_a_plan_counts_updates():
    made = plan(Strategy(epochs=3), 7)
    assert (made.total_steps, made.epochs, made.log_every) == (21, 3, 1)
    made = plan(Strategy(epochs=3, max_steps=9), 7)
    assert (made.total_steps, made.epochs) == (9, 2)
    assert plan(Strategy(epochs=1000), 100).log_every == 100_000 // LOGGED


def test_figures_are_not_read_at_each_of_many_updates():
    found = {steps: plan(Strategy(epochs=2), steps).log_every for steps in (1, 20, 21, 49, 200, 300, 5000, 50_000)}
    assert found == {1: 1, 20: 1, 21: 2, 49: 3, 200: 10, 300: 10, 5000: 10, 50_000: 50}


# -- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_losses_and_accuracies_are_means_per_sample_whatever_the_batch(
    make_run, make_spec, train, mine, tmp_path, class_weights
):
    """A network that learns next to nothing, so that all batches see the same weights."""
    keys = {
        "architecture": {"build": f"{mine}:linear"},
        "dataset": {"options": {"train": 41, "classes": 7}},
        "precision": "fp32",
    }
    base = {"epochs": 1, "learning_rate": 1e-9, "class_weights": class_weights}
    figures = []
    for batch_size, accumulate in [(41, 1), (8, 1), (8, 3), (5, 1), (20, 2), (1, 1), (64, 4)]:  # 8, 5, 20: one is left
        run = make_run(strategy=base | {"batch_size": batch_size, "accumulate": accumulate}, **keys)
        assert train(run) == 0
        (row,) = run.state().epochs
        figures.append([row.train_loss, row.train_accuracy, row.train_top5, row.val_loss, row.val_accuracy])
    for row in figures[1:]:
        assert row == pytest.approx(figures[0], abs=1e-6)

    spec = make_spec(strategy=base, **keys)
    data = data_of(spec, tmp_path)
    network = nn.Linear(64, 7)
    network.load_state_dict(
        {key.removeprefix("1."): tensor for key, tensor in weights_of(checkpoints.full(run.checkpoints)[0]).items()}
    )
    with torch.no_grad():
        logits = network(normalise(data.train.pixels, spec.preprocessing).flatten(1))
    weight = None
    if class_weights == "balanced":
        weight = 41 / (7 * torch.bincount(data.train.labels, minlength=7))
    assert figures[0][0] == pytest.approx(float(F.cross_entropy(logits, data.train.labels, weight=weight)), abs=1e-5)
    assert figures[0][1] == pytest.approx(float((logits.argmax(1) == data.train.labels).double().mean()), abs=1e-12)


def test_the_log_has_every_interval_and_their_mean_is_the_epochs(make_run, train):
    run = make_run()
    assert train(run) == 0
    steps = list(run.state().steps)
    assert [row.step for row in steps] == list(range(1, 2 * STEPS + 1))
    sizes = [8, 8, 8, 8, 8, 2]
    mean = sum(row.loss * size for row, size in zip(steps[:STEPS], sizes, strict=True)) / 42
    assert column(run, "train_loss")[0] == pytest.approx(mean, rel=1e-9)
    assert all(0 <= row.waiting <= 1 and row.gradient_norm > 0 for row in steps)


def test_the_work_of_the_device_is_in_the_durations_of_its_own_interval_and_epoch(make_run, train, monkeypatch):
    import time

    read = Accumulator.read

    def wait_for_device(self):
        time.sleep(0.02)
        return read(self)

    monkeypatch.setattr(Accumulator, "read", wait_for_device)
    run = make_run()
    assert train(run) == 0
    state = run.state()
    assert all(row.images_per_second <= 8 / 0.02 for row in state.steps)
    assert all(row.seconds - row.val_seconds >= STEPS * 0.02 for row in state.epochs)


def test_a_long_checkpoint_is_no_waiting_for_data(make_run, train, monkeypatch):
    import time

    write = saving.checkpoint.save

    def slow(*args, **keys):
        time.sleep(0.1)
        return write(*args, **keys)

    monkeypatch.setattr(saving.checkpoint, "save", slow)
    run = make_run(checkpoint_every="1steps", strategy={"epochs": 1})
    assert train(run) == 0
    assert any(row.waiting < 0.5 for row in run.state().steps)  # all would be above; on a busy machine some are


@pytest.mark.parametrize("count", [25, 41])
def test_a_last_batch_of_one_breaks_no_batch_norm(make_run, train, mine, count):
    run = make_run(
        architecture={"build": f"{mine}:vector_norm"},
        dataset={"options": {"train": count}},
        strategy={"batch_size": 8, "accumulate": 8},
    )
    assert train(run) == 0
    assert run.state().started.steps_per_epoch == count // 8


def test_batches_of_one_train_where_batch_norm_sees_several_pixels_and_are_refused_where_not(make_run, train, mine):
    assert train(make_run(strategy={"batch_size": 1, "epochs": 1})) == 0
    run = make_run(architecture={"build": f"{mine}:vector_norm"}, strategy={"batch_size": 1, "epochs": 1})
    assert train(run) == 2
    assert "strategy.batch_size" in run.state().ended.reason


def test_golden_numbers(make_run, train):
    """A tiny run on real images: whoever changes the arithmetic of training, or a draw, sees it here."""
    run = make_run(
        dataset={"name": "digits", "source": "vislab.engine.data.sources.digits:source", "path": ""},
        architecture={"build": "vislab.engine.models.lenet:build"},
        preprocessing={"image_size": 28},
        strategy={
            "epochs": 2,
            "batch_size": 32,
            "limit": 256,
            "split": "80/20",
            "learning_rate": 2e-3,
            "weight_decay": 0.05,
            "augment": ["rotation(degrees=10)", "random_crop(padding=2)"],
            "mixup": 0.2,
            "drop_rate": 0.1,
            "ema": 0.9,
            "schedule": "cosine",
            "warmup_epochs": 0.5,
            "clip_norm": 1.0,
        },
    )
    assert train(run) == 0
    found = [[row.train_loss, row.train_accuracy, row.val_loss, row.val_accuracy] for row in run.state().epochs]
    expected = [
        [2.30176, 0.1171875, 2.26892, 0.203125],
        [2.25231, 0.26953125, 2.20629, 0.43359375],
    ]
    for row, wanted in zip(found, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-4)


# -- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({"learning_rate": 1e30, "optimizer": "sgd"}, "The training loss is nan"),
        ({"loss": "nan_loss"}, "The training loss is nan at step 1"),
        ({"loss": "steep_loss", "batch_size": 42}, "A weight is not finite any more at step 1"),
    ],
    ids=["too fast", "loss", "weights after an epoch's last step"],
)
def test_a_run_that_is_not_finite_any_more_fails_with_what_to_do(make_run, train, mine, strategy, said):
    if "loss" in strategy:
        strategy = strategy | {"loss": f"{mine}:{strategy['loss']}"}
    run = make_run(strategy=strategy, checkpoint_every="1steps")
    assert train(run) == 1
    ended = run.state().ended
    assert (ended.status, ended.exit_code) == ("failed", 1) and said in ended.reason
    for remedy in ("strategy.learning_rate", "strategy.clip_norm", "strategy.warmup_epochs"):
        assert remedy in ended.reason
    assert checkpoints.best(run.checkpoints) == []
    for folder in checkpoints.full(run.checkpoints):
        assert all(tensor.isfinite().all() for tensor in weights_of(folder).values())


def test_max_steps_ends_in_the_middle_of_an_epoch_and_validates(make_run, train):
    run = make_run(strategy={"epochs": 9, "max_steps": STEPS + 2})
    assert train(run) == 0
    state = run.state()
    assert (state.step, state.ended.epoch, state.started.epochs) == (STEPS + 2, 2, 2)
    assert [row.step for row in state.epochs] == [STEPS, STEPS + 2] and state.epochs[1].val_loss is not None


def test_evaluate_every_validates_then_and_at_the_end(make_run, train):
    run = make_run(strategy={"epochs": 5, "evaluate_every": 2})
    assert train(run) == 0
    assert [loss is not None for loss in column(run, "val_loss")] == [False, True, False, True, True]
    assert not any(row.best for row in run.state().epochs if row.val_loss is None)


def scripted(monkeypatch, **figures):
    """Validation figures as a script says, one an evaluation."""
    real = Judge.figures
    scripts = {name: iter(values) for name, values in figures.items()}

    def evaluate(self, part, phase):
        found = real(self, part, phase)
        if phase != "validation":
            return found
        values = {name: next(script) for name, script in scripts.items()}
        return Figures(**{**vars(found), **values})

    monkeypatch.setattr(Judge, "figures", evaluate)


@pytest.mark.parametrize(
    ("monitor", "figures", "best"),
    [
        ("accuracy", {"accuracy": [0.5, 0.7, 0.7, 0.6]}, [True, True, False, False]),
        ("loss", {"loss": [2.0, 1.0, 1.5, 0.5]}, [True, True, False, True]),
        ("macro_f1", {"macro_f1": [0.3, 0.2, 0.4, 0.4]}, [True, False, True, False]),
        ("loss", {"loss": [float("nan"), 3.0, float("inf"), 2.0]}, [False, True, False, True]),
        (
            "accuracy",
            {"accuracy": [0.1, 0.0, 0.9, 0.2], "loss": [float("nan"), 3.0, float("inf"), 2.0]},
            [False, True, False, True],
        ),
    ],
)
def test_the_best_epoch_is_the_monitored_figures(make_run, train, monkeypatch, monitor, figures, best):
    scripted(monkeypatch, **figures)
    run = make_run(strategy={"epochs": 4, "monitor": monitor})
    assert train(run) == 0
    assert column(run, "best") == best
    last_best = 4 - best[::-1].index(True)
    assert run.state().ended.test.epoch == run.state().best.epoch == last_best
    assert [path.name for path in checkpoints.best(run.checkpoints)] == [f"best-{STEPS * last_best}"]


def test_patience_counts_evaluations_without_a_better_one(make_run, train, monkeypatch):
    scripted(monkeypatch, accuracy=[0.5, 0.4, 0.6, 0.6, 0.5, 0.9])
    run = make_run(strategy={"epochs": 20, "patience": 2})
    assert train(run) == 0
    assert run.state().ended.reason == "no better epoch in 2 evaluations (patience)"
    assert len(run.state().epochs) == 5 and run.state().ended.test.epoch == 3
    assert run.state().ended.status == "done"


def test_patience_in_the_last_epoch_is_no_reason(make_run, train, monkeypatch):
    scripted(monkeypatch, accuracy=[0.5, 0.4, 0.4])
    run = make_run(strategy={"epochs": 3, "patience": 2})
    assert train(run) == 0
    assert run.state().ended.reason == ""


# -- weights ----------------------------------------------------------------------------------------------------------


def test_the_best_weights_are_judged_at_the_end_and_the_last_are_kept(make_run, train, monkeypatch, tmp_path):
    scripted(monkeypatch, accuracy=[0.9, 0.1, 0.1])
    run = make_run(dataset={"options": {"test": 12}}, strategy={"epochs": 3, "learning_rate": 0.1})
    assert train(run) == 0
    (best,), (full,) = checkpoints.best(run.checkpoints), checkpoints.full(run.checkpoints)
    assert (best.name, full.name) == (f"best-{STEPS}", str(3 * STEPS))
    assert not torch.equal(weights_of(best)["8.weight"], weights_of(full)["8.weight"])
    test = run.state().ended.test
    assert (test.role, test.images, test.epoch, test.weights) == ("test", 12, 1, "raw")
    saved = json.loads((run.results / "test.json").read_bytes())
    assert saved["accuracy"] == test.accuracy and saved["checkpoint"] == best.name
    assert saved["checkpoint_files"] == checkpoints.manifest(best).files
    lines = (run.path / "predictions.csv").read_text().splitlines()
    assert lines[0] == "name,label,predicted,confidence" and len(lines) == 13
    right = sum(line.split(",")[1] == line.split(",")[2] for line in lines[1:])
    assert right / 12 == pytest.approx(test.accuracy)


def test_without_test_images_the_last_judgement_is_that_of_the_best_epoch(make_run, train):
    run = make_run(strategy={"epochs": 3})
    assert train(run) == 0
    test, best = run.state().ended.test, run.state().best
    assert (test.role, test.epoch) == ("validation", best.epoch)
    assert (test.loss, test.accuracy, test.macro_f1) == (best.val_loss, best.val_accuracy, best.val_macro_f1)


def test_the_moving_average_is_what_is_judged_and_kept(make_run, train):
    run = make_run(strategy={"epochs": 3, "ema": 0.8, "learning_rate": 0.1})
    assert train(run) == 0
    assert run.state().started.evaluated_weights == "ema" and run.state().ended.test.weights == "ema"
    best = checkpoints.best(run.checkpoints)[0]
    assert not torch.equal(weights_of(best)["8.weight"], weights_of(best, "ema")["8.weight"])
    assert run.state().ended.test.loss == run.state().best.val_loss


def test_without_a_split_there_is_no_best_and_the_last_weights_are_kept(make_run, train):
    run = make_run(strategy={"split": "none", "epochs": 2})
    assert train(run) == 0
    state = run.state()
    assert state.best is None and state.ended.test is None
    assert set(column(run, "val_loss")) == {None}
    assert [path.name for path in run.checkpoints.iterdir()] == [str(state.step)]
    assert sum(state.started.counts["train"]) == 57


def test_selection_on_the_test_set_is_labelled(make_run, train):
    run = make_run(dataset={"options": {"test": 9}}, strategy={"validation": "test"})
    assert train(run) == 0
    assert run.state().started.selected_on_test
    assert run.state().ended.test.role == "test" and "selected on the test set" in run.state().started.split


def test_a_pause_in_the_last_evaluation_is_no_part_of_its_seconds(make_run, train, monkeypatch):
    run, check = make_run(strategy={"epochs": 1}), Controls.check

    def paused(self):
        check(self)
        self.paused_seconds += 1000.0

    monkeypatch.setattr(Controls, "check", paused)
    assert train(run) == 0
    told = json.loads((run.results / "validation.json").read_text())
    assert told["throughput"]["computing_seconds"] < -900


def test_a_damaged_best_checkpoint_is_told_and_none_else_taken_for_it(make_run, train, monkeypatch):
    real = Judge.best

    def damaging(self, data):
        (checkpoints.best(self.run.checkpoints)[0] / "MANIFEST").unlink()
        return real(self, data)

    monkeypatch.setattr(Judge, "best", damaging)
    run = make_run()
    assert train(run) == 0
    assert run.state().ended.test is None
    assert any("best weights" in notice.text for notice in run.state().notices)


# -- data -------------------------------------------------------------------------------------------------------------


def test_images_of_validation_and_test_are_never_augmented(make_run, make_spec, train, monkeypatch, tmp_path):
    keys = {
        "dataset": {"options": {"test": 12}},
        "strategy": {"augment": ["horizontal_flip"], "mixup": 0.2, "balance_to": 20, "epochs": 2},
    }
    seen = set()
    real = Pipeline.__call__

    def spy(self, images, draws):
        seen.update(tuple(image.mul(255).round().int().flatten().tolist()) for image in images)
        return real(self, images, draws)

    monkeypatch.setattr(Pipeline, "__call__", spy)
    run = make_run(**keys)
    assert train(run) == 0
    data = data_of(make_spec(**keys), tmp_path)

    def rows(part):
        return {tuple(image.flatten().tolist()) for image in part.pixels.int()}

    assert seen == rows(data.train)
    assert not seen & (rows(data.validation) | rows(data.test))
    assert run.state().started.counts == {"train": (20, 20, 20), "validation": (5, 5, 5), "test": (4, 4, 4)}


def test_a_batch_larger_than_the_data_is_told(make_run, train):
    run = make_run(strategy={"batch_size": 100})
    assert train(run) == 0
    assert [notice.topic for notice in run.state().notices] == ["batch size"]
    assert run.state().started.steps_per_epoch == 1


def test_figures_that_a_log_cannot_hold_are_words(make_run, train, monkeypatch):
    scripted(monkeypatch, loss=[float("nan"), float("inf")])
    run = make_run()
    assert train(run) == 0
    assert column(run, "val_loss") == ["nan", "inf"] and number("inf") == float("inf")


def test_gradual_unfreezing_is_told_as_it_happens(make_run, train):
    run = make_run(strategy={"freeze": "gradual", "unfreeze_every": 2, "epochs": 5})
    assert train(run) == 0
    told = [notice.text.partition(" stages")[0] for notice in run.state().notices if notice.topic == "unfreezing"]
    assert [text.partition(" of ")[0] for text in told] == ["Epoch 1: 1", "Epoch 3: 2", "Epoch 5: 3"]


def test_classes_larger_than_balance_to_are_told(make_run, train):
    run = make_run(strategy={"balance_to": 5, "epochs": 1})
    assert train(run) == 0
    (notice,) = [notice for notice in run.state().notices if notice.topic == "balance"]
    assert "3 of 3 classes have more" in notice.text and run.state().started.counts["train"] == (14, 14, 14)


def test_how_many_training_images_are_copies_is_told(make_run, train):
    run = make_run(strategy={"balance_to": 16, "epochs": 1})
    assert train(run) == 0
    (decided,) = [decision for decision in run.state().decisions if decision.what == "copies"]
    assert decided.details == {"copies": 6} and run.state().started.counts["train"] == (16, 16, 16)
