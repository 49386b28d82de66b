"""Pictures of a run: which are asked for, and what is told when they cannot be had."""

import base64
import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Prediction, Predictions, worst
from vislab.engine.runs.store import create
from vislab.presets.errors import InputError
from vislab.presets.library import resolve
from vislab.tui import looks
from vislab.tui.looks import collect, explained, spread

DOT = {"width": 1, "height": 1, "rgb": base64.b64encode(b"\1\2\3").decode()}


@pytest.fixture
def run(tmp_path):
    made = create(tmp_path / "runs", resolve(recipe="digits-lenet5"))
    with (made.path / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "label", "predicted", "confidence"])
        for index in range(60):
            label = "ab"[index % 2]
            writer.writerow([f"{index}.png", label, "a" if index % 5 else "b", "0.75"])
    return made


class Jobs:
    """Answers as the jobs do; `faults` by job."""

    def __init__(self, **faults):
        self.faults = faults
        self.asked = {}

    def __call__(self, job, request):
        self.asked[job] = request
        if job in self.faults:
            raise self.faults[job]
        match job:
            case "thumbnails":
                return {"pictures": [DOT for _ in request["names"]]}
            case "saliency":
                _first, *others = request["names"]
                pictures = [{"error": "gone"}, *({"seen": DOT, "heat": DOT, "predicted": "a"} for _ in others)]
                return {"method": "Grad-CAM", "pictures": pictures}
            case "augmented":
                return {"pictures": [DOT | {"label": "a", "partner": "[b]b", "share": 0.7}]}


def test_answers_mistakes_heat_maps_and_training_images(run):
    run.split.write_text("")
    jobs = Jobs()
    found = collect(run, "/data", jobs)
    assert len(found.answers) == looks.ANSWERS and len(found.mistakes) == looks.MISTAKES
    assert len(found.heat) == looks.HEAT - 1 and found.method == "Grad-CAM" and not found.faults
    assert all(shown.right is False for shown in found.mistakes) and found.mistakes[0].lines[1].startswith("✖")
    assert found.training[0].lines == ("a 70 %", "[b]b 30 %")
    assert jobs.asked["saliency"]["device"] == "cpu", "the device may be training"
    assert jobs.asked["thumbnails"]["data_dir"] == "/data"


def test_a_young_run_asks_nothing(tmp_path):
    jobs = Jobs()
    found = collect(create(tmp_path, resolve(recipe="digits-lenet5")), "/data", jobs)
    assert not jobs.asked and found == looks.Looks()


def test_what_cannot_be_had_is_told(run):
    run.split.write_text("")
    found = collect(run, "/data", Jobs(thumbnails=InputError("there is no [b]"), saliency=RuntimeError("killed")))
    assert found.faults == ["No pictures of answers: there is no [b]", "No heat maps: killed"]
    assert not found.answers and not found.heat and found.training


def test_damaged_predictions_are_told(run):
    (run.path / "predictions.csv").write_text("nonsense\n")
    found = collect(run, "/data", Jobs())
    assert len(found.faults) == 1 and "damaged" in found.faults[0]


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(0, 20))
def test_classes_take_turns(labels, count):
    rows = Predictions(Prediction(str(index), label, "a", 0.5) for index, label in enumerate(labels))
    chosen = spread(rows, count)
    assert len(chosen) == min(count, len(rows)) == len(set(chosen))
    shown = {label: sum(row.label == label for row in chosen) for label in set(labels)}
    there = {label: labels.count(label) for label in shown}
    assert all(shown[a] >= min(there[a], shown[b] - 1) for a in shown for b in shown)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=40), st.integers(0, 20))
def test_half_of_what_is_explained_are_mistakes_and_classes_take_turns_in_the_others(answers, count):
    rows = Predictions(Prediction(str(index), *answer, 0.5) for index, answer in enumerate(answers))
    wrong = worst(rows, count // 2)
    right = [row for row in spread(rows, len(rows)) if row.right]
    assert explained(rows, count) == [*wrong, *right[: count - len(wrong)]]


def test_images_are_asked_for_a_few_at_a_time(run):
    asked = []

    def jobs(job, request):
        asked.append(request["names"])
        return {"pictures": [DOT | {"width": int(name.removesuffix(".png"))} for name in request["names"]]}

    rows = [Prediction(f"{index}.png", "a", "a", 0.5) for index in range(2 * looks.AT_ONCE + 1)]
    found = looks.Source(run, "/data", jobs).answers(rows)
    assert [shown.width for shown in found] == list(range(len(rows)))
    assert [len(names) for names in asked] == [looks.AT_ONCE, looks.AT_ONCE, 1]
