import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.state import Fold, fold
from vislab.tui.views import curves

LOSSES = ([0.9, 0.7, 0.4], None, [0.8, 0.5, 0.6])


def test_series_by_epoch(history) -> None:
    train, val = curves.series(fold(history(*LOSSES)), "loss")
    assert (train.name, list(train.xs), train.ys) == ("train", [1.0, 2.0, 3.0], [0.9, 0.7, 0.4])
    assert (val.name, list(val.xs), val.ys) == ("val", [1.0, 2.0, 3.0], [0.8, 0.5, 0.6])
    assert train.marker != val.marker
    assert train.colour != val.colour


def test_series_by_step_end_where_the_epochs_end(history) -> None:
    train, val = curves.series(fold(history(*LOSSES)), "loss", along="step")
    assert len(train.xs) == 15
    assert train.xs[-1] == val.xs[-1] == 3.0
    assert train.ys[-1] == 0.4


def test_accuracy_series_without_validation(history) -> None:
    (train,) = curves.series(fold(history([1.0, float("nan")], [0.5, 0.6])), "accuracy")
    assert train.ys == [0.5, 0.6]


def test_a_test_set_is_called_by_its_name(history) -> None:
    names = [curve.name for curve in curves.series(fold(history(*LOSSES, selected_on_test=True)), "loss")]
    assert names == ["train", "test"]


def test_figures_that_are_not_finite_are_gaps(history) -> None:
    (train,) = curves.series(fold(history([1.0, float("nan"), float("inf")])), "loss")
    assert [math.isfinite(y) for y in train.ys] == [True, False, False]


def test_the_axis_holds_all_epochs_planned(history) -> None:
    assert curves.x_range(fold(history(*LOSSES, epochs=10))) == (1.0, 10.0)
    assert curves.x_range(fold(history(*LOSSES, epochs=10)), "step") == (0.0, 10.0)
    assert curves.x_range(fold(history([1.0]))) == (1.0, 2.0)
    assert curves.x_range(Fold().state()) == (1.0, 2.0)


def test_in_words(history) -> None:
    train, val = curves.series(fold(history(*LOSSES)), "loss")
    assert curves.in_words(train, "loss") == "train loss: last 0.4000 at epoch 3, lowest 0.4000 at epoch 3, falling"
    assert curves.in_words(val, "loss") == "val loss: last 0.6000 at epoch 3, lowest 0.5000 at epoch 2, rising"
    (broken,) = curves.series(fold(history([1.0, float("nan")])), "loss")
    assert (
        curves.in_words(broken, "loss") == "train loss: last 1.0000 at epoch 1, lowest 1.0000 at epoch 1, 1 not finite"
    )
    assert curves.in_words(curves.series(Fold().state(), "loss")[0], "loss") == "train loss: no figures yet"


@pytest.mark.parametrize(
    ("values", "word"),
    [([3, 2, 1], "falling"), ([1, 2, 3], "rising"), ([1, 1, 1], "level"), ([9, 1, 1, 1, 1, 1, 1.01], "level")],
)
def test_trend(values: list[float], word: str) -> None:
    assert curves.trend(values) == word


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_any_values_have_a_trend(values: list[float]) -> None:
    assert curves.trend(values) in ("rising", "falling", "level")
