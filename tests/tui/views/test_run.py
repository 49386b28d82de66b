import typing

import msgspec

from vislab.engine.runs.events import DecisionMade, Notice, RunEnded, RunResumed, TestFigures
from vislab.engine.runs.state import Fold, Status, fold
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.spec import Spec
from vislab.tui.views import run

SPEC = Spec(name="study-b\n", dataset=Dataset(name="animals"), architecture=Architecture(name="base"))
LOSSES = ([0.9, 0.6], [0.8, 0.9], [0.8, 0.5], [0.8, 0.9])


def test_title_and_status() -> None:
    assert run.title(SPEC) == "study-b⏎ · animals · base · scratch"
    assert run.title(SPEC, "mine") == "mine · animals · base · scratch"
    assert run.status("training") == "● training"
    assert set(run.SIGNS) == {"new", "queued", "full disk", "died", *typing.get_args(Status)}


def test_a_run_that_has_said_nothing() -> None:
    state = Fold().state()
    assert run.data_lines(state) == run.model_lines(state) == []
    assert run.environment_rows(state) == run.decision_rows(state) == run.notice_rows(state) == []
    assert run.class_rows(state) == (["class"], [])
    assert run.result_lines(state, SPEC, "new") == ["new: never started"]
    assert run.end_line(state, "stopped") == "stopped before training began"
    assert run.end_line(state, "starting") == "starting: training has not begun"


def test_data(history) -> None:
    state = fold(history(*LOSSES, classes=("a", "b\x1b[0m", "c"), val_counts=(10, 10, 10)))
    assert run.data_lines(state) == [
        "1,230 images · 3 classes · 1,200 train / 30 validation",
        "split: 80/20, stratified",
    ]
    copied = fold([*history(*LOSSES), DecisionMade(what="copies", choice="90", why="", details={"copies": 90})])
    assert run.data_lines(copied)[1] == "of the training images 90 are augmented copies (strategy.balance_to)"
    titles, rows = run.class_rows(state)
    assert titles == ["class", "train", "validation"]
    assert rows[1] == ["b␛[0m", "400", "10"]


def test_selected_on_the_test_set_is_said_wherever_a_figure_stands(history) -> None:
    state = fold(history(*LOSSES, selected_on_test=True))
    assert "selected on the test set" in run.data_lines(state)[-1]
    best = run.result_lines(state, SPEC, "done")[0]
    assert best.startswith("best epoch 2 of 2 by test accuracy: accuracy 0.9000 [")
    assert best.endswith("selected on the test set")


def test_model(history) -> None:
    lines = run.model_lines(fold(history(*LOSSES)))
    assert lines == ["3,400,000 parameters, 30,000 train", "2 epochs × 10 steps of 64 images"]
    events = history(*LOSSES)
    events[0] = msgspec.structs.replace(events[0], trained_parameters=3_400_000, evaluated_weights="ema")
    lines = run.model_lines(fold(events))
    assert lines[0] == "3,400,000 parameters, all of them train"
    assert "moving average" in lines[-1]


def test_the_last_word_on_a_decision_counts(history) -> None:
    decisions = [DecisionMade(what="batch", choice=choice, why="memory") for choice in ("64", "32")]
    assert run.decision_rows(fold([*history(*LOSSES), *decisions])) == [("batch", "32", "memory")]


def test_results(history) -> None:
    test = TestFigures(
        role="test", images=100, loss=0.3, accuracy=0.88, top5="nan", macro_f1=0.87, weights="ema", epoch=2
    )
    lines = run.result_lines(fold(history(*LOSSES, val_counts=(10, 10, 10), test=test)), SPEC, "done")
    assert lines == [
        "best epoch 2 of 2 by validation accuracy: accuracy 0.9000 [0.74, 0.97], loss 0.5000",
        "test accuracy 0.8800 [0.80, 0.93] on 100 images, loss 0.3000, top-5 nan, macro F1 0.8700, "
        "with the best weights (moving average) of epoch 2",
        "done after 2 of 2 epochs, 4.0 s of work",
    ]


def test_the_last_evaluation_is_told_whole() -> None:
    test = TestFigures(
        role="validation",
        images=100,
        loss=0.3,
        accuracy=0.88,
        top5=0.99,
        macro_f1=0.87,
        weights="raw",
        epoch=11,
        weighted_f1=0.86,
        calibration_error=0.05,
        temperature=1.5,
        calibration_error_scaled=0.02,
        fitted_on_evaluated=True,
    )
    assert run.test_lines(test) == [
        "validation accuracy 0.8800 [0.80, 0.93] on 100 images, loss 0.3000, top-5 0.9900 [0.95, 1.00], "
        "macro F1 0.8700, weighted F1 0.8600, with the best weights (raw) of epoch 11",
        "expected calibration error 0.0500, 0.0200 at temperature 1.5, which was fitted on these images",
    ]


def test_a_list_in_a_message_is_told_on_its_line() -> None:
    listed = "2 of 9 images cannot be read (dataset.skip_unreadable=true):\n  a/0.png: not an image\n  b.png: torn"
    ended = RunEnded(status="failed", reason=listed, step=0, epoch=0, elapsed=0.0, exit_code=2)
    state = fold([Notice(level="error", topic="data", text=listed), ended])
    told = "2 of 9 images cannot be read (dataset.skip_unreadable=true): a/0.png: not an image; b.png: torn"
    assert run.end_line(state, "failed") == f"failed before training began: {told}"
    assert run.notice_rows(state) == [("error", told)]


def test_a_failed_and_resumed_run_says_why(history) -> None:
    events = history(*LOSSES, epochs=5)
    resumed = RunResumed(
        checkpoint="checkpoints/10", step=10, epochs=5, environment={"device": "cuda", "torch": "2.14.1"}
    )
    ended = RunEnded(status="failed", reason="out of\nmemory", step=10, epoch=1, elapsed=9.0, exit_code=1)
    state = fold([*events, resumed, ended])
    assert run.end_line(state, "failed") == ("failed after 1 of 5 epochs, 9.0 s of work, resumed 1 time: out of⏎memory")
    stopped = fold(
        [*events, RunEnded(status="stopped", reason="stopped on request", step=10, epoch=1, elapsed=9.0, exit_code=130)]
    )
    assert run.end_line(stopped, "stopped") == "stopped after 2 of 5 epochs, 9.0 s of work: on request"
    assert run.environment_rows(state) == [("torch", "2.14.1"), ("device", "cpu; after step 10: cuda")]


def test_an_accuracy_without_images_has_no_interval() -> None:
    assert run.accuracy_with_interval(0.5, 0) == "0.5000"
    assert run.accuracy_with_interval("nan", 10) == "nan"
    assert run.accuracy_with_interval(None, 10) == "-"
