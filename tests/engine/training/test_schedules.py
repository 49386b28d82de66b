"""The learning rate over the updates."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.training.schedules import factor, learning_rate
from vislab.presets.schema.strategy import Strategy

SCHEDULES = ["constant", "linear", "cosine", "step", "one_cycle"]


def factors(schedule, total, warmup_epochs=0.0, steps_per_epoch=10):
    strategy = Strategy(schedule=schedule, warmup_epochs=warmup_epochs)
    return [factor(strategy, step, steps_per_epoch=steps_per_epoch, total_steps=total) for step in range(total)]


@given(
    st.sampled_from(SCHEDULES),
    st.integers(1, 400),
    st.integers(1, 50),
    st.floats(0, 60),
    st.floats(1e-8, 10),
    st.floats(0, 10),
)
def test_the_rate_stays_between_its_minimum_and_its_base(schedule, total, per_epoch, warmup, base, minimum):
    for number in factors(schedule, total, warmup, per_epoch):
        assert 0.0 <= number <= 1.0
        rate = learning_rate(base, minimum, number)
        assert min(base, minimum) * (1 - 1e-9) <= rate <= base * (1 + 1e-9)


@given(st.sampled_from(SCHEDULES), st.integers(1, 20), st.integers(30, 300))
def test_the_warm_up_rises_linearly_to_the_base(schedule, epochs, total):
    warmup = min(total, epochs * 10)
    found = factors(schedule, total, float(epochs))[:warmup]
    steps = [later - earlier for earlier, later in pairwise(found)]
    assert all(math.isclose(step, found[0], rel_tol=1e-9) for step in steps)
    assert found[0] == pytest.approx(1 / (warmup + 1)) and found[-1] < 1.0


@given(st.sampled_from(["constant", "linear", "cosine", "step"]), st.integers(0, 5), st.integers(60, 300))
def test_after_the_warm_up_it_starts_at_the_base_and_never_rises(schedule, epochs, total):
    found = factors(schedule, total, float(epochs))[epochs * 10 :]
    assert found[0] == 1.0
    assert all(later <= earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize("schedule", ["linear", "cosine", "one_cycle"])
def test_a_decaying_schedule_ends_at_its_minimum(schedule):
    strategy = Strategy(schedule=schedule)
    assert factor(strategy, 100, steps_per_epoch=10, total_steps=100) == pytest.approx(0.0, abs=1e-12)
    assert learning_rate(0.1, 1e-5, factors(schedule, 1000)[-1]) == pytest.approx(1e-5, rel=1.0, abs=2e-4)


def test_cosine_and_linear_are_torchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    for schedule, make in {
        "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=50, eta_min=0.01),
        "linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=50),
    }.items():
        optimizer = torch.optim.SGD([parameter], lr=0.1)
        scheduler = make(optimizer)
        for number in factors(schedule, 50):
            assert learning_rate(0.1, 0.01, number) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
            optimizer.step()
            scheduler.step()


def test_step_divides_by_ten_after_each_third():
    assert factors("step", 9) == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])
    for total in range(3, 200, 3):
        assert sorted(round(number, 9) for number in factors("step", total)) == sorted([1, 0.1, 0.01] * (total // 3))


def test_one_cycle_rises_for_three_tenths_and_falls_to_zero():
    found = factors("one_cycle", 100)
    assert found[0] == pytest.approx(0.04) and max(found) == found[30] == 1.0
    assert found[:31] == sorted(found[:31]) and found[30:] == sorted(found[30:], reverse=True)
    assert found[-1] < 0.001


def test_a_minimum_above_a_groups_base_does_not_raise_it():
    """Layer decay takes the lowest layers' base below the minimum."""
    assert learning_rate(1e-7, 1e-6, 0.3) == 1e-7
