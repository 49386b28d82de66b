"""What a comparison keeps of a run's log."""

import pytest

from vislab.engine.analysis import comparison
from vislab.engine.analysis.compared_log import EPOCHS, ComparedLog
from vislab.engine.runs.events import CheckpointSaved, RunResumed, encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.state import fold
from vislab.engine.runs.store import create
from vislab.presets.library import resolve

LOSSES = [0.9, 0.5, 0.4, 0.3]
SAVED = CheckpointSaved(kind="full", path="checkpoints/8", step=8, epoch=4, bytes=1, seconds=0.1)


@pytest.fixture
def run(tmp_path, history):
    run = create(tmp_path, resolve(recipe="digits-lenet5"))
    run.events.write_bytes(b"".join(map(encode, [*history(LOSSES, val_accuracy=[0.6, 0.7, 0.9, 0.8]), SAVED])))
    return run


def is_short(state) -> bool:
    """Whether an epoch before the last cannot be had."""
    try:
        return not state.epochs[0]
    except LookupError:
        return True


def test_figures_of_a_run_that_is_over_stay_as_they_are(run) -> None:
    log = ComparedLog(run)
    whole, short = comparison.look(run), comparison.look(run, log.look_until_end())
    assert is_short(short.state) and not is_short(whole.state)
    for name, figure in comparison.FIGURES.items():
        assert figure.read(short) == figure.read(whole), name
    assert (short.best, short.state.step, short.state.elapsed) == (whole.best, whole.state.step, whole.state.elapsed)
    assert not short.state.checkpoints and set(EPOCHS) < set(type(whole.best).__struct_fields__)
    assert log.look_until_end() is short.state, "it is not read again"


@pytest.mark.parametrize("kind", ["lock", "waiting_lock"])
def test_a_run_that_trains_or_waits_to_is_kept_whole(run, kind) -> None:
    lock = RunLock(getattr(run, kind))
    assert lock.acquire()
    log = ComparedLog(run)
    assert log.look_until_end() == run.state()
    lock.release()
    assert is_short(log.look_until_end())


def test_a_run_that_is_resumed_is_read_anew(run, history) -> None:
    log = ComparedLog(run)
    log.look_until_end()
    resumed = RunResumed(checkpoint="checkpoints/4", step=run.state().epochs[1].step, epochs=4, environment={})
    with run.events.open("ab") as file:
        file.write(encode(resumed))
    state = log.look_until_end()
    assert is_short(state)
    assert list(state.epochs.numbers("train_loss")) == LOSSES[:2] and state.best == run.state().best


def test_nothing_is_kept_of_nothing(tmp_path) -> None:
    run = create(tmp_path, resolve(recipe="digits-lenet5"))
    assert ComparedLog(run).look_until_end() == fold([])
