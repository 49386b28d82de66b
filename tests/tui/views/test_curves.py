import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.findings import findings
from vislab.engine.runs.events import RunEnded
from vislab.engine.runs.state import Fold, fold
from vislab.presets.schema.spec import Spec
from vislab.tui.views import curves

LOSSES = ([0.9, 0.7, 0.4], None, [0.8, 0.5, 0.6])


def test_series_by_epoch(history) -> None:
    train, val = curves.series(fold(history(*LOSSES)), "loss")
    assert (train.name, list(train.xs), list(train.ys)) == ("train", [1.0, 2.0, 3.0], [0.9, 0.7, 0.4])
    assert (val.name, list(val.xs), list(val.ys)) == ("val", [1.0, 2.0, 3.0], [0.8, 0.5, 0.6])
    assert train.marker != val.marker
    assert train.colour != val.colour


def test_series_by_step_end_where_the_epochs_end(history) -> None:
    train, val = curves.series(fold(history(*LOSSES)), "loss", along="step")
    assert len(train.xs) == 15
    assert train.xs[-1] == val.xs[-1] == 3.0
    assert train.ys[-1] == 0.4


def test_accuracy_series_without_validation(history) -> None:
    (train,) = curves.series(fold(history([1.0, float("nan")], [0.5, 0.6])), "accuracy")
    assert list(train.ys) == [0.5, 0.6]


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


def test_the_axis_of_a_run_that_has_ended_ends_where_its_figures_do(history) -> None:
    ended = RunEnded(status="stopped", reason="asked", step=45, epoch=4, elapsed=6.0, exit_code=130)
    state = fold([*history([1.0, 0.8, 0.6, 0.5], epochs=10), ended])
    assert curves.x_range(state) == (1.0, 4.0) and curves.x_range(state, whole=True) == (1.0, 10.0)
    assert curves.x_range(state, "step") == (0.0, 45 / state.started.steps_per_epoch)


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
    [
        ([3, 2, 1], "falling"),
        ([1, 2, 3], "rising"),
        ([1, 1, 1], "level"),
        ([9, 1, 1, 1, 1, 1, 1.01], "level"),
        ([2.3, *(0.03 * 0.55**epoch for epoch in range(23))], "falling"),  # small beside the first, falling still
        ([2.0, 1.4, 1.0, 0.8, *(0.5 - 0.02 * e for e in range(10)), *(0.32 + 0.01 * e for e in range(10))], "rising"),
        ([1.0, 0.5, *(0.3 + 0.01 * (-1) ** e for e in range(20))], "level"),
        ([0.9, 0.95, 0.97, 0.98, 0.9815, 0.984, 0.987, 0.989], "rising"),
    ],
)
def test_trend(values: list[float], word: str) -> None:
    assert curves.trend(values) == word


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_any_values_have_a_trend(values: list[float]) -> None:
    assert curves.trend(values) in ("rising", "falling", "level")


STEPS = st.floats(0.5, 0.98)


@given(st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=20), st.lists(st.floats(1e-6, 1e6), max_size=3))
def test_only_recent_values_and_their_own_size_make_a_trend(values: list[float], first: list[float]) -> None:
    before = [1.0] * len(first)
    assert curves.trend([*first, *values]) == curves.trend([*before, *values])
    assert curves.trend([value * 1024 for value in values]) == curves.trend(values)
    opposite = {"rising": "falling", "falling": "rising", "level": "level"}
    assert curves.trend([-value for value in values]) == opposite[curves.trend(values)]


@given(st.floats(1e-3, 1e3), st.lists(STEPS, min_size=2, max_size=60))
def test_what_only_falls_is_falling(first: float, steps: list[float]) -> None:
    values = list(accumulate(steps, lambda value, step: value * step, initial=first))
    assert curves.trend(values) == "falling"
    assert curves.trend(values[::-1]) == "rising"


@given(st.lists(st.floats(0.05, 5), min_size=3, max_size=40))
def test_the_words_agree_with_the_findings(history, val_losses: list[float]) -> None:
    state = fold(history([1 / (n + 1) for n in range(len(val_losses))], None, val_losses))
    found = {finding.kind: finding for finding in findings(state, Spec())}
    words = curves.in_words(curves.series(state, "loss")[1], "loss")
    if "rose from" in getattr(found.get("overfitting"), "text", ""):
        assert not words.endswith("falling")
    if "still_improving" in found and len(val_losses) >= 15:
        assert not words.endswith("rising")


def test_a_loss_that_falls_again_far_above_its_lowest_says_so() -> None:
    curve = curves.Series("val", [float(n) for n in range(1, 9)], [1, 0.1, 5, 4, 3, 2, 1.5, 1], "●", 1)
    assert curves.in_words(curve, "loss").endswith("lowest 0.1000 at epoch 2, falling again")


@pytest.mark.parametrize("planned", [1, 7, 20, 21, 300, 4000, 5000])
def test_an_axis_grows_in_few_steps_and_leaves_a_curve_three_fifths_of_it(planned):
    ends = [curves.epochs_shown(trained, planned) for trained in range(1, planned + 1)]
    assert ends == sorted(ends) and ends[-1] == planned and len(set(ends)) <= 20
    assert all(trained <= end for trained, end in enumerate(ends, 1))
    assert planned <= curves.LONG or all(5 * trained >= 3 * end for trained, end in enumerate(ends, 1) if trained > 2)
    assert curves.epochs_shown(2409, 5000) == 3000


def test_zooming_leads_from_what_suits_to_the_plan_and_to_fewer_and_fewer_epochs():
    seen = [None]
    for _ in range(4):
        seen.append(curves.next_zoom(seen[-1], 54, plan_hidden=True))
    assert seen == [None, 0, 30, 10, 3] and curves.next_zoom(3, 54, plan_hidden=True) is None
    assert curves.next_zoom(None, 54, plan_hidden=False) == 30 and curves.next_zoom(100, 54, plan_hidden=False) is None


@given(st.lists(st.integers(-4, 4).map(float), min_size=3, max_size=40))
def test_a_trend_counts_pairs_of_an_earlier_and_a_later_value(values: list[float]) -> None:
    window = min(max(3, len(values) // 5), len(values) // 2)
    pairs = [(early, late) for early in values[-2 * window : -window] for late in values[-window:]]
    up = sum(1.0 if late > early else 0.5 if late == early else 0.0 for early, late in pairs)
    word = curves.trend(values)
    if word != "level":
        assert (up if word == "rising" else len(pairs) - up) >= curves.CLEAR * len(pairs)
    elif abs(change := sum(late - early for early, late in pairs)) > len(pairs) * 0.1:  # far more than 0.1 % of 4
        assert (up if change > 0 else len(pairs) - up) < curves.CLEAR * len(pairs)
