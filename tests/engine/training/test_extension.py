"""A finished or stopped run that is made longer."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine import worker
from vislab.engine.runs import control
from vislab.engine.runs.extension import Extension, extensions
from vislab.engine.training.schedules import extended_factor, factor
from vislab.presets.schema.strategy import Strategy

STEPS = 6  # an epoch


@pytest.fixture
def go_on(settings):
    """Resumes a run with more epochs, in this process; returns the exit code."""

    def resume(run, epochs, schedule="hold"):
        old_requests = run.control.stat().st_size if run.control.exists() else 0
        return worker.main(run.path, settings=settings, control_from=old_requests, epochs=epochs, schedule=schedule)

    return resume


@pytest.fixture
def one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def rates(run):
    return {row.step: row.learning_rate for row in run.state().steps}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("schedule", ["hold", "stretch", "restart"])
def test_with_a_constant_rate_a_longer_run_is_equal_bit_for_bit(make_run, train, trained, go_on, schedule):
    strategy = {"ema": 0.9, "mixup": 0.4, "augment": ["rotation(degrees=20)"], "accumulate": 2, "patience": 9}
    longer, run = make_run(strategy=strategy | {"epochs": 5}), make_run(strategy=strategy | {"epochs": 2})
    assert train(longer) == 0 and train(run) == 0
    assert run.state().ended.epoch == 2
    assert go_on(run, 3, schedule) == 0
    assert go_on(run, 5, schedule) == 0
    assert trained(run) == trained(longer)
    state = run.state()
    assert [resumed.epochs for resumed in state.resumes] == [3, 5] and state.epochs_planned == 5
    assert (state.ended.status, state.ended.epoch) == ("done", 5)
    (decision,) = [decision for decision in state.decisions if decision.what == "epochs"]
    assert decision.choice == "5" and "learning rate" in decision.why
    assert extensions(state) == (Extension(3, schedule), Extension(5, schedule))
    assert all(
        earlier.elapsed < later.elapsed for earlier, later in zip(state.epochs, list(state.epochs)[1:], strict=False)
    )


def test_epoch_figures_do_not_depend_on_how_the_log_is_divided(make_run, train, trained, monkeypatch):
    """A longer run logs less often: the epoch's means must come from its samples, not from its intervals."""
    from vislab.engine.training import loop

    found = []
    for logged in (2, 5, 2000):
        monkeypatch.setattr(loop, "LOGGED", logged)
        run = make_run()
        assert train(run) == 0
        found.append(trained(run)["epochs"])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("hold", lambda step, planned: planned(min(step, 2 * STEPS - 1), 2 * STEPS)),
        ("stretch", lambda step, planned: planned(step, 3 * STEPS)),
        ("restart", lambda step, planned: planned(step - 2 * STEPS, STEPS)),
    ],
)
def test_a_decayed_rate_is_held_stretched_or_begun_anew(make_run, train, go_on, schedule, expected):
    keys = {"schedule": "cosine", "warmup_epochs": 0.5, "epochs": 2, "learning_rate": 0.02}
    run = make_run(strategy=keys)
    assert train(run) == 0
    before = rates(run)
    assert go_on(run, 3, schedule) == 0
    strategy = msgspec.convert(keys, Strategy)
    planned = lambda step, total: 0.02 * factor(strategy, step, steps_per_epoch=STEPS, total_steps=total)  # noqa: E731
    after = rates(run)
    assert {step: after[step] for step in before} == before
    added = range(2 * STEPS, 3 * STEPS)
    assert [after[step + 1] for step in added] == pytest.approx([expected(step, planned) for step in added])


@pytest.mark.usefixtures("one_thread")
def test_the_extension_is_kept_when_the_longer_run_is_stopped_and_resumed(make_run, train, watch, go_on, trained):
    strategy = {"schedule": "linear", "epochs": 2}
    whole, run = make_run(strategy=strategy), make_run(strategy=strategy)
    assert train(whole) == 0 and go_on(whole, 4, "restart") == 0
    assert train(run) == 0

    def stop(phase, step, epoch, done):
        if (phase, step) == ("training", 2 * STEPS + 3):
            control.send(run.control, "stop")

    watch(stop)
    assert go_on(run, 4, "restart") == 130
    watch(lambda *position: None)
    assert train(run) == 0
    assert trained(run) == trained(whole)
    assert go_on(run, 4) == 0, "asked for as many epochs as are planned, a run stays as it is"
    assert trained(run) == trained(whole) and extensions(run.state()) == (Extension(4, "restart"),)


@pytest.mark.parametrize(
    ("strategy", "epochs", "schedule", "said"),
    [
        ({}, 1, "hold", "planned for 2 epochs"),
        ({}, 3, "bend", "hold or stretch or restart"),
        ({"max_steps": 8}, 3, "hold", "max_steps = 8"),
        ({"epochs": 50, "patience": 1, "learning_rate": 1e-9}, 60, "hold", "patience"),
    ],
)
def test_what_cannot_be_extended_is_refused_and_leaves_the_run_as_it_was(
    make_run, train, go_on, capsys, strategy, epochs, schedule, said
):
    run = make_run(strategy=strategy)
    assert train(run) == 0
    before = run.events.read_bytes()
    assert go_on(run, epochs, schedule) == 2
    assert said in capsys.readouterr().err
    assert run.events.read_bytes() == before and run.worker() == 0


@given(
    st.sampled_from(["constant", "cosine", "linear", "step", "one_cycle"]),
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["hold", "stretch", "restart"])), max_size=4),
    st.integers(1, 40),
    st.integers(0, 200),
)
def test_every_extended_schedule_stays_in_its_range_and_keeps_to_the_plan_before(schedule, added, planned, step):
    strategy = Strategy(schedule=schedule, warmup_epochs=0.3)
    totals, longer = planned, []
    for more, how in added:
        totals += more
        longer.append((totals, how))
    step %= totals
    keys = {"steps_per_epoch": 7, "planned": planned, "extensions": longer}
    found = extended_factor(strategy, step, **keys)
    assert 0 <= found <= 1
    if step < planned and all(how != "stretch" for _, how in added):
        assert found == factor(strategy, step, steps_per_epoch=7, total_steps=planned)
