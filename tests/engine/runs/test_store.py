"""Run directories: made, found, listed, followed."""

import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs import progress, run_directory
from vislab.engine.runs.events import ControlApplied, Notice, RunEnded, TestFigures
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.naming import slug
from vislab.engine.runs.store import Follower, Labels, Run, all_runs, create, delete, find, follow, named, report
from vislab.presets.errors import InputError
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.spec import Spec


def spec(name: str = "made") -> Spec:
    return Spec(name=name)


def write(run: Run, events: list) -> None:
    writer = EventWriter(run.events)
    for event in events:
        writer.append(event)
    writer.close()


def ended(status: str = "done", reason: str = "") -> RunEnded:
    return RunEnded(status=status, reason=reason, step=20, epoch=2, elapsed=4.0, exit_code=0)


@pytest.fixture
def runs(tmp_path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def held():
    """Holds the lock of a run from another process."""
    processes = []

    def hold(run: Run) -> subprocess.Popen[str]:
        program = (
            "import sys; from pathlib import Path; from vislab.engine.runs.liveness import RunLock;"
            "lock = RunLock(Path(sys.argv[1])); print(lock.acquire(), flush=True); sys.stdin.readline()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(run.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "True\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate(timeout=60)


def test_a_new_run_has_its_spec_its_folders_and_the_users_files(runs, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def build(): ...\n")
    run = create(runs, spec(), code=[mine], labels=Labels(name="first", tags=("a", "b"), note="a note"))
    assert run.spec() == spec()
    assert (run.code / "mine.py").read_text() == mine.read_text()
    assert run.labels() == Labels(name="first", tags=("a", "b"), note="a note")
    assert sorted(path.name for path in run.path.iterdir()) == [
        "checkpoints",
        "code",
        "labels.toml",
        "results",
        "spec.toml",
    ]
    assert [path.name for path in runs.iterdir()] == [run.id]
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert (run.status(), run.worker(), run.progress()) == ("new", 0, None)


def test_a_run_that_cannot_be_written_leaves_nothing_behind(runs):
    with pytest.raises(UnicodeEncodeError):
        create(runs, spec("caf\udce9"))
    assert list(runs.iterdir()) == []
    with pytest.raises(InputError, match="is not UTF-8"):
        create(runs.with_name("caf\udce9"), spec())


NAMES = [
    "../../escape",
    "a/b\\c",
    "..",
    ".",
    "",
    "/etc/passwd",
    "ünïcödé — 猫",
    "x" * 10_000,
    "\x00\n",
    "-rf",
    "CON",
    "~",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_the_runs_folder(runs, name):
    run = create(runs, spec(name))
    assert run.path.parent == runs and run.path.resolve().parent == runs.resolve()
    assert len(run.id) < 100 and not run.id.startswith((".", "-"))
    assert set(run.id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert find(runs, run.id).path == run.path


def test_weights_of_the_latest_run_are_those_of_the_run_that_was_latest(runs):
    parent = create(runs, spec())
    wanted = msgspec.convert(
        {"strategy": {"pretrained": True}, "architecture": {"weights": "latest/best"}, "name": "child"}, Spec
    )
    assert create(runs, wanted).spec().architecture.weights == f"{parent.id}/best"
    with pytest.raises(InputError, match="nobody"):
        create(runs, msgspec.structs.replace(wanted, architecture=Architecture(weights="nobody/best")))


@pytest.mark.parametrize("identity", ["a", "Nightly_7", "2024.best-of", "x" * 100])
def test_a_person_may_choose_the_id(runs, identity):
    assert named(runs, identity) is None
    run = create(runs, spec(), identity=identity)
    assert run.path == runs / identity and sorted(path.name for path in runs.iterdir()) == [identity]
    found = named(runs, identity)
    assert found is not None and found.path == run.path and find(runs, identity).path == run.path
    with pytest.raises(InputError, match="already"):
        create(runs, spec(), identity=identity)


@pytest.mark.parametrize(
    "identity", ["", ".", "..", ".queue", "../x", "a/b", "/x", "-x", "a b", "a\n", "é", "x" * 101, "latest"]
)
def test_an_id_cannot_leave_the_folder_or_mean_something_else(runs, identity):
    with pytest.raises(InputError, match="cannot be a run's id"):
        named(runs, identity)


@pytest.mark.parametrize("reference", ["..", ".", "../elsewhere", "/", "", "x/../../elsewhere"])
def test_a_reference_cannot_leave_the_folder(runs, reference):
    create(runs, spec())
    create(runs.parent / "elsewhere", spec(), identity="away")
    for wrong in (reference, f"{reference}/away"):
        with pytest.raises(InputError, match="No run in"):
            find(runs, wrong)


def test_a_link_is_no_run(runs):
    create(runs, spec(), identity="here")
    away = create(runs.parent / "elsewhere", spec(), identity="away")
    (runs / "linked").symlink_to(away.path)
    assert [run.id for run in all_runs(runs)] == ["here"] and named(runs, "linked") is None
    with pytest.raises(InputError, match="is a link"):
        find(runs, "linked")
    with pytest.raises(InputError, match="already"):
        create(runs, spec(), identity="linked")


def test_runs_with_chosen_ids_are_listed_by_their_age(runs):
    names = ["zebra", "aardvark", "mole"]
    for age, name in zip((300, 200, 100), names, strict=True):
        moment = time.time() - age
        os.utime(create(runs, spec(), identity=name).path / "spec.toml", (moment, moment))
    made = create(runs, spec())
    assert [run.id for run in all_runs(runs)] == [made.id, "mole", "aardvark", "zebra"]


@given(st.text())
def test_a_slug_is_a_safe_part_of_a_file_name(name):
    assert slug(name) and len(slug(name)) <= 40 and set(slug(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(slug(name)) == slug(name)


def test_a_runs_folder_that_cannot_be_made_is_the_users_to_mend(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--runs-dir"):
        create(tmp_path / "file" / "runs", spec())


def test_a_full_disk_leaves_no_half_run(runs, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        create(runs, spec())
    assert list(runs.iterdir()) == []


def made(runs: Path, *identities: str) -> None:
    for number, identity in enumerate(identities):
        folder = runs / identity
        folder.mkdir(parents=True)
        (folder / "spec.toml").write_text(f'name = "{identity}"\n')
        os.utime(folder / "spec.toml", (1000 + number, 1000 + number))


def test_runs_are_listed_newest_first_and_other_folders_are_not_runs(runs):
    made(runs, "20260102-000000-b-0001", "20260101-000000-a-0002", "20260102-000000-a-0003")
    (runs / ".20260103-000000-x-0004.tmp").mkdir()
    (runs / "notes").mkdir()
    (runs / "readme.txt").touch()
    # The second decides first; inside one second, when the spec was written.
    assert [run.id[-4:] for run in all_runs(runs)] == ["0003", "0001", "0002"]
    assert all_runs(runs / "missing") == []


def test_latest_is_the_last_made_also_inside_one_second(runs):
    for name in ("zebra", "ant", "mouse"):
        run = create(runs, spec(name))
        time.sleep(0.01)
        assert find(runs, "latest").path == run.path


def test_find(runs):
    made(runs, "20260101-000000-digits-aaaa", "20260101-000001-digits-aabb", "20260202-000000-mnist-cccc")
    assert find(runs, "latest").id == "20260202-000000-mnist-cccc"
    assert find(runs, "20260101-000000-digits-aaaa").id.endswith("aaaa")
    assert find(runs, "202602").id.endswith("cccc")
    assert find(runs, "aabb").id.endswith("aabb")
    assert find(runs, "digits-aaaa").id.endswith("aaaa")
    assert find(runs, "mnist").id.endswith("cccc")
    Run(runs / "20260101-000001-digits-aabb").set_labels(Labels(name="my favourite"))
    assert find(runs, "my favourite").id.endswith("aabb")


@pytest.mark.parametrize("reference", ["20260101", "digits", "2026"])
def test_a_reference_that_fits_several_runs_names_them(runs, reference):
    made(runs, "20260101-000000-digits-aaaa", "20260101-000001-digits-aabb")
    with pytest.raises(InputError, match=r"fits 2 runs: 20260101-000001-digits-aabb, 20260101-000000-digits-aaaa"):
        find(runs, reference)


@pytest.mark.parametrize("reference", ["", "nothing", "../runs", "a", "*", "20260101-000000-digits-aaaax"])
def test_a_reference_that_fits_nothing_is_said(runs, reference):
    made(runs, "20260101-000000-digits-aaaa")
    with pytest.raises(InputError, match="vislab runs"):
        find(runs, reference)


def test_an_id_that_begins_another_is_itself(runs):
    made(runs, "20260101-000000-a-0001", "20260101-000000-a-00012")
    assert find(runs, "20260101-000000-a-0001").id == "20260101-000000-a-0001"


@pytest.mark.parametrize("reference", ["latest", "x"])
def test_without_runs_the_first_command_is_named(runs, reference):
    with pytest.raises(InputError, match="vislab run --preset"):
        find(runs, reference)


def test_status_is_the_log_corrected_by_the_worker(runs, held, history):
    run = create(runs, spec())
    write(run, history([1.0, 0.5]))
    assert run.status() == "died"
    worker = held(run)
    assert run.worker() == worker.pid
    assert run.status() == "training"
    worker.kill()
    worker.wait(timeout=60)
    assert run.status() == "died"
    write(run, [ended("stopped")])
    assert run.status() == "stopped"
    held(run)  # taken up again, and nothing said yet
    assert run.status() == "starting"


def test_a_run_whose_worker_died_before_its_first_event_has_died(runs):
    run = create(runs, spec())
    RunLock(run.lock).release()
    assert run.status() == "died"


def test_a_worker_that_ends_between_two_looks_has_not_died(runs, history):
    run = create(runs, spec())
    write(run, history([1.0]))
    before = run.state()
    write(run, [ended()])
    assert run.status(before) == "done"


def test_labels_are_the_persons_and_a_damaged_file_is_empty(runs):
    run = create(runs, spec())
    assert run.labels() == Labels()
    run.set_labels(Labels(name="x", note='quotes " and\nlines', tags=("a",)))
    assert tomllib.loads((run.path / "labels.toml").read_text())["note"] == 'quotes " and\nlines'
    assert run.labels().tags == ("a",)
    for damage in (b"name = ", b"name = 3\n", b"\xff\xfe"):
        (run.path / "labels.toml").write_bytes(damage)
        assert run.labels() == Labels()
        with pytest.raises(InputError, match=r"labels\.toml cannot be read, and would be lost"):
            run.set_labels(Labels(name="y"))
        assert (run.path / "labels.toml").read_bytes() == damage, "somebody's own words"


def test_a_note_of_bytes_that_are_not_utf8_is_kept_readable(runs):
    name = b"caf\xe9".decode(errors="surrogateescape")
    run = create(runs, spec(), labels=Labels(note=name))
    assert run.labels().note == "caf?"
    run.set_labels(Labels(name=name))
    assert run.labels().name == "caf?"


def test_a_summary_is_the_fold(runs, history):
    run = create(runs, spec("made"))
    write(run, [*history([1.0, 0.5], val_loss=[1.0, 0.7]), ended(reason="the last epoch")])
    row = run.summary()
    assert (row.id, row.name, row.status, row.reason) == (run.id, "made", "done", "the last epoch")
    assert (row.epochs_done, row.epochs_planned, row.elapsed) == (2, 2, 4.0)
    assert row.best is not None and row.last is not None and (row.best.epoch, row.last.epoch) == (2, 2)


def test_a_summary_is_cached_until_the_log_grows(runs, history, monkeypatch):
    run = create(runs, spec())
    write(run, [*history([1.0]), ended()])
    first = run.summary()
    folds = []
    monkeypatch.setattr(Run, "state", lambda self, state=Run.state, **how: folds.append(self.id) or state(self, **how))
    assert run.summary() == first and folds == []
    write(run, [Notice(level="info", topic="t", text="later")])
    assert run.summary().events_bytes > first.events_bytes and folds


@pytest.mark.parametrize("on_test", [True, False])
def test_a_summary_knows_whether_the_test_images_chose_the_epoch(runs, history, on_test):
    run = create(runs, spec())
    write(run, [*history([1.0], None, [1.1], selected_on_test=on_test), ended()])
    assert run.summary().selected_on_test is on_test and run.summary().selected_on_test is on_test
    cached = run.path / "summary.json"  # as an earlier version wrote it
    for name in (b'"selected_on_test":', b'"parameters":'):
        assert name in cached.read_bytes()
        cached.write_bytes(cached.read_bytes().replace(name, b'"other":'))
        assert (run.summary().selected_on_test, run.summary().parameters) == (on_test, 3_400_000)
    made = create(runs, spec()).summary()
    assert not made.selected_on_test and made.parameters is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"id":1}'])
def test_a_damaged_cache_is_made_again(runs, history, damage):
    run = create(runs, spec())
    write(run, [*history([1.0]), ended()])
    first = run.summary()
    (run.path / "summary.json").write_bytes(damage)
    assert run.summary() == first


def test_a_new_name_shows_in_the_list_at_once(runs, history):
    run = create(runs, spec("made"))
    write(run, [*history([1.0]), ended()])
    assert run.summary().name == "made"
    run.set_labels(Labels(name="renamed"))
    assert run.summary().name == "renamed"
    run.set_labels(Labels())
    assert run.summary().name == "made"


@pytest.mark.parametrize(
    ("phase", "said", "status"),
    [
        ("reading data", [], "starting"),
        ("paused", [], "paused"),
        ("full disk", [], "full disk"),
        ("training", [], "training"),
        ("paused", [ended()], "paused"),
        ("building", [ended("stopped")], "starting"),
        ("training", [ControlApplied(request="a", action="pause", step=20)], "paused"),
    ],
)
def test_the_heartbeat_says_what_a_live_run_does(runs, history, held, phase, said, status):
    run = create(runs, spec())
    write(run, [*history([1.0]), *said])
    worker = held(run)
    position = {"time": time.time(), "host": "", "phase": phase}
    progress.write(run.progress_file, progress.Progress(pid=worker.pid, **position))
    assert run.status() == run.summary().status == status
    progress.write(run.progress_file, progress.Progress(pid=worker.pid + 1, **position))
    assert run.status() != "full disk", "the heartbeat of an earlier worker counts"


def test_a_worker_without_a_heartbeat_on_a_full_disk_waits_for_room(runs, history, held, monkeypatch):
    run = create(runs, spec())
    worker = held(run)
    assert run.status() == "starting"
    monkeypatch.setattr(os, "statvfs", lambda folder: SimpleNamespace(f_blocks=1, f_bfree=0, f_bavail=0))
    assert run.status() == "full disk"
    progress.write(run.progress_file, progress.Progress(pid=worker.pid, time=time.time(), host="", phase="building"))
    assert run.status() == "starting"


def test_a_run_that_is_taken_up_again_is_not_shown_as_it_ended(runs, history, held):
    run = create(runs, spec())
    write(run, [*history([1.0]), ended()])
    assert run.summary().status == "done"
    held(run)
    assert run.summary().status == "starting"


def test_a_list_can_be_made_on_a_full_disk(runs, history, monkeypatch):
    run = create(runs, spec())
    write(run, [*history([1.0]), ended()])

    def full(path, data, *, durable=True):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_directory, "write_atomically", full)
    assert run.summary().status == "done"
    assert not (run.path / "summary.json").exists()


def test_a_follower_grows_and_keeps_its_pictures(runs, history):
    run = create(runs, spec())
    follower = Follower(run)
    assert follower.look().status == "starting"
    events = history([1.0, 0.5])
    write(run, events[:3])
    first = follower.look()
    write(run, events[3:])
    assert len(follower.look().epochs) == 2 and len(first.epochs) == 0


def test_follow_ends_with_the_whole_picture_of_a_run_that_ended(runs, history, held):
    run = create(runs, spec())
    worker = held(run)
    events = [*history([1.0, 0.5]), ended()]

    def work() -> None:
        for event in events:
            time.sleep(0.01)
            write(run, [event])
        worker.kill()

    thread = threading.Thread(target=work)
    thread.start()
    pictures = list(follow(run, every=0.01))
    thread.join()
    states = [state for state, _, _ in pictures]
    assert pictures[-1][2] == "done" and len(states[-1].epochs) == 2 and states[-1].ended == ended()
    assert {status for _, _, status in pictures[:-1]} <= {"starting", "training"}
    assert [len(state.steps) for state in states] == sorted(len(state.steps) for state in states)


def test_follow_ends_when_the_worker_dies(runs, history, held):
    run = create(runs, spec())
    write(run, history([1.0]))
    worker = held(run)
    pictures = follow(run, every=0.01)
    assert next(pictures)[2] == "training"
    worker.kill()
    worker.wait(timeout=60)
    rest = list(pictures)
    assert rest[-1][2] == "died"


def test_report_is_plain_data_with_the_keys_that_are_promised(runs, history):
    run = create(runs, spec("made"))
    write(run, [*history([1.0, float("nan")], val_loss=[1.0, 0.7]), ended()])
    plain = report(run)
    line = msgspec.json.encode(plain)
    assert msgspec.json.encode(msgspec.json.decode(line)) == line
    assert plain.keys() >= {"id", "status", "spec", "run_dir", "epochs", "best", "checkpoints", "decisions"}
    epochs = plain["epochs"]
    assert isinstance(epochs, list) and [row["epoch"] for row in epochs] == [1, 2]
    assert epochs[0].keys() >= {
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "seconds",
        "train_images_per_second",
    }
    assert (plain["status"], plain["run_dir"], epochs[1]["train_loss"]) == ("done", str(run.path), "nan")


def test_asking_for_a_run_never_takes_its_lock(runs, held):
    run = create(runs, spec())
    held(run)
    for _ in range(3):
        run.worker(), run.status(), run.summary()
    with run.lock.open("r+b") as file, pytest.raises(BlockingIOError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_summary_holds_labels_settings_that_were_changed_and_the_last_evaluation(runs, history):
    test = TestFigures(role="test", images=9, loss=0.1, accuracy=0.8, top5=1.0, macro_f1=0.7, weights="raw", epoch=1)
    wanted = msgspec.convert({"name": "x", "seed": 3, "strategy": {"learning_rate": 0.5}}, Spec)
    run = create(runs, wanted, labels=Labels(tags=("a", "b"), note="n"))
    write(run, history([1.0], test=test))
    for row in (run.summary(), run.summary()):  # made, then read from the cache
        assert row.settings == {"seed": 3, "strategy.learning_rate": 0.5}
        assert (row.tags, row.note, row.test) == (("a", "b"), "n", test)
    run.set_labels(Labels())
    assert (run.summary().tags, run.summary().note) == ((), "")


def test_the_size_of_a_run_is_that_of_all_its_files(runs):
    run = create(runs, spec())
    before = run.size()
    (run.checkpoints / "00001").mkdir()
    (run.checkpoints / "00001" / "weights").write_bytes(bytes(1000))
    (run.path / "link").symlink_to("/usr/bin/env")
    assert before > 0 and run.size() == before + 1000 + len("/usr/bin/env")
    delete(run)
    assert run.size() == 0


def test_a_deleted_run_is_gone(runs, history):
    run, other = create(runs, spec("a")), create(runs, spec("b"))
    write(run, history([1.0]))
    delete(run)
    assert [left.id for left in all_runs(runs)] == [other.id] and list(runs.iterdir()) == [other.path]


def test_a_live_run_is_not_deleted(runs, held):
    run = create(runs, spec())
    worker = held(run)
    with pytest.raises(InputError, match="vislab stop"):
        delete(run)
    assert run.spec() == spec()
    worker.kill()
    worker.wait(timeout=60)
    delete(run)
    assert all_runs(runs) == []


def test_a_run_that_cannot_be_deleted_is_said(runs, monkeypatch):
    run = create(runs, spec())

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(InputError, match=r"cannot be deleted: .*Permission denied"):
        delete(run)


def test_a_run_that_something_else_has_deleted_is_said_to_be_gone(runs):
    run = create(runs, spec())
    shutil.rmtree(run.path)
    with pytest.raises(InputError, match="is gone: it was deleted or moved"):
        delete(run)


def test_a_folder_that_cannot_be_looked_into_hides_no_run(runs, monkeypatch):
    run = create(runs, spec())
    (runs / "lost+found").mkdir()
    (runs / "lost+found/spec.toml").symlink_to("spec.toml")  # as little to be asked as what belongs to another user
    assert [one.id for one in all_runs(runs)] == [run.id]

    def closed(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(InputError, match=r"runs folder .* cannot be read: Permission denied"):
        all_runs(runs)


def test_a_list_does_without_what_cannot_be_read_of_a_run(runs, history):
    run = create(runs, spec())
    write(run, [*history([1.0]), ended()])
    (run.path / "summary.json").mkdir()
    (run.path / "labels.toml").mkdir()
    assert (run.summary().status, run.summary().name, run.labels()) == ("done", "made", Labels())
