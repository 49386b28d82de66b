"""Which batch sizes `auto` may mean, and which of those that were measured it takes."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.training.batch_choice import (
    BUSY_NEAR,
    FEWEST_UPDATES,
    NEAR,
    about_learning_rate,
    candidates,
    choose,
    usual,
)
from vislab.presets.schema.strategy import Strategy

speeds = st.dictionaries(st.sampled_from([2**power for power in range(11)]), st.floats(1e-3, 1e6), min_size=1)


@given(speeds, st.sampled_from([NEAR, BUSY_NEAR]))
def test_the_choice_is_the_smallest_that_is_nearly_the_fastest(measured, near) -> None:
    chosen, best = choose(measured, near), max(measured.values())
    assert measured[chosen] >= near * best
    assert all(speed < near * best for size, speed in measured.items() if size < chosen)


@given(speeds, st.floats(0.1, 10.0), st.randoms())
def test_neither_the_machines_speed_nor_the_order_of_the_table_matters(measured, factor, random) -> None:
    items = list(measured.items())
    random.shuffle(items)
    # A size just at the border may fall on either side of it by rounding.
    border = NEAR * max(measured.values())
    if not any(abs(speed - border) < 1e-9 * border for speed in measured.values()):
        assert choose({size: factor * speed for size, speed in items}) == choose(measured)


@given(st.integers(1, 10**7), st.integers(1, 2000))
def test_candidates_are_powers_of_two_that_leave_an_epoch_enough_updates(images, accumulate) -> None:
    sizes = candidates(images, accumulate)
    assert all(size.bit_count() == 1 and size >= accumulate for size in sizes)
    assert all(after == 2 * before for before, after in pairwise(sizes))
    assert all(images // size >= FEWEST_UPDATES and size <= 1024 for size in sizes[1:])
    assert usual(sizes) in sizes
    if accumulate == 1:
        assert sizes[0] == 16 or sizes == (sizes[0],)
        assert sizes[0] <= images


@pytest.mark.parametrize(
    ("images", "accumulate", "expected", "normal"),
    [
        (60_000, 1, (16, 32, 64, 128, 256, 512, 1024), 64),
        (1438, 1, (16, 32, 64), 64),
        (700, 1, (16, 32), 32),
        (319, 1, (16,), 16),
        (10, 1, (8,), 8),
        (1, 1, (1,), 1),
        (60_000, 100, (128, 256, 512, 1024), 128),
        (100, 17, (32,), 32),
    ],
)
def test_candidates_by_example(images, accumulate, expected, normal) -> None:
    assert candidates(images, accumulate) == expected
    assert usual(expected) == normal


def test_what_the_rules_would_make_of_the_learning_rate_is_said() -> None:
    strategy = Strategy(batch_size=256, learning_rate=0.001)
    said = about_learning_rate(strategy)
    assert "stays 0.001" in said and "suggests 0.004 for 256" in said and "0.002;" in said
    assert about_learning_rate(msgspec.structs.replace(strategy, batch_size=64)) == ""
