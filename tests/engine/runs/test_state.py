"""The fold: any prefix is valid, and a killed-and-resumed log gives the figures of the uninterrupted one."""

from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from vislab.engine.runs.events import (
    AnyEvent,
    CheckpointSaved,
    ControlApplied,
    DecisionMade,
    EpochEnded,
    Notice,
    RunEnded,
    RunResumed,
    RunStarted,
    StepsLogged,
)
from vislab.engine.runs.state import NEWEST, Fold, RunState, fold

STEPS_PER_EPOCH = 4


def started(epochs: int = 5, *, time: float = 1.0) -> RunStarted:
    return RunStarted(
        time=time,
        environment={},
        classes=("cat", "dog"),
        counts={"train": (8, 8)},
        split="official",
        selected_on_test=False,
        parameters=10,
        trained_parameters=10,
        head=(),
        batch_size=4,
        steps_per_epoch=STEPS_PER_EPOCH,
        epochs=epochs,
        log_every=1,
        evaluated_weights="raw",
    )


def logged(step: int) -> StepsLogged:
    return StepsLogged(
        step=step,
        epoch=(step - 1) // STEPS_PER_EPOCH + 1,
        loss=1.0 / step,
        accuracy=0.5,
        learning_rate=1e-3,
        gradient_norm=1.0,
        images_per_second=1.0,
        waiting=0.0,
        elapsed=float(step),
    )


def epoch_ended(epoch: int, *, best: bool) -> EpochEnded:
    return EpochEnded(
        epoch=epoch,
        step=epoch * STEPS_PER_EPOCH,
        train_loss=1.0 / epoch,
        train_accuracy=0.5,
        train_top5=1.0,
        val_loss=1.0,
        val_accuracy=0.5,
        val_top5=1.0,
        val_macro_f1=0.5,
        learning_rate=1e-3,
        best=best,
        seconds=1.0,
        val_seconds=0.1,
        train_images_per_second=1.0,
        elapsed=float(epoch * STEPS_PER_EPOCH),
    )


def saved(step: int) -> CheckpointSaved:
    epoch = step // STEPS_PER_EPOCH
    return CheckpointSaved(kind="full", path=f"checkpoints/{step}", step=step, epoch=epoch, bytes=1, seconds=0.1)


def resumed(step: int, epochs: int = 5) -> RunResumed:
    return RunResumed(checkpoint=f"checkpoints/{step}", step=step, epochs=epochs, environment={})


def ended(step: int) -> RunEnded:
    return RunEnded(status="done", reason="", step=step, epoch=1, elapsed=float(step), exit_code=0)


def training(first: int, last: int, best: set[int], checkpoints: set[int]) -> list[AnyEvent]:
    """What a worker says while it does the updates first .. last."""
    events: list[AnyEvent] = []
    for step in range(first, last + 1):
        events.append(logged(step))
        if step % STEPS_PER_EPOCH == 0:
            epoch = step // STEPS_PER_EPOCH
            events.append(epoch_ended(epoch, best=epoch in best))
            if epoch % 2:
                events.append(Notice(level="info", topic="t", text=f"epoch {epoch}", step=step))
        if step in checkpoints:
            events.append(saved(step))
    return events


def columns(state: RunState) -> tuple[object, ...]:
    return list(state.steps), list(state.epochs), list(state.notices), state.best, state.step, state.elapsed


any_event = st.one_of(
    st.builds(started, st.integers(1, 9)),
    st.builds(logged, st.integers(1, 30)),
    st.builds(
        lambda row, figure: replace(row, val_loss=figure),
        st.builds(epoch_ended, st.integers(1, 9), best=st.booleans()),
        st.sampled_from([1.0, None, "nan", "inf", "-inf"]),
    ),
    st.builds(saved, st.integers(0, 30)),
    st.builds(resumed, st.integers(0, 30), st.integers(1, 9)),
    st.builds(ended, st.integers(0, 30)),
    st.builds(DecisionMade, what=st.just("threads"), choice=st.just("2"), why=st.just("")),
    st.builds(
        ControlApplied,
        request=st.just("a"),
        action=st.sampled_from(["pause", "unpause", "stop"]),
        step=st.integers(0, 30),
    ),
    st.builds(Notice, level=st.just("info"), topic=st.just("t"), text=st.just("x"), step=st.integers(0, 30)),
    st.none(),
)


@given(st.lists(any_event, max_size=40))
def test_any_prefix_of_any_log_folds_and_earlier_pictures_never_change(events):
    folding = Fold()
    pictures, copies = [], []
    for event in events:
        folding.apply(event)
        picture = folding.state()
        pictures.append(picture)
        copies.append(columns(picture))
    for length, (picture, copy) in enumerate(zip(pictures, copies, strict=True), start=1):
        assert columns(picture) == copy
        assert picture == fold(events[:length])
        assert [row.step for row in picture.steps] == sorted({row.step for row in picture.steps})
        assert [row.epoch for row in picture.epochs] == sorted({row.epoch for row in picture.epochs})
        assert picture.best is None or picture.best in picture.epochs


@given(st.lists(any_event, max_size=60))
def test_steps_and_epochs_are_those_that_plain_lists_would_keep(events):
    steps: list[StepsLogged] = []
    epochs: list[EpochEnded] = []
    for event in events:
        match event:
            case RunStarted():
                steps, epochs = [], []
            case RunResumed():
                steps = [row for row in steps if row.step <= event.step]
                epochs = [row for row in epochs if row.step <= event.step]
            case StepsLogged():
                steps = [*(row for row in steps if row.step < event.step), event]
            case EpochEnded():
                epochs = [*(row for row in epochs if row.epoch < event.epoch), event]
    state = fold(events)
    assert list(state.steps) == steps and list(state.epochs) == epochs
    assert state.best == next((row for row in reversed(epochs) if row.best), None)


@given(st.integers(0, 500), st.integers(1, 15).map(lambda half: 2 * half))
def test_entries_of_a_long_log_stand_for_equally_many_steps(count, most):
    folding = Fold(most_steps=most)
    folding.apply_all([started(), *map(logged, range(1, count + 1))])
    kept = folding.state().steps
    ends = [0, *(row.step for row in kept)]
    spans = [end - begin for begin, end in pairwise(ends)]
    assert ends[-1] == count and spans == sorted(spans, reverse=True) and set(spans) <= {max(spans, default=1), 1}
    assert spans.count(max(spans, default=1)) < most
    for end, span, row in zip(ends[1:], spans, kept, strict=True):
        assert row.loss == pytest.approx(fmean(1.0 / step for step in range(end - span + 1, end + 1)))
        assert row.elapsed == end


def test_what_is_not_finite_is_no_part_of_a_mean():
    rows = [replace(logged(step), loss="nan") if step in (1, 3, 4) else logged(step) for step in range(1, 5)]
    folding = Fold(most_steps=4)
    folding.apply_all([started(), *rows])
    assert [(row.step, row.loss) for row in folding.state().steps] == [(2, 0.5), (4, "nan")]


@given(st.integers(0, 600), st.integers(2, 40), st.sets(st.integers(1, 600)), st.none() | st.integers(1, 600))
def test_of_a_long_log_the_newest_epochs_are_kept_and_multiples_before(count, most, best, bad):
    rows = [replace(epoch_ended(epoch, best=epoch in best), energy=1.0) for epoch in range(1, count + 1)]
    rows = [replace(row, val_loss="nan") if row.epoch == bad else row for row in rows]
    folding = Fold(most_epochs=most)
    folding.apply_all([started(), *rows])
    state = folding.state()
    kept, apart = list(state.epochs), state.epochs_apart
    numbers = [row.epoch for row in kept]
    assert len(kept) < most + NEWEST + 1 and (apart > 1) == (count >= most + NEWEST)
    assert state.epochs_done == count and state.best == next((row for row in reversed(rows) if row.best), None)
    assert numbers == sorted({*numbers}) and {*range(apart, count + 1, apart)} <= {*numbers}
    assert numbers[-NEWEST:] == [*range(max(1, count - NEWEST + 1), count + 1)]
    assert sum(row.energy for row in kept) == count  # of those that are left out as well
    assert all(replace(row, energy=1.0) == rows[row.epoch - 1] for row in kept)
    assert {state.best.epoch if state.best else count, bad if bad and bad <= count else count} - {0} <= {*numbers}


@given(
    st.lists(st.tuples(st.integers(1, 250), st.integers(1, 200), st.booleans()), min_size=1, max_size=4),
    st.integers(100, 140),
)
def test_a_long_log_that_is_resumed_knows_its_best_and_goes_on(parts, most):
    """Each part: epochs that it trains, epochs that the resume after it takes back, whether bests are frequent."""
    log: list[AnyEvent] = [started()]
    done = 0
    for trained, back, often in parts:
        log += [epoch_ended(n, best=n % (5 if often else 37) == 0) for n in range(done + 1, done + trained + 1)]
        done = max(0, done + trained - back)
        log.append(resumed(done * STEPS_PER_EPOCH))
    log += [epoch_ended(n, best=False) for n in range(done + 1, done + 151)]
    whole, some = fold(log), fold(log, most_epochs=most)
    assert (some.best, some.epochs_done) == (whole.best, whole.epochs_done)
    numbers = [row.epoch for row in some.epochs]
    assert numbers == sorted({*numbers}) and numbers[-NEWEST:] == [*range(done + 51, done + 151)]
    assert {*range(some.epochs_apart, done + 150, some.epochs_apart)} <= {*numbers}
    assert some.best is None or some.best.epoch in numbers


def test_runs_of_other_lengths_keep_epochs_in_common():
    rows = [epoch_ended(epoch, best=epoch % 3 == 0) for epoch in range(1, 2001)]
    long, short = (fold([started(), *rows[:count]], most_epochs=100) for count in (2000, 450))
    assert long.epochs_apart == 32 and short.epochs_apart == 4
    shared = {row.epoch for row in long.epochs} & {row.epoch for row in short.epochs}
    assert {*range(32, 450, 32)} <= shared


@settings(max_examples=200)
@given(st.data())
def test_a_log_killed_and_resumed_again_and_again_gives_the_figures_of_the_uninterrupted_one(data):
    last = STEPS_PER_EPOCH * 5
    best = data.draw(st.sets(st.integers(1, 5)), "best epochs")
    checkpoints = data.draw(st.sets(st.integers(1, last)), "checkpoints")
    whole = [started(), *training(1, last, best, checkpoints), ended(last)]

    log: list[AnyEvent] = [started()]
    position = 0
    for _ in range(data.draw(st.integers(0, 4), "kills")):
        part = training(position + 1, last, best, checkpoints)
        log += part[: data.draw(st.integers(0, len(part)), "events before the kill")]
        published = [row.step for row in fold(log).checkpoints]  # later ones belong to what did not happen
        if published:
            position = data.draw(st.sampled_from(published), "checkpoint")
            log.append(resumed(position))
        else:
            position = 0
            log.append(started())
    log += [*training(position + 1, last, best, checkpoints), ended(last)]

    state, expected = fold(log), fold(whole)
    assert columns(state) == columns(expected)
    assert [row.step for row in state.checkpoints if row.step > position] == [
        row.step for row in expected.checkpoints if row.step > position
    ]
    assert state.status == "done"


def test_an_epoch_that_ends_again_after_a_resume_at_its_last_step_counts_once():
    before = [started(), *training(1, 4, {1}, set()), saved(4), resumed(4)]
    state = fold([*before, epoch_ended(1, best=True), *training(5, 8, set(), set())])
    assert [row.epoch for row in state.epochs] == [1, 2]
    assert state.best == epoch_ended(1, best=True)


def test_the_best_epoch_is_forgotten_with_the_steps_that_did_not_happen():
    log = [started(), *training(1, 8, {1, 2}, set())]
    assert fold(log).best == epoch_ended(2, best=True)
    assert fold([*log, resumed(5)]).best == epoch_ended(1, best=True)
    assert fold([*log, resumed(3)]).best is None


def test_a_picture_shares_its_rows_with_the_fold():
    folding = Fold()
    folding.apply(started())
    for step in range(1, 1001):
        folding.apply(logged(step))
    one, other = folding.state(), folding.state()
    assert one.steps._table is other.steps._table is folding._steps
    folding.apply(logged(1001))
    assert one.steps._table is folding._steps and len(one.steps) == 1000 and len(folding.state().steps) == 1001


def test_a_resumed_fold_leaves_earlier_pictures_alone():
    folding = Fold()
    folding.apply_all([started(), *training(1, 8, {2}, {4})])
    picture = folding.state()
    folding.apply_all([resumed(4), *training(5, 6, set(), set())])
    assert len(picture.steps) == 8 and len(picture.epochs) == 2 and picture.best is not None
    assert len(folding.state().steps) == 6 and len(folding.state().epochs) == 1


def test_more_epochs_after_the_end_continue_the_axis():
    log = [started(2), *training(1, 8, set(), {8}), ended(8)]
    assert fold(log).status == "done"
    state = fold([*log, resumed(8, epochs=3)])
    assert (state.status, state.epochs_planned, state.ended) == ("training", 3, None)
    state = fold([*log, resumed(8, epochs=3), *training(9, 12, set(), set()), ended(12)])
    assert [row.epoch for row in state.epochs] == [1, 2, 3] and state.status == "done"


def test_unknown_lines_are_counted():
    state = fold([started(), None, logged(1), None])
    assert state.unknown == 2 and len(state.steps) == 1


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "starting"),
        ([DecisionMade(what="device", choice="cpu", why="no GPU")], "starting"),
        ([ControlApplied(request="a", action="pause", step=0)], "paused"),
        ([started()], "training"),
        ([started(), ControlApplied(request="a", action="pause", step=0)], "paused"),
        ([started(), ControlApplied(request="a", action="checkpoint", step=0)], "training"),
        (
            [
                started(),
                ControlApplied(request="a", action="pause", step=0),
                ControlApplied(request="b", action="unpause", step=0),
            ],
            "training",
        ),
        ([started(), ControlApplied(request="a", action="pause", step=0), resumed(0)], "training"),
        ([started(), ControlApplied(request="a", action="pause", step=0), ended(0)], "done"),
        ([RunEnded(status="failed", reason="no such file", step=0, epoch=0, elapsed=0.0, exit_code=2)], "failed"),
    ],
)
def test_status(events, status):
    assert fold(events).status == status


STOP = ControlApplied(request="a", action="stop_after_epoch", step=0)
AT_ONCE = ControlApplied(request="b", action="stop", step=0)


@pytest.mark.parametrize(
    ("events", "stops"),
    [
        ([started()], ""),
        ([started(), STOP, logged(1)], "stop_after_epoch"),
        ([started(), AT_ONCE, STOP, logged(1)], "stop"),
        ([started(), STOP, AT_ONCE, logged(1)], "stop"),
        ([STOP, started()], "stop_after_epoch"),  # asked while the data were read
        ([AT_ONCE, started()], ""),
        ([started(), STOP, resumed(0)], ""),  # asked of a worker that was killed
        ([started(), STOP, started()], ""),
        ([started(), STOP, ended(4)], ""),
        ([started(), STOP, ended(4), resumed(4)], ""),
        ([started(), ended(4), STOP, resumed(4)], "stop_after_epoch"),
    ],
)
def test_a_run_is_to_stop_where_its_present_worker_was_asked(events, stops):
    assert fold(events).stopping == stops


@pytest.mark.parametrize(
    ("events", "stops"),
    [
        ([started(), STOP], ""),
        ([started(), AT_ONCE], ""),
        ([STOP], "stop_after_epoch"),
        ([started(), ended(4), STOP], "stop_after_epoch"),
    ],
)
def test_what_a_killed_worker_was_asked_is_not_what_one_that_starts_was(events, stops):
    assert fold(events).stopping_once_begun == stops


def test_times_are_those_of_the_first_and_the_last_event():
    notice = Notice(time=9.0, level="info", topic="t", text="x")
    state = fold([started(time=5.0), None, notice])
    assert (state.first_time, state.last_time) == (5.0, 9.0)
