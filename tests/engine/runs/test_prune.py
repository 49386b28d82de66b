"""Which runs can go."""

import os
import time

import pytest

from vislab.engine.runs import prune, store
from vislab.engine.runs.events import encode
from vislab.engine.runs.liveness import RunLock
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.spec import Spec

DAY = 86400.0


@pytest.fixture
def make(tmp_path, history):
    def made(name, accuracy=None, *, days=0.0, dataset="mnist"):
        run = store.create(tmp_path / "runs", Spec(name=name, dataset=Dataset(name=dataset)))
        if accuracy is not None:
            run.events.write_bytes(b"".join(map(encode, history([1.0], val_loss=[1.0], val_accuracy=[accuracy]))))
        for file in (run.events, run.path / "spec.toml"):
            if file.exists():
                os.utime(file, (time.time() - days * DAY,) * 2)
        return run

    return made


def names(candidates):
    return [candidate.summary.name for candidate in candidates]


def test_old_runs_are_those_in_which_nothing_was_said_for_long(make, tmp_path):
    make("young", 0.5, days=1)
    make("old", 0.5, days=40)
    make("older", days=50)
    lately = make("resumed lately", 0.5, days=60)
    os.utime(lately.events)
    found = prune.plan(tmp_path / "runs", older=prune.seconds("30d"))
    assert names(found) == ["older", "old"]
    assert found[1].age == pytest.approx(40 * DAY, abs=60)
    assert all(candidate.size == candidate.run.size() > 0 for candidate in found)


def test_of_each_data_set_the_best_run_is_spared(make, tmp_path):
    make("best", 0.9)
    make("good", 0.8)
    make("unjudged")
    make("alone", 0.1, dataset="digits")
    make("never judged", dataset="flowers")
    assert sorted(names(prune.plan(tmp_path / "runs", not_best=True))) == ["good", "unjudged"]


def test_runs_that_cannot_be_read_stay_and_hinder_nothing(make, tmp_path):
    make("old", days=40)
    (make("damaged", days=40).path / "spec.toml").write_text("seed = [")
    make("odd", days=40).events.mkdir()
    assert names(prune.plan(tmp_path / "runs", older=DAY)) == ["old"]


def test_both_conditions_must_hold(make, tmp_path):
    make("best", 0.9, days=40)
    make("old", 0.8, days=40)
    make("new", 0.7)
    assert names(prune.plan(tmp_path / "runs", older=30 * DAY, not_best=True)) == ["old"]


def test_planning_deletes_nothing_and_applying_frees_the_disk(make, tmp_path):
    runs = [make("a", 0.5, days=9), make("b", 0.6, days=8)]
    found = prune.plan(tmp_path / "runs", older=DAY)
    assert all(run.path.is_dir() for run in runs)
    assert prune.apply(found) == (found, [])
    assert not any(run.path.exists() for run in runs) and prune.plan(tmp_path / "runs", older=DAY) == []


def test_a_run_that_is_alive_or_has_been_taken_up_meanwhile_stays(make, tmp_path):
    alive, taken = make("alive", 0.5, days=9), make("taken", 0.5, days=9)
    locks = [RunLock(alive.lock)]
    assert locks[0].acquire()
    (candidate,) = found = prune.plan(tmp_path / "runs", older=DAY)
    assert candidate.run.id == taken.id
    locks.append(RunLock(taken.lock))
    assert locks[1].acquire()
    gone, faults = prune.apply(found)
    assert gone == [] and taken.id in faults[0] and taken.path.is_dir()
    for lock in locks:
        lock.release()


@pytest.mark.parametrize(("text", "expected"), [("30d", 30 * DAY), ("2w", 14 * DAY), ("90min", 5400), ("1h", 3600)])
def test_ages(text, expected):
    assert prune.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 d", "1y"])
def test_what_is_no_age(text):
    with pytest.raises(InputError, match="such as 30d"):
        prune.seconds(text)


def test_without_a_condition_nothing_is_planned(tmp_path):
    with pytest.raises(InputError, match="--older"):
        prune.plan(tmp_path)
