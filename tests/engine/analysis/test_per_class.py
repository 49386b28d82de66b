import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis import per_class
from vislab.engine.analysis.predictions import Prediction, Predictions, classes_of

PAIRS = st.integers(1, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes), st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), max_size=60)
    )
)


def predictions(pairs):
    return Predictions(Prediction(f"{i}", str(label), str(found), 0.5) for i, (label, found) in enumerate(pairs))


@given(PAIRS)
def test_the_figures_are_those_of_scikit_learn(made):
    from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

    count, pairs = made
    classes = [str(index) for index in range(count)]
    matrix = per_class.confusion(predictions(pairs), classes)
    found = per_class.class_figures(matrix, classes)
    labels, answers = [label for label, _ in pairs], [answer for _, answer in pairs]
    if not pairs:
        assert all(row[1:] == (None, None, None, 0, 0) for row in found) and per_class.macro_f1(found) is None
        return
    assert np.array_equal(per_class.dense(matrix), confusion_matrix(labels, answers, labels=range(count)))
    assert matrix == per_class.sparse(per_class.dense(matrix)), "cells without images are not there"
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, answers, labels=range(count), zero_division=np.nan
    )
    for index, row in enumerate(found):
        for mine, theirs in zip(row[1:5], (precision, recall, f1, support), strict=True):
            value = float(theirs[index])
            assert (mine is None and math.isnan(value)) or mine == pytest.approx(value)
    assert per_class.macro_f1(found) == pytest.approx(f1_score(labels, answers, average="macro", zero_division=0))


@given(PAIRS)
def test_what_is_confused_is_what_is_wrong(made):
    count, pairs = made
    classes = [str(index) for index in range(count)]
    confused = per_class.most_confused(per_class.confusion(predictions(pairs), classes), classes)
    assert sum(pair.images for pair in confused) == sum(label != answer for label, answer in pairs)
    assert [pair.images for pair in confused] == sorted((pair.images for pair in confused), reverse=True)
    assert all(0 < pair.share <= 1 and pair.label != pair.predicted for pair in confused)


def test_of_equally_frequent_confusions_the_one_of_the_smaller_class_comes_first():
    pairs = [(0, 1)] * 2 + [(0, 0)] * 8 + [(2, 1)] * 2 + [(1, 1)] * 3
    confused = per_class.most_confused(per_class.confusion(predictions(pairs), "012"), "012")
    assert [(pair.label, pair.predicted, pair.images, pair.share) for pair in confused] == [
        ("2", "1", 2, 1.0),
        ("0", "1", 2, 0.2),
    ]


def test_two_classes_of_one_name_are_one():
    rows = Predictions([Prediction("a", "cat", "cat", 1.0)])
    assert per_class.confusion(rows, ["cat", "cat"]) == ({0: 1}, {})


def test_a_thousand_classes_take_no_room_for_a_million_cells():
    classes = [str(index) for index in range(1000)]
    rows = predictions([(index, index // 2) for index in range(1000)])
    tracemalloc.start()
    matrix = per_class.confusion(rows, classes)
    figures = per_class.class_figures(matrix, classes), per_class.most_confused(matrix, classes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(found) for found in figures] == [1000, 999]
    assert peak < 2e6


def test_classes_that_nobody_announced_come_last():
    rows = Predictions([Prediction("a", "zebra", "ant", 1.0), Prediction("b", "cat", "cat", 1.0)])
    assert classes_of(rows.classes, ("cat", "dog")) == ("cat", "dog", "ant", "zebra")
