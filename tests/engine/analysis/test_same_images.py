import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Prediction
from vislab.engine.analysis.same_images import holm, mcnemar, same_images
from vislab.presets.errors import InputError

COUNTS = st.integers(0, 400)


def judged(answers, *, labels="c", prefix=""):
    return [Prediction(f"{prefix}{i}", labels, labels if right else "x", 0.9) for i, right in enumerate(answers)]


@given(COUNTS, COUNTS)
def test_the_p_value_is_that_of_the_binomial_test(only_a, only_b):
    from scipy.stats import binomtest

    p = mcnemar(only_a, only_b)
    assert p == mcnemar(only_b, only_a)
    if only_a + only_b:
        assert p == pytest.approx(binomtest(only_a, only_a + only_b).pvalue, rel=1e-9)
    else:
        assert p == 1.0


def test_many_images_are_no_trouble():
    assert mcnemar(20_000, 20_000) == 1.0 and 0 < mcnemar(10_000, 10_500) < 0.001 and mcnemar(0, 20_000) == 0.0


def test_study_b_s_example():
    assert mcnemar(6, 1) == pytest.approx(0.125)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_every_image_is_counted_once(answers):
    a, b = judged([x for x, _ in answers]), judged([y for _, y in answers])
    found = same_images(a, list(reversed(b)))
    assert (found.both_right, found.only_a, found.only_b, found.both_wrong) == tuple(
        answers.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))
    )
    assert found.images == len(answers) and found.p == mcnemar(found.only_a, found.only_b)
    assert found.shown == (found.p <= 0.05)


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (judged([True] * 3), judged([True] * 2), "2 in common of 3 and 2"),
        (judged([True] * 3), judged([True] * 3, prefix="x"), "0 in common of 3 and 3"),
        (judged([True] * 3), judged([True] * 3, labels="d"), "3 of 3 images have another label"),
        (judged([True] * 3), [], "no predictions"),
        (judged([True]) * 2, judged([True]), "same name"),
    ],
)
def test_other_images_are_refused_with_a_sentence(a, b, why):
    with pytest.raises(InputError, match=why):
        same_images(a, b)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_p_values_keep_their_order_and_only_grow(values):
    adjusted = holm(values)
    assert all(value <= new <= 1 for value, new in zip(values, adjusted, strict=True))
    assert all(
        adjusted[i] <= adjusted[j] for i in range(len(values)) for j in range(len(values)) if values[i] < values[j]
    )
    assert not values or min(adjusted) == min(1.0, len(values) * min(values))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.2]) == [0.2]
