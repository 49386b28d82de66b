"""Figures of an evaluation against scikit-learn, on random and degenerate answers."""

import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from vislab.engine.analysis.intervals import wilson
from vislab.engine.evaluation.evaluate import figures
from vislab.engine.evaluation.report import calibration, report


@st.composite
def answers(draw):
    """Logits and labels; with classes that never occur, one class only, or many equal logits, as it falls."""
    images, classes = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    logits = torch.randn(images, classes, generator=generator)
    if draw(st.booleans()):
        logits = logits.round()
    return logits, torch.randint(0, draw(st.integers(1, classes)), (images,), generator=generator)


def said(logits, labels):
    return report(logits, labels, tuple(f"class {number}" for number in range(logits.shape[1])))


@given(answers())
def test_figures_are_scikit_learns(given_):
    logits, labels = given_
    found, predicted = said(logits, labels), logits.argmax(1)
    every = range(logits.shape[1])
    assert found["images"] == len(labels)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in ("macro", "weighted"):
            expected = metrics.f1_score(labels, predicted, average=kind, zero_division=0)
            assert found[f"{kind}_f1"] == pytest.approx(expected)
        columns = metrics.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=np.nan)
    for row, expected in zip(found["classes"], zip(*columns, strict=True), strict=True):
        for key, value in zip(("precision", "recall", "f1"), expected, strict=False):
            if math.isnan(value):
                assert row[key] is None
            else:
                assert row[key] == pytest.approx(value)
        assert row["support"] == expected[3]
    assert found["confusion"] == metrics.confusion_matrix(labels, predicted, labels=every).tolist()
    shares = logits.double().softmax(1).numpy()
    if len(every) > 1:
        assert found["cross_entropy"] == pytest.approx(metrics.log_loss(labels, shares, labels=every), rel=1e-6)


@given(answers())
def test_top5_counts_equal_logits_from_the_first_class_on(given_):
    logits, labels = given_
    ranked = [sorted(range(logits.shape[1]), key=lambda k: (-float(row[k]), k))[:5] for row in logits]
    expected = sum(int(label) in best for label, best in zip(labels, ranked, strict=True)) / len(labels)
    assert said(logits, labels)["top5"] == pytest.approx(expected)


def test_top5_is_scikit_learns_without_ties():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(300, 9, generator=generator), torch.randint(0, 9, (300,), generator=generator)
    expected = metrics.top_k_accuracy_score(labels, logits, k=5, labels=range(9))
    assert said(logits, labels)["top5"] == pytest.approx(expected)


def test_intervals_are_of_the_counts():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = said(logits, torch.tensor([0, 1, 1]))
    assert found["accuracy_interval"] == list(wilson(2, 3)) and found["top5_interval"] == list(wilson(3, 3))
    assert found["classes"][1]["recall_interval"] == list(wilson(1, 2))


def test_calibration_before_and_after_a_temperature():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(4000, 3, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    sure = 4 * logits
    found = calibration(sure[:2000], labels[:2000], (sure[2000:], labels[2000:]))
    assert found["temperature"] == pytest.approx(4, rel=0.15) and found["fitted_images"] == 2000
    assert found["error_scaled"] < found["error"] / 4 and found["loss_scaled"] < said(sure, labels)["cross_entropy"]


def test_calibration_says_why_there_is_no_temperature():
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    assert calibration(logits, labels, None, "no such folder")["why_not"] == "no such folder"
    empty = (torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    assert "no validation images" in calibration(logits, labels, empty)["why_not"]
    for answered, told in (
        (labels, "ends at its bound, 0.01, as where all are right"),
        (1 - labels, "100, as where most are wrong"),
    ):
        found = calibration(torch.eye(2), labels, (torch.eye(2), answered))
        assert found["temperature"] is None and told in found["why_not"]
    one = (torch.randn(2, 1), torch.zeros(2, dtype=torch.int64))
    found = calibration(*one, one)
    assert found["temperature"] is None and "as where there is one class alone" in found["why_not"]
    lost = calibration(logits * math.nan, labels, None)
    assert lost["error"] is None and "not all finite" in lost["why_not"]


def test_answers_that_are_no_numbers_are_wrong():
    found = said(torch.full((2, 3), math.nan), torch.tensor([0, 1]))
    assert (found["accuracy"], found["top5"], found["cross_entropy"]) == (0, 0, "nan")
    logits, labels = torch.eye(3)[[0, 1, 2, 0, 2]], torch.tensor([0, 1, 2, 0, 2])
    logits[0], logits[4, 2] = math.nan, math.nan
    found = said(logits, labels)
    matrix = np.array(found["confusion"])
    assert found["accuracy"] == pytest.approx(3 / 5) and matrix.trace() == 3
    assert matrix.sum(axis=1).tolist() == [2, 1, 2], "every image is in the matrix"
    assert [row["recall"] for row in found["classes"]] == [0.5, 1, 0.5]
    wrong = [1, 1, 2, 0, 0]  # what scikit-learn is told: a class that is not the label
    assert found["confusion"] == metrics.confusion_matrix(labels, wrong).tolist()
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(labels, wrong, average="macro"))
    judged = figures(logits, labels, lambda z, y: F.cross_entropy(z, y, reduction="none"))
    assert (judged.macro_f1, judged.predicted.tolist()) == (pytest.approx(found["macro_f1"]), wrong)
