"""A run's figures in TensorBoard files and in Weights & Biases: whole, once, and of no harm to the run."""

import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from tensorboardX.proto.event_pb2 import Event

from vislab.engine import worker
from vislab.engine.runs.events import RunEnded, RunResumed, StepsLogged, TestFigures
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.trackers import sync as sync_
from vislab.engine.trackers.start import Trackers
from vislab.engine.trackers.sync import sync
from vislab.engine.trackers.tracker import figures_of, folder
from vislab.presets.errors import InputError

FAKE_WANDB = '''
"""Writes what it is told into the file that FAKE_WANDB names."""
import json, os

class Settings:
    def __init__(self, **keys): pass

class _Run:
    def say(self, *words):
        with open(os.environ["FAKE_WANDB"], "a") as file:
            print(json.dumps(words), file=file)
    def define_metric(self, *names, **keys): pass
    def log(self, figures): self.say("log", figures)
    def finish(self): self.say("finish")

def init(**keys):
    if keys["project"] == "unreachable":
        raise ConnectionError("no such server")
    run = _Run()
    run.say("init", keys["id"], keys["entity"], keys["project"], keys["resume"])
    return run
'''


def written(place: Path) -> list[tuple[int, str, float]]:
    """(step, name, value) of every point that TensorBoard shows: files by name, less what later ones take back."""
    points: list[tuple[int, str, float]] = []
    for file in sorted(place.glob("events*")):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            if event.HasField("session_log"):
                points = [point for point in points if point[0] < event.step]
            points += [
                (event.step, value.tag, value.simple_value)
                for value in event.summary.value
                if value.HasField("simple_value")
            ]
    return points


@pytest.fixture
def trained_run(make_run, settings):
    run = make_run(strategy={"epochs": 2})
    assert worker.main(run.path, settings=settings) == 0
    return run


def test_the_end_tells_every_figure_of_the_test_images():
    test = TestFigures(
        role="test",
        images=9,
        loss=0.5,
        accuracy=0.75,
        top5=1.0,
        macro_f1=0.7,
        weights="raw",
        epoch=1,
        weighted_f1=0.72,
        calibration_error=0.125,
    )
    end = RunEnded(status="done", reason="", step=1, epoch=1, elapsed=1.0, exit_code=0, test=test)
    told = {f"test/{name}": getattr(test, name) for name in ("loss", "accuracy", "top5", "macro_f1", "weighted_f1")}
    assert figures_of(end) == told | {"test/calibration_error": 0.125}


def expected(run) -> set[tuple[int, str]]:
    state = run.state()
    rows = [*state.steps, *state.epochs, state.ended]
    return {(row.step, name) for row in rows for name in figures_of(row)}


def test_tensorboard_gets_every_figure_once(trained_run, tmp_path):
    target = tmp_path / "board"
    state = trained_run.state()
    assert sync(trained_run, "tensorboard", str(target)) == len(state.steps) + len(state.epochs) + 1
    points = written(target / trained_run.id)
    assert len(points) == len({(step, name) for step, name, _ in points})
    assert {(step, name) for step, name, _ in points} == expected(trained_run)
    losses = [value for _, name, value in points if name == "train/loss"]
    assert losses == pytest.approx([row.loss for row in state.steps])

    assert sync(trained_run, "tensorboard", str(target)) == 0, "everything is there"
    assert written(target / trained_run.id) == points
    assert sync(trained_run, "tensorboard", str(tmp_path / "other")) > 0, "another folder has nothing yet"


def test_a_folder_that_was_removed_is_written_again(trained_run, tmp_path):
    target = tmp_path / "board"
    first = sync(trained_run, "tensorboard", str(target))
    target.rename(tmp_path / "elsewhere")
    assert sync(trained_run, "tensorboard", str(target)) == first


def test_what_a_resumed_run_says_again_replaces_what_it_said(trained_run, tmp_path):
    target = tmp_path / "board"
    sync(trained_run, "tensorboard", str(target))
    last = trained_run.state().steps[-1]
    writer = EventWriter(trained_run.events)
    writer.append(RunResumed(checkpoint="2", step=2, epochs=2, environment={}, time=time.time()))
    again = StepsLogged(**{name: getattr(last, name) for name in last.__struct_fields__} | {"step": 3, "loss": 9.0})
    writer.append(again)
    writer.close()
    assert sync(trained_run, "tensorboard", str(target)) == 1
    newest = max((target / trained_run.id).glob("events*"))
    assert (3, "train/loss", 9.0) in written(target / trained_run.id)
    data, starts = newest.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        starts += [event.step] if event.HasField("session_log") else []
        data = data[16 + length :]
    assert starts == [3], "TensorBoard drops what an earlier file says from step 3 on"


def test_a_run_that_was_resumed_often_is_handed_on_whole(trained_run, tmp_path):
    """In one go, so that all files are of the same second."""
    first = trained_run.state().steps
    writer = EventWriter(trained_run.events)
    for back in (2, 4, 3):
        writer.append(RunResumed(checkpoint="x", step=back, epochs=2, environment={}, time=time.time()))
        for row in first:
            if back < row.step <= 6:
                writer.append(msgspec.structs.replace(row, loss=float(back)))
    writer.close()
    sync(trained_run, "tensorboard", str(tmp_path / "board"))
    points = written(tmp_path / "board" / trained_run.id)
    losses = [(step, value) for step, name, value in points if name == "train/loss"]
    assert losses == [(row.step, pytest.approx(row.loss)) for row in trained_run.state().steps]
    assert {value for _, value in losses[2:]} == {2.0, 3.0}


def test_a_second_process_is_refused(trained_run, tmp_path):
    code = "import sys; from pathlib import Path; from vislab.engine.runs.liveness import RunLock\n"
    code += "lock = RunLock(Path(sys.argv[1])); assert lock.acquire(); print('held', flush=True); sys.stdin.read()"
    path = folder(trained_run) / "tensorboard.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="Another process"):
        sync(trained_run, "tensorboard", str(tmp_path))
    other.communicate("")


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    """A stand-in for the package, on the path of this process and its children; what it was told."""
    place = tmp_path / "packages"
    place.mkdir()
    (place / "wandb.py").write_text(FAKE_WANDB)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", str(place))
    told = tmp_path / "told"
    monkeypatch.setenv("FAKE_WANDB", str(told))
    sys.modules.pop("wandb", None)
    yield lambda: [__import__("json").loads(line) for line in told.read_text().splitlines()]
    sys.modules.pop("wandb", None)


def test_weights_and_biases_keeps_its_id(trained_run, wandb):
    sync(trained_run, "wandb", "team/digits")
    told = wandb()
    assert told[0][2:] == ["team", "digits", "allow"] and told[-1] == ["finish"]
    logged = {(figures["step"], name) for kind, figures in told[1:-1] for name in figures} - {
        (figures["step"], own) for _, figures in told[1:-1] for own in ("step", "time")
    }
    assert logged == expected(trained_run)

    writer = EventWriter(trained_run.events)
    writer.append(RunResumed(checkpoint="2", step=2, epochs=2, environment={}))
    writer.close()
    sync(trained_run, "wandb", "team/digits")
    assert [words[1] for words in wandb() if words[0] == "init"] == [told[0][1]] * 2


def test_each_project_keeps_its_own_id(trained_run, wandb):
    state = trained_run.state()
    for project in ("digits", "other", "digits", "other"):
        sync(trained_run, "wandb", project)
        writer = EventWriter(trained_run.events)
        writer.append(RunResumed(checkpoint="2", step=2, epochs=2, environment={}))
        writer.close()
    first, second, *again = [words[1] for words in wandb() if words[0] == "init"]
    assert first != second and again == [first, second]
    assert [words[0] for words in wandb()].count("log") == 2 * (len(state.steps) + len(state.epochs) + 1), (
        "what a project has had is not handed on again"
    )


def test_a_record_of_one_target_as_it_was_written_before_holds(trained_run, wandb):
    sync(trained_run, "wandb", "digits")
    file = folder(trained_run) / "wandb.json"
    file.write_bytes(file.read_bytes()[1:-1])
    assert sync(trained_run, "wandb", "digits") == 0


class Killed(BaseException):
    """Stands for the end of the process."""


def test_after_a_killed_tracker_only_its_last_seconds_come_again(trained_run, tmp_path, monkeypatch):
    """The log grows by a line a look; what is older than the time in which a tracker keeps things is not repeated."""
    lines = trained_run.events.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    trained_run.events.write_bytes(b"".join(lines[:half]))
    clock = [0.0]

    def sleep(seconds):
        clock[0] += 6
        if clock[0] == 24:
            raise Killed
        trained_run.events.write_bytes(b"".join(lines[: half + int(clock[0] / 6)]))

    monkeypatch.setattr(sync_, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    monkeypatch.setattr(type(trained_run), "worker", lambda run: 1)
    with pytest.raises(Killed):
        sync(trained_run, "tensorboard", str(tmp_path / "board"), live=True)
    (record,) = msgspec.json.decode((folder(trained_run) / "tensorboard.json").read_bytes())
    # Looks at 0, 6, 12 and 18 s; at 18 s that of 6 s is old enough, and it read one line more than the first.
    assert record["position"] == sum(map(len, lines[: half + 1]))


def test_a_failed_tracker_starts_where_it_began(trained_run, wandb):
    with pytest.raises(ConnectionError):
        sync(trained_run, "wandb", "unreachable")
    assert sync(trained_run, "wandb", "digits") > 0


def test_a_run_is_followed_live_and_a_failing_tracker_is_told(make_run, settings, tmp_path, wandb):
    run = make_run(strategy={"epochs": 40, "max_steps": 240}, tensorboard=str(tmp_path / "board"), wandb="unreachable")
    code = "import sys; from pathlib import Path; from vislab.engine import worker; "
    code += "sys.exit(worker.main(Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    until = time.monotonic() + 60
    while not (points := written(tmp_path / "board" / run.id)) or {(s, n) for s, n, _ in points} != expected(run):
        assert time.monotonic() < until
        time.sleep(0.1)
    notices = [row.text for row in run.state().notices if row.topic == "tracker"]
    assert len(notices) == 1 and "wandb" in notices[0] and "vislab sync" in notices[0]
    assert "no such server" in (run.path / "trackers" / "wandb.log").read_text()


def test_a_package_that_is_not_there_leaves_the_run_alone(make_run, monkeypatch):
    run = make_run(wandb="digits")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    trackers = Trackers(run, run.spec())
    (said,) = trackers.failed()
    assert "wandb is not installed" in said and "vislab sync" in said


def test_the_lock_of_a_tracker_is_free_afterwards(trained_run, tmp_path):
    sync(trained_run, "tensorboard", str(tmp_path))
    lock = RunLock(folder(trained_run) / "tensorboard.lock")
    assert lock.acquire()
    lock.release()
