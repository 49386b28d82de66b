"""The process that trains: what it obeys, how it ends, what it says."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from vislab.engine import worker
from vislab.engine.data import stored
from vislab.engine.runs import checkpoints, control
from vislab.engine.runs.devices import Chosen, Device
from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.start import start, surroundings
from vislab.engine.training import checkpoint
from vislab.engine.training.controls import Controls
from vislab.engine.training.resumable import Resumable

STEPS = 6  # an epoch


def at_step(number):
    return lambda phase, step, epoch, done: phase == "training" and step == number


def wait(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)


def ended(run):
    state = run.state()
    assert state.ended is not None
    return state.ended


def test_a_real_worker_terminated_killed_and_resumed_ends_with_the_bits_of_an_undisturbed_one(
    make_run, train, settings, trained, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    strategy = {"epochs": 3000, "max_steps": 200, "ema": 0.9, "schedule": "cosine"}
    whole, run = (make_run(checkpoint_every=every, strategy=strategy) for every in ("auto", "3steps"))

    process = start(run, settings)
    wait(lambda: run.state().step >= 20)
    os.kill(process, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 143
    assert run.status() == "stopped"
    assert (ended(run).exit_code, ended(run).reason) == (143, "SIGTERM received")
    assert int(checkpoints.full(run.checkpoints)[0].name) == ended(run).step < 200

    process = start(run, settings)
    there = run.state().step
    wait(lambda: run.state().ended is None and run.state().step >= there + 20)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert run.status() == "died"
    assert run.state().step < 200

    process = start(run, settings)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, run.worker_log.read_text()
    assert len(run.state().resumes) == 2
    assert train(whole) == 0
    expected, found = trained(whole), trained(run)
    assert [name for name in expected if expected[name] != found[name]] == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGUSR1, 143), (signal.SIGINT, 130)],
    ids=lambda value: str(value),
)
def test_a_signal_saves_a_checkpoint_and_stops_the_run(make_run, train, watch, number, code):
    run = make_run()
    watch(lambda phase, step, epoch, done: os.kill(os.getpid(), number) if (phase, step) == ("training", 4) else None)
    before = signal.getsignal(number)
    assert train(run) == code
    assert signal.getsignal(number) is before
    assert (ended(run).status, ended(run).exit_code, ended(run).step, ended(run).epoch) == ("stopped", code, 4, 0)
    assert ended(run).reason == f"{number.name} received"
    assert [folder.name for folder in checkpoints.full(run.checkpoints)] == ["4"]
    assert run.worker() == 0


@pytest.mark.parametrize("phase", ["starting", "reading data", "building"])
def test_a_signal_before_the_training_is_obeyed_too(make_run, train, watch, phase):
    run = make_run()
    watch(lambda now, step, epoch, done: os.kill(os.getpid(), signal.SIGTERM) if now == phase else None)
    assert train(run) == 143
    assert (ended(run).status, ended(run).step) == ("stopped", 0)
    watch(lambda *position: None)
    assert train(run) == 0


def test_requests_made_to_an_earlier_worker_are_not_obeyed(make_run, train):
    run = make_run()
    control.send(run.control, "stop")
    assert train(run) == 0


@pytest.mark.parametrize("every", ["auto", "1steps"])
def test_a_run_whose_folder_is_gone_ends_and_does_not_come_back(make_run, train, watch, every, tmp_path):
    run = make_run(strategy={"epochs": 3000}, checkpoint_every=every)
    moved = tmp_path / "moved"  # at once, while a thread may be writing a checkpoint
    watch(lambda phase, step, epoch, done: run.path.rename(moved) if step == 8 and not moved.exists() else None)
    assert train(run) == worker.BAD_INPUT
    assert not run.path.exists()


def test_stop_after_epoch_ends_between_epochs(make_run, train, watch):
    run = make_run(strategy={"epochs": 3})
    watch(lambda phase, step, epoch, done: control.send(run.control, "stop_after_epoch") if step == 2 else None)
    assert train(run) == 130
    assert (ended(run).status, ended(run).step, ended(run).epoch) == ("stopped", STEPS, 1)
    assert len(run.state().epochs) == 1
    watch(lambda *position: None)
    assert train(run) == 0
    assert [row.epoch for row in run.state().epochs] == [1, 2, 3]


def test_a_run_that_goes_on_tells_its_device_when_that_is_another(make_run, train, interrupt, monkeypatch):
    run = make_run(strategy={"epochs": 3})

    def told():
        said = list(EventReader(run.events).events())
        return [event.details["uuid"] for event in said if isinstance(event, DecisionMade) and event.what == "device"]

    for step, card in enumerate(("", "GPU-1", "GPU-1", "GPU-2"), 2):
        chosen = Chosen(Device("cpu", 0, "made", card), "cpu", {}, "")
        monkeypatch.setattr(worker, "choose", lambda requested, chosen=chosen: chosen)
        assert interrupt(run, at_step(step)) == 130
    assert told() == ["", "GPU-1", "GPU-2"]
    assert [made.details["uuid"] for made in run.state().decisions if made.what == "device"] == ["GPU-2"]


def test_stop_after_the_last_epoch_is_an_end_like_any_other(make_run, train, watch):
    run = make_run(strategy={"epochs": 1})
    watch(lambda phase, step, epoch, done: control.send(run.control, "stop_after_epoch") if step == 2 else None)
    assert train(run) == 0
    assert (ended(run).status, ended(run).reason) == ("done", "")


def test_a_checkpoint_is_saved_on_request_before_the_next_update(make_run, train, watch):
    run = make_run(checkpoint_every="1000steps")
    request = []

    def ask(phase, step, epoch, done):
        if (phase, step) == ("training", 3):
            request.append(control.send(run.control, "checkpoint"))

    watch(ask)
    assert train(run) == 0
    state = run.state()
    assert [saved.step for saved in state.checkpoints if saved.kind == "full"] == [3, 2 * STEPS]
    assert [(done.request, done.action, done.step) for done in state.controls] == [(request[0].id, "checkpoint", 3)]


def test_a_checkpoint_that_cannot_be_saved_is_refused(make_run, train, watch):
    run = make_run(checkpoint_every="1000steps")
    refused = []

    def ask(phase, step, epoch, done):
        if (phase, step) == ("training", 3):
            refused.append(control.send(run.control, "checkpoint"))

    watch(ask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Resumable, "is_finite", lambda self: self.position.step != 3)
        assert train(run) == 0
    state = run.state()
    assert not state.controls and [saved.step for saved in state.checkpoints if saved.kind == "full"] == [2 * STEPS]
    (notice,) = [notice for notice in state.notices if notice.topic == "control"]
    assert refused[0].id in notice.text and "(checkpoint) is refused: its numbers are not finite" in notice.text


def test_a_checkpoint_asked_for_while_data_are_read_is_saved_before_the_first_update(make_run, train, watch):
    run = make_run(checkpoint_every="1000steps", strategy={"epochs": 1})

    def ask(phase, step, epoch, done):
        if phase == "reading data" and not run.control.exists():
            control.send(run.control, "checkpoint")

    watch(ask)
    assert train(run) == 0
    assert [saved.step for saved in run.state().checkpoints if saved.kind == "full"] == [0, STEPS]
    assert [(made.action, made.step) for made in run.state().controls] == [("checkpoint", 0)]


def test_a_run_that_rests_before_its_data_are_read_is_paused_and_cannot_be_saved(make_run, train, watch):
    run = make_run(strategy={"epochs": 1})
    seen = []

    def ask_and_go_on():
        wait(lambda: run.progress().phase == "paused")
        control.send(run.control, "checkpoint")
        wait(lambda: run.state().notices)
        seen.append((run.status(), run.state().notices[-1].text))
        control.send(run.control, "unpause")

    helper = threading.Thread(target=ask_and_go_on)

    def pause(phase, step, epoch, done):
        if phase == "starting" and not run.control.exists():
            control.send(run.control, "pause")
            helper.start()

    watch(pause)
    assert train(run) == 0
    helper.join()
    ((status, text),) = seen
    assert status == "paused" and "is refused: it rests where nothing can be saved" in text


def test_a_pause_is_left_out_of_the_time_of_work_and_shown(make_run, train, watch):
    run = make_run(strategy={"epochs": 1})
    seen = []

    def look_and_go_on():
        wait(lambda: run.progress().phase == "paused")
        seen.append((run.progress(), run.state().status))
        time.sleep(0.8)
        seen.append((run.progress(), run.state().status))
        control.send(run.control, "unpause")

    helper = threading.Thread(target=look_and_go_on)

    def pause(phase, step, epoch, done):
        if (phase, step) == ("training", 3):
            control.send(run.control, "pause")
            helper.start()

    watch(pause)
    began = time.monotonic()
    assert train(run) == 0
    took = time.monotonic() - began
    helper.join()
    assert 0 < ended(run).elapsed < took - 0.8
    assert all(row.elapsed < took - 0.8 for row in run.state().steps)
    (first, status), (second, _) = seen
    assert status == "paused"
    assert (first.step, first.epoch, first.done, first.total) == (3, 1, 3, STEPS)
    assert second.time > first.time, "the heartbeat stands still while paused"
    assert [request.action for request in run.state().controls] == ["pause", "unpause"]


@pytest.mark.parametrize("phase_of_pause", ["training", "validation"])
def test_a_paused_run_saves_on_request_and_with_a_new_learning_rate(make_run, train, watch, phase_of_pause):
    run = make_run(checkpoint_every="1000steps")
    seen = []

    def full():
        return [saved.step for saved in run.state().checkpoints if saved.kind == "full"]

    def ask_and_go_on():
        wait(lambda: run.progress().phase == "paused")
        control.send(run.control, "checkpoint")
        wait(full)
        seen.append((full(), run.progress().phase, run.progress().epoch))
        control.send(run.control, "set_learning_rate", "0.001")
        wait(lambda: len(full()) == 2)
        _, scalars = checkpoint.load(checkpoints.full(run.checkpoints)[0])
        seen.append(scalars["position"]["learning_rate"])
        control.send(run.control, "unpause")

    helper = threading.Thread(target=ask_and_go_on)

    def pause(phase, step, epoch, done):
        if phase == phase_of_pause and step >= 3 and not run.control.exists():
            control.send(run.control, "pause")
            helper.start()

    watch(pause)
    assert train(run) == 0
    helper.join()
    step = 3 if phase_of_pause == "training" else STEPS
    assert seen == [([step], "paused", 1), 0.001]
    assert full() == [step, step, 2 * STEPS]


def test_a_pause_while_data_are_read_counts_for_nothing(make_run, train, watch):
    run = make_run(strategy={"epochs": 1})

    def pause(phase, step, epoch, done):
        if phase == "reading data" and not run.control.exists():
            control.send(run.control, "pause")
            threading.Timer(0.6, control.send, (run.control, "unpause")).start()

    watch(pause)
    assert train(run) == 0
    assert all(row.elapsed > 0 and row.images_per_second > 0 for row in run.state().steps)
    assert all(earlier.elapsed < later.elapsed for earlier, later in pairwise(run.state().steps))


def test_a_paused_run_can_be_stopped(make_run, train, watch):
    run = make_run()

    def pause(phase, step, epoch, done):
        if (phase, step) == ("training", 2):
            control.send(run.control, "pause")
            threading.Timer(0.2, control.send, (run.control, "stop")).start()

    watch(pause)
    assert train(run) == 130
    assert ended(run).step == 2


def test_a_second_worker_is_refused(make_run, settings, monkeypatch, capsys):
    monkeypatch.setattr(worker, "_LOCK_PATIENCE", 0.1)
    run = make_run()
    hold = (
        "import sys; from pathlib import Path; from vislab.engine.runs.liveness import RunLock;"
        "lock = RunLock(Path(sys.argv[1])); print(lock.acquire(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(run.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "True\n"
        assert worker.main(run.path, settings=settings) == 2
        assert "has a worker already" in capsys.readouterr().err
        assert not run.events.exists()
        other.stdin.close()


def test_a_relative_run_directory_is_the_same_run(make_run, settings, monkeypatch):
    """References to the user's own files are looked up from other folders."""
    run = make_run(strategy={"epochs": 1})
    monkeypatch.chdir(run.path.parent)
    assert worker.main(Path(run.id), settings=settings) == 0


def test_the_input_at_fault_is_said_with_exit_code_2(make_run, train, capsys):
    run = make_run(dataset={"options": {"colour": 3}})
    assert train(run) == 2
    assert (ended(run).status, ended(run).exit_code) == ("failed", 2)
    assert "colour" in ended(run).reason
    assert "Traceback" not in capsys.readouterr().err


def test_a_damaged_spec_is_said(make_run, train):
    run = make_run()
    (run.path / "spec.toml").write_text("seed = 'none'")
    assert train(run) == 2
    assert "spec.toml" in ended(run).reason


def test_settings_files_that_were_broken_since_the_run_was_queued_are_told_and_stop_nothing(
    make_run, settings, monkeypatch, tmp_path
):
    run = make_run(strategy={"epochs": 1})
    for name, value in surroundings(settings).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "vislab.toml").write_text("data_dir = broken")
    monkeypatch.chdir(tmp_path)
    assert worker.main(run.path) == 0
    (told,) = (notice for notice in run.state().notices if notice.topic == "settings")
    assert str(tmp_path / "vislab.toml") in told.text and told.level == "warning"


def test_a_budget_that_is_no_amount_is_said(make_run, monkeypatch):
    run = make_run()
    monkeypatch.setenv("VISLAB_CACHE_BUDGET", "much")
    assert worker.main(run.path) == 2
    assert "VISLAB_CACHE_BUDGET = 'much'" in ended(run).reason


def test_a_fault_leaves_its_traceback_and_says_where_it_happened(make_run, train, mine, capsys):
    run = make_run(strategy={"loss": f"{mine}:raising_loss"})
    assert train(run) == 1
    assert (ended(run).status, ended(run).exit_code) == ("failed", 1)
    assert "Unexpected KeyError" in ended(run).reason and "mine.py, line " in ended(run).reason
    assert "Traceback" in capsys.readouterr().err
    assert run.status() == "failed"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail] can't allocate memory"),
    ],
    ids=["numpy", "cuda", "cpu"],
)
def test_full_memory_is_said_with_what_helps(make_run, train, monkeypatch, error):
    def full(*args, **keys):
        raise error

    monkeypatch.setattr(stored.Keeper, "keep", full)
    run = make_run(strategy={"batch_size": 8, "accumulate": 2})
    assert train(run) == 1
    assert "Out of memory" in ended(run).reason and "strategy.accumulate = 4" in ended(run).reason
    assert "strategy.batch_size = 8" in ended(run).reason


def test_a_card_that_others_had_filled_is_no_fault_of_the_batch(make_run, train, monkeypatch):
    def full(*args, **keys):
        raise RuntimeError("CUDA error: out of memory\nmore")

    card = Device("cuda", 0, "NVIDIA A", "GPU-a", 80 * 2**30, 2**30)
    monkeypatch.setattr(worker, "choose", lambda requested: Chosen(card, "cpu", {}, "the only GPU"))
    monkeypatch.setattr(worker, "settle_torch", lambda *args: None)
    monkeypatch.setattr(stored.Keeper, "keep", full)
    run = make_run()
    assert train(run) == 1
    assert "other processes had taken all but 1.1 GB of the 86 GB of NVIDIA A (GPU 0)" in ended(run).reason
    assert "nvidia-smi" in ended(run).reason and "(CUDA error: out of memory)" in ended(run).reason


def test_a_file_that_cannot_be_used_is_named(make_run, train, monkeypatch, capsys):
    def closed(*args, **keys):
        raise PermissionError(13, "Permission denied", "/closed")

    monkeypatch.setattr(stored.Keeper, "keep", closed)
    run = make_run()
    assert train(run) == 1
    assert ended(run).reason.startswith("/closed: Permission denied. Look at its owner")
    assert ended(run).reason.endswith("See worker.log.") and "Traceback" in capsys.readouterr().err


def test_a_disk_that_is_full_when_an_interrupted_run_is_saved_is_said(make_run, train, watch, monkeypatch):
    run = make_run()

    def fill(phase, step, epoch, done):
        if phase == "saving":
            monkeypatch.setattr(os, "fsync", full)
        if (phase, step) == ("training", 2):
            control.send(run.control, "stop")

    def full(file):
        monkeypatch.undo()
        raise OSError(28, "No space left on device")

    watch(fill)
    assert train(run) == 130
    assert ended(run).status == "stopped"
    texts = [notice.text for notice in run.state().notices]
    assert (
        "Nothing can be written: No space left on device" in texts[0] and "What was trained so far is lost" in texts[1]
    )


def test_the_copies_under_code_are_used_not_the_files_they_were_made_from(make_spec, settings, train, tmp_path, mine):
    from vislab.engine.runs import store

    theirs = tmp_path / "theirs.py"
    theirs.write_text(mine.read_text())
    own = f"{theirs}:"
    spec = make_spec(
        dataset={"source": own + "source"},
        architecture={"build": own + "build"},
        strategy={"epochs": 1, "loss": own + "nan_loss"},
    )
    run = store.create(settings.runs_dir, spec, code=[theirs])
    theirs.write_text("raise RuntimeError('this file was changed after the run began')")
    assert train(run) == 1
    assert "nan" in ended(run).reason


def test_a_worker_in_another_thread_leaves_the_signals_alone(make_run, train):
    run, codes = make_run(strategy={"epochs": 1}), []
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: codes.append(train(run)))
    thread.start()
    thread.join()
    assert codes == [0] and signal.getsignal(signal.SIGTERM) is before


def test_what_controls_took_out_of_durations_is_taken_once():
    controls = Controls.__new__(Controls)
    controls.paused_seconds = 2.5
    assert (controls.take_paused_seconds(), controls.take_paused_seconds()) == (2.5, 0.0)


@pytest.mark.parametrize("jump", [864_000.0, -864_000.0], ids=["forward", "back"])
def test_durations_do_not_mind_a_clock_that_jumps(make_run, train, monkeypatch, jump):
    run = make_run(strategy={"epochs": 3})
    real, calls = time.time, []

    def jumping():
        calls.append(1)
        return real() + (jump if len(calls) > 20 else 0.0)

    began = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", jumping)
        assert train(run) == 0
    worked = time.monotonic() - began
    state = run.state()
    stamps = [row.time for row in state.steps]
    assert max(stamps) - min(stamps) > 800_000, "the clock did jump in the middle of the training"
    seconds = [row.seconds for row in state.epochs]
    assert all(0 < each < worked for each in seconds) and sum(seconds) <= state.elapsed + 1e-6 <= worked
    assert run.status() == "done" and run.summary().elapsed == state.elapsed
