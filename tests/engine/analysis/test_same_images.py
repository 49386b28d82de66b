import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.engine.analysis.same_images import holm, mcnemar, same_images
from vislab.presets.errors import InputError

COUNTS = st.integers(0, 400)


def judged(answers, *, labels="c", prefix=""):
    rows = (Prediction(f"{prefix}{i}", labels, labels if right else "x", 0.9) for i, right in enumerate(answers))
    return Predictions(rows)


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
    found = same_images(a, Predictions(reversed(b)))
    assert (found.both_right, found.only_a, found.only_b, found.both_wrong) == tuple(
        answers.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))
    )
    assert found.images == len(answers) and found.p == mcnemar(found.only_a, found.only_b)
    assert found.shown == (found.p <= 0.05)


def by_rows(a, b):
    """The counts by their definition, image by image; a sentence where there are none."""
    first, second = ({row.name: row for row in rows} for rows in (a, b))
    if not a or not b:
        return (
            "there are no predictions; they are written when a run is done that holds images out for validation or "
            "test."
        )
    if len(first) < len(a) or len(second) < len(b):
        return "two images of a run have the same name."
    common = first.keys() & second.keys()
    if len(common) < max(len(first), len(second)):
        return f"the runs were judged by different images ({len(common)} in common of {len(first)} and {len(second)})."
    relabelled = sum(first[name].label != second[name].label for name in common)
    if relabelled:
        return f"{relabelled} of {len(common)} images have another label in each run."
    pairs = [(first[name].right, second[name].right) for name in common]
    return len(common), *(pairs.count(one) for one in ((True, True), (True, False), (False, True), (False, False)))


@given(st.data())
def test_any_two_runs_are_compared_image_by_image(data):
    classes = st.sampled_from("abc")
    labels = data.draw(st.dictionaries(st.sampled_from("stuvwxyz"), classes, max_size=6))
    runs = []
    for _ in range(2):
        rows = [Prediction(name, label, data.draw(classes), 0.5) for name, label in labels.items()]
        more = st.builds(Prediction, st.sampled_from("stuvwxyz"), classes, classes, st.just(0.5))
        change = data.draw(st.sampled_from(("", "", "", "order", "more", "label")))
        if change == "order":
            rows = data.draw(st.permutations(rows))
        elif change == "more":
            rows.append(data.draw(more))
        elif change == "label":
            rows = [row._replace(label=data.draw(classes)) for row in rows]
        runs.append(rows)
    try:
        found = same_images(*map(Predictions, runs))
    except InputError as error:
        assert str(error) == f"No same-images test: {by_rows(*runs)}"
    else:
        assert found[:-1] == by_rows(*runs) and found.p == mcnemar(found.only_a, found.only_b)


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (judged([True] * 3), judged([True] * 2), "2 in common of 3 and 2"),
        (judged([True] * 3), judged([True] * 3, prefix="x"), "0 in common of 3 and 3"),
        (judged([True] * 3), judged([True] * 3, labels="d"), "3 of 3 images have another label"),
        (judged([True] * 3), judged([]), "no predictions"),
        (Predictions([*judged([True])] * 2), judged([True]), "same name"),
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
