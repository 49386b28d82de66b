import pytest

from vislab.engine.runs.progress import Progress
from vislab.engine.runs.state import Fold, fold
from vislab.tui.views.progress import part_share, planned_steps, run_share, silence, time_left


def beat(step: int, elapsed: float, done: int = 0, total: int = 0) -> Progress:
    return Progress(time=0.0, pid=1, host="h", phase="training", step=step, elapsed=elapsed, done=done, total=total)


def test_before_it_is_known() -> None:
    state = Fold().state()
    assert planned_steps(state) == 0
    assert run_share(state, None) == 0.0
    assert time_left(state, beat(0, 5.0)) is None
    assert part_share(None) == part_share(beat(0, 0.0)) == 0.0


def test_shares(history) -> None:
    state = fold(history([1.0], epochs=10))
    assert planned_steps(state) == 100
    assert planned_steps(state, max_steps=40) == 40
    assert planned_steps(state, max_steps=400) == 100
    assert run_share(state, None) == 0.1
    assert run_share(state, beat(15, 3.0)) == 0.15
    assert run_share(state, beat(15, 3.0), max_steps=10) == 1.0
    assert part_share(beat(15, 3.0, 5, 10)) == 0.5


def test_time_left(history) -> None:
    state = fold(history([1.0], epochs=10))  # 10 steps in 2 seconds
    assert time_left(state, None) == pytest.approx(18.0)
    assert time_left(state, beat(20, 4.0)) == pytest.approx(16.0)
    assert time_left(state, beat(5, 9.0)) == pytest.approx(18.0), "an old heartbeat says nothing new"
    assert time_left(fold(history([1.0] * 10)), None) == 0.0


def test_a_slow_beginning_is_forgotten(history) -> None:
    events = history([1.0] * 4, epochs=10)
    state = fold(events)  # epochs end after 2, 4, 6 and 8 seconds
    assert time_left(state, beat(50, 38.0)) == pytest.approx((38.0 - 2.0) / 40 * 50)


def test_silence_is_told_where_it_is_unusual() -> None:
    assert silence(None, 59.0) == silence(beat(10, 5.0), 59.0) == ""
    assert silence(None, 60.0) == "no sign of life for 1 min"
    assert silence(beat(10, 5.0), 179.0) == "no sign of life for 2 min"
    assert silence(beat(10, 5.0), 3599.0) == "no sign of life for 59 min"
    assert silence(beat(10, 5.0), 2 * 3600.0) == "no sign of life for 2h00m"
    assert silence(beat(2, 80.0), 119.0) == "", "each of its steps takes 40 s"
    assert silence(beat(2, 80.0), 120.0)
