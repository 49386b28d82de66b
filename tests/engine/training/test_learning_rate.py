"""The learning rate changed while a run trains."""

import pytest

from vislab.engine.runs import checkpoints, control
from vislab.engine.training import checkpoint

STEPS = 6  # an epoch


def rates(run):
    return {row.step: row.learning_rate for row in run.state().steps}


def ask_at(watch, there, value):
    """Ask for a new base rate when a run comes to a position for the first time."""
    asked = []

    def watcher(*position):
        if not asked and there(*position):
            asked.append(position)
            run.append(control.send(path[0], "set_learning_rate", value))

    run, path = [], []
    watch(watcher)
    return path, run


def at(wanted_phase, wanted_step):
    return lambda phase, step, epoch, done: (phase, step) == (wanted_phase, wanted_step)


def test_a_new_base_rate_holds_from_the_next_update_under_the_same_schedule_and_ratios(make_run, train, watch):
    strategy = {"schedule": "linear", "head_learning_rate": 0.06, "layer_decay": 0.5, "learning_rate": 0.02}
    planned, run = make_run(strategy=strategy), make_run(strategy=strategy)
    assert train(planned) == 0
    path, sent = ask_at(watch, at("training", 4), "0.01")
    path.append(run.control)
    assert train(run) == 0
    before, after = rates(planned), rates(run)
    assert all(after[step] == before[step] for step in range(1, 5))
    assert all(after[step] == pytest.approx(before[step] / 2) for step in range(5, 2 * STEPS + 1))
    (applied,) = run.state().controls
    assert (applied.request, applied.action, applied.value, applied.step) == (
        sent[0].id,
        "set_learning_rate",
        "0.01",
        4,
    )
    _, scalars = checkpoint.load(checkpoints.full(run.checkpoints)[0])
    groups = scalars["optimizer"]["groups"]
    assert max(group["base"] for group in groups) == 0.06, "the planned base rates stay: the new one is a factor"


@pytest.mark.parametrize(
    "where", [at("training", 4), at("training", STEPS), at("validation", STEPS), at("training", STEPS + 1)]
)
def test_a_run_killed_at_once_afterwards_keeps_the_new_rate(make_run, train, watch, interrupt, trained, where):
    keys = {"checkpoint_every": "1000steps", "strategy": {"schedule": "cosine", "epochs": 3}}
    whole, killed = make_run(**keys), make_run(**keys)
    path, _ = ask_at(watch, where, "0.005")
    path.append(whole.control)
    assert train(whole) == 0
    asked = []

    def there(phase, step, epoch, done):
        if not asked and where(phase, step, epoch, done):
            control.send(killed.control, "set_learning_rate", "0.005")
            asked.append(step)
        return bool(asked) and phase == "training" and step == asked[0] + 2

    assert interrupt(killed, there, "kill") is None
    assert checkpoints.full(killed.checkpoints), "nothing was saved when the rate changed"
    assert train(killed) == 0
    assert trained(killed)["steps"] == trained(whole)["steps"]
    assert trained(killed)["epochs"] == trained(whole)["epochs"]


@pytest.mark.parametrize("where", [at("reading data", 0), at("building", 0)])
def test_a_rate_asked_for_before_the_first_update_outlives_a_kill(make_run, train, watch, interrupt, where):
    run = make_run(checkpoint_every="1000steps", strategy={"schedule": "constant"})
    asked = []

    def there(phase, step, epoch, done):
        if not asked and where(phase, step, epoch, done):
            asked.append(control.send(run.control, "set_learning_rate", "0.005"))
        # Obeyed between this position and the next: killed there, before anything could be saved.
        return bool(run.events.exists() and run.state().controls)

    assert interrupt(run, there, "kill") is None
    assert train(run) == 0
    assert set(rates(run).values()) == {0.005}


def test_a_rate_asked_for_together_with_a_stop_is_part_of_what_is_saved(make_run, train, watch):
    run = make_run()

    def both(phase, step, epoch, done):
        if (phase, step) == ("training", 3) and not run.control.exists():
            control.send(run.control, "set_learning_rate", "0.5")
            control.send(run.control, "stop")

    watch(both)
    assert train(run) == 130
    _, scalars = checkpoint.load(checkpoints.full(run.checkpoints)[0])
    assert scalars["position"]["learning_rate"] == 0.5


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "", "fast", "1e400"])
def test_a_rate_that_makes_no_sense_is_refused_and_the_run_goes_on(make_run, train, watch, value):
    run = make_run(strategy={"epochs": 1})
    path, sent = ask_at(watch, at("training", 2), value)
    path.append(run.control)
    assert train(run) == 0
    state = run.state()
    assert not state.controls
    (notice,) = [notice for notice in state.notices if notice.topic == "control"]
    assert sent[0].id in notice.text and "above 0" in notice.text
    assert set(rates(run).values()) == {0.02}
