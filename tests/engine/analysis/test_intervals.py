import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.intervals import of_accuracy, wilson


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [
        # scipy.stats.binomtest(correct, images).proportion_ci(method="wilson")
        (27, 30, 0.743789, 0.965400),
        (24, 30, 0.626943, 0.904949),
        (29, 30, 0.833296, 0.994091),
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (5, 10, 0.236593, 0.763407),
        (9892, 10_000, 0.986978, 0.991046),
    ],
)
def test_known_values(correct: int, images: int, low: float, high: float) -> None:
    assert wilson(correct, images) == pytest.approx((low, high), abs=1e-6)


def test_no_images_say_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 0).width == 1.0


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_scipys(pair: tuple[int, int]) -> None:
    from scipy.stats import binomtest

    correct, images = pair
    theirs = binomtest(correct, images).proportion_ci(method="wilson")
    assert wilson(correct, images) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_hold_the_share_and_mirror(pair: tuple[int, int]) -> None:
    correct, images = pair
    low, high = wilson(correct, images)
    assert 0.0 <= low <= correct / images <= high <= 1.0
    assert wilson(images - correct, images) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(st.integers(0, 100))
def test_more_images_narrow_the_interval(correct: int) -> None:
    assert wilson(10 * correct, 1000).width < wilson(correct, 100).width


def test_of_accuracy() -> None:
    assert of_accuracy(0.9, 30) == wilson(27, 30)
    assert of_accuracy(0.8999999, 30) == wilson(27, 30)
    assert of_accuracy(5.0, 30) == wilson(30, 30) and of_accuracy(-1.0, 30) == wilson(0, 30)
