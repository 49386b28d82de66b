import os

import msgspec
import pytest

from vislab.engine.runs.events import CheckpointSaved, RunEnded, encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import Run, create, delete
from vislab.presets.schema.spec import Spec
from vislab.tui import run_watch
from vislab.tui.run_watch import RunWatch
from vislab.tui.views.listing import Listing


@pytest.fixture
def make(tmp_path):
    return lambda name, **spec: create(tmp_path / "runs", msgspec.convert({"name": name} | spec, Spec))


def test_all_runs_come_in_chunks_newest_first(tmp_path, make, monkeypatch):
    monkeypatch.setattr(run_watch, "CHUNK", 2)
    made = [make(name) for name in "abc"]
    chunks = [[row.run.id for row in rows] for rows in RunWatch(tmp_path / "runs").read_all()]
    assert [len(chunk) for chunk in chunks] == [2, 1] and {name for chunk in chunks for name in chunk} == {
        run.id for run in made
    }
    assert list(RunWatch(tmp_path / "nothing").read_all()) == []


def test_long_logs_are_read_last_and_one_by_one(tmp_path, make, history, monkeypatch):
    monkeypatch.setattr(run_watch, "LONG", 500)
    short, long, longer, summed_up = (make(name) for name in ("short", "long", "longer", "summed-up"))
    for run, epochs in ((short, 0), (long, 20), (longer, 40), (summed_up, 40)):
        run.events.write_bytes(b"".join(map(encode, history([1.0] * epochs, val_accuracy=[0.5] * epochs))))
    short.events.write_bytes(b"")
    summed_up.summary()

    def order():
        return [{row.run.id for row in rows} for rows in RunWatch(tmp_path / "runs").read_all()]

    assert order() == [{short.id, summed_up.id}, {long.id}, {longer.id}]
    assert order() == [{short.id, long.id, longer.id, summed_up.id}], "now there is a summary of each"
    os.utime(long.path / "summary.json", ns=(0, 0))
    assert order()[1:] == [{long.id}], "the summary is older than the log"


def test_new_runs_and_deleted_ones_are_noticed_and_the_others_not_read_again(tmp_path, make, monkeypatch):
    old, going = make("old"), make("going")
    watch = RunWatch(tmp_path / "runs")
    known = frozenset(row.run.id for rows in watch.read_all() for row in rows)
    assert watch.look([], known) == ([], frozenset())
    new = make("new")
    delete(going)
    looked = []
    monkeypatch.setattr(Run, "summary", lambda self, read=Run.summary: looked.append(self.id) or read(self))
    rows, gone = watch.look([], known)
    assert [row.run.id for row in rows] == [new.id] == looked and gone == {going.id}
    assert watch.look([], frozenset({old.id, new.id})) == ([], frozenset())


def test_a_live_run_is_followed_until_it_ends(tmp_path, make, history, monkeypatch):
    run = make("live")
    lock = RunLock(run.lock)
    assert lock.acquire()
    events = history([1.0, 0.5, 0.2], val_accuracy=[0.5, 0.6, 0.7])
    run.events.write_bytes(b"".join(map(encode, events[:8])))
    watch = RunWatch(tmp_path / "runs")
    ((row,),) = watch.read_all()
    assert row.live and row.epochs_done == 1
    assert watch.look([row], frozenset({run.id})) == ([], frozenset())
    with run.events.open("ab") as log:
        log.write(b"".join(map(encode, events[8:])))
    ((row,), _) = watch.look([row], frozenset({run.id}))
    assert row.epochs_done == 3 and row.val_accuracy == 0.7
    with run.events.open("ab") as log:
        log.write(encode(RunEnded(status="done", reason="", step=30, epoch=3, elapsed=6.0, exit_code=0)))
    lock.release()
    ((row,), _) = watch.look([row], frozenset({run.id}))
    assert row.status == "done" and not row.live


def test_a_run_that_a_list_has_packed_has_not_changed(tmp_path, make, history):
    run = make("live", preprocessing={"mean": [0.1, 0.2, 0.3]}, strategy={"balance_augment": ["horizontal_flip"]})
    lock = RunLock(run.lock)
    assert lock.acquire()
    run.events.write_bytes(b"".join(map(encode, history([1.0], val_accuracy=[0.5]))))
    watch, known = RunWatch(tmp_path / "runs"), Listing()
    ((row,),) = watch.read_all()
    known.put(row)
    assert known[run.id] == row and watch.look([known[run.id]], known) == ([], frozenset())
    lock.release()


def test_a_run_that_only_saves_has_changed_for_its_size(tmp_path, make, history):
    run = make("live")
    lock = RunLock(run.lock)
    assert lock.acquire()
    run.events.write_bytes(b"".join(map(encode, history([1.0], val_accuracy=[0.5]))))
    watch = RunWatch(tmp_path / "runs")
    ((row,),) = watch.read_all()
    watch.look([row], {run.id})
    assert watch.look([row], {run.id}) == ([], frozenset())
    with run.events.open("ab") as log:
        log.write(encode(CheckpointSaved(kind="full", path="full-10", step=10, epoch=1, bytes=9, seconds=0.1)))
    assert watch.look([row], {run.id}) == ([row], frozenset())
    lock.release()


def test_a_run_seen_before_it_was_queued_is_looked_at_until_it_is(tmp_path, make, monkeypatch):
    run = make("fresh")
    watch = RunWatch(tmp_path / "runs")
    ((row,),) = watch.read_all()
    with monkeypatch.context() as patch:  # looking again and again reads nothing
        patch.delattr(Run, "spec")
        assert row.status == "new" and not row.reason and watch.look([row], {run.id}) == ([], frozenset())
    lock = RunLock(run.waiting_lock)
    assert lock.acquire()
    ((row,), _) = watch.look([row], {run.id})
    assert row.status == "queued" and row.live and not row.reason
    lock.release()  # killed: one that is asked to leave records it
    ((row,), _) = watch.look([row], {run.id})
    assert row.status == "new"
    assert row.reason == "fell out of the queue: its waiting process is gone; u puts it to work"


def test_a_run_that_is_deleted_while_it_is_looked_at_is_no_trouble(tmp_path, make):
    run = make("going")
    watch = RunWatch(tmp_path / "runs")
    ((row,),) = watch.read_all()
    delete(run)
    assert watch.look([row], frozenset({run.id})) == ([], frozenset({run.id}))
