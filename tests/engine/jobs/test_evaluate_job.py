"""The evaluate job: which images, which temperature, and what stands in the way."""

import json

import pytest

from vislab.engine.jobs import evaluate
from vislab.presets.errors import InputError


@pytest.fixture
def ask(settings):
    def answer(run, **keys):
        request = {"run_dir": str(run.path), "data_dir": str(settings.data_dir), "device": "cpu"} | keys
        return evaluate.answer(request, lambda *words: None)

    return answer


def test_without_test_images_validation_is_judged_and_the_file_says_what_was_answered(make_run, train, ask):
    run = make_run(strategy={"ema": 0.5, "loss": "focal"})
    assert train(run) == 0
    found = ask(run)
    assert (found["role"], found["images"], found["weights"]) == ("validation", 15, "ema")
    stored = json.loads((run.results / "evaluation-validation.json").read_text())
    assert stored | {"file": found["file"], "not_written": ""} == found
    judged = json.loads((run.results / "validation.json").read_text())
    assert found["accuracy"] == pytest.approx(judged["accuracy"]) and found["epoch"] == judged["epoch"]
    assert found["loss"] == pytest.approx(judged["loss"]) and found["loss"] < found["cross_entropy"]
    with pytest.raises(InputError, match=r"has no test images\. Give --split validation"):
        ask(run, split="test")


def test_a_best_epoch_selected_on_the_test_images_is_told(make_run, train, ask, mine):
    own = {"source": f"{mine}:source", "options": {"validation": 0, "test": 12}}
    run = make_run(dataset=own, strategy={"validation": "test"})
    assert train(run) == 0
    found = ask(run)
    assert (found["role"], found["selected_on_test"]) == ("test", True)
    assert found["calibration"]["fitted_on_evaluated"]


def test_a_run_that_held_nothing_out_needs_other_images_and_has_no_temperature(make_run, train, ask, mine):
    run = make_run(strategy={"split": "none"})
    assert train(run) == 0
    with pytest.raises(InputError, match=r"has no validation images\. Give --data PATH"):
        ask(run)
    other = {"name": "other", "source": f"{mine}:source", "path": str(mine.parent), "options": {"noise": 20.0}}
    found = ask(run, data=other)
    assert (found["role"], found["images"]) == ("all", 57)
    assert found["calibration"]["temperature"] is None and "no validation" in found["calibration"]["why_not"]
    assert found["calibration"]["error"] >= 0


def test_images_that_changed_their_class_are_not_judged(make_run, train, ask):
    run = make_run()
    assert train(run) == 0
    run.split.write_text(run.split.read_text().replace(",a,", ",b,"))
    with pytest.raises(InputError, match="put the labels back"):
        ask(run)
    run.split.unlink()
    with pytest.raises(InputError, match=r"has no split\.csv"):
        ask(run)
