"""Starting, following again and controlling runs that go on by themselves. The worker is a fake one."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pexpect
import pytest

from vislab.engine.runs.progress import Progress
from vislab.engine.runs.store import Run, find
from vislab.presets.errors import InputError
from vislab.tui import headless
from vislab.tui.commands.set import learning_rate
from vislab.tui.headless import ask_to_stop, forward
from vislab.tui.requests import NoRoom, send
from vislab.tui.waiting import worst

RUN = ("run", "--preset", "digits-lenet5")

Vislab = Callable[..., "subprocess.Popen[str]"]


def done(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.fixture
def live(vislab: Vislab, tmp_path: Path) -> Run:
    """A run with a worker that nobody follows."""
    code, out, err = done(vislab(*RUN, "--detach", "--quiet", fake="stop"))
    assert (code, err) == (0, "")
    return Run(tmp_path / "runs" / out.strip())


def test_detach_prints_the_id_and_leaves_the_run(vislab: Vislab, live: Run) -> None:
    assert live.worker() and os.getsid(live.worker()) == live.worker()
    code, out, _ = done(vislab(*RUN, "--detach", "--json", fake="stop"))
    told = json.loads(out)
    assert code == 0 and Run(Path(told["run_dir"])).worker() == told["worker"] and told["id"] != live.id
    for other in (("--foreground",), ("--html", "x.html")):
        code, _, err = done(vislab(*RUN, "--detach", *other))
        assert code == 2 and "exclude each other" in err


def test_foreground_keeps_the_worker_in_this_session_and_ends_with_its_code(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, "--foreground", "--plain", fake="stop", SLURM_JOB_ID="7")
    first = read_until(process, "epoch")
    assert "notice:" not in first, "there is nothing to warn of"
    run = find(tmp_path / "runs", "latest")
    assert os.getsid(run.worker()) == os.getsid(process.pid) and os.getpgid(run.worker()) == os.getpgid(process.pid)
    process.send_signal(signal.SIGTERM)
    code, _, _ = done(process)
    ended = run.state().ended
    assert code == 143 and ended is not None and ended.reason == "SIGTERM received"
    assert done(vislab(*RUN, "--foreground", fake="fail"))[0] == 1


def test_what_ends_a_detached_run_all_the_same_is_said(vislab: Vislab) -> None:
    _, _, err = done(vislab(*RUN, "--detach", fake="done", SLURM_JOB_ID="4711"))
    assert err.startswith("notice: Inside Slurm allocation 4711: ")


def test_a_named_run_is_begun_gone_on_with_and_reported(vislab: Vislab, tmp_path: Path) -> None:
    named = (*RUN, "--id", "nightly")
    code, _, err = done(vislab(*named, fake="die"))
    assert code == 1 and "run nightly" in err
    code, out, err = done(vislab(*named))
    assert code == 0 and "done after 3 of 3 epochs" in out, err
    code, again, err = done(vislab(*named, "--name", "other words"))
    assert (code, again, err) == (0, out, "")
    assert json.loads(done(vislab(*named, "--json"))[1])["id"] == "nightly"
    code, out, err = done(vislab(*named, "--set", "strategy.epochs=77", "--checkpoint-every", "20steps"))
    assert code == 2 and out == ""
    assert "strategy.epochs: 20 there, 77 asked for" in err and "checkpoint_every: auto there, 20steps" in err
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["nightly"]


def test_a_named_run_that_trains_is_not_trained_twice(vislab: Vislab) -> None:
    named = (*RUN, "--id", "one")
    assert done(vislab(*named, "--detach", fake="stop"))[0] == 0
    # The real start, which the driver replaces, refuses it: see tests/engine/runs/test_start.py.
    assert done(vislab("show", "one"))[0] == 0
    code, _, err = done(vislab(*RUN, "--id", "../one"))
    assert code == 2 and "cannot be a run's id" in err


def test_options_that_are_settings(vislab: Vislab, tmp_path: Path) -> None:
    assert done(vislab(*RUN, "--checkpoint-every", "5min", "--skip-unreadable", "--quiet"))[0] == 0
    spec = find(tmp_path / "runs", "latest").spec()
    assert (spec.checkpoint_every, spec.dataset.skip_unreadable) == ("5min", True)
    code, _, err = done(vislab(*RUN, "--checkpoint-every", "often"))
    assert code == 2 and "checkpoint_every" in err


def test_a_finished_run_is_made_longer(vislab: Vislab) -> None:
    done(vislab(*RUN, "--id", "short", "--quiet"))
    code, out, err = done(vislab("resume", "short", "--epochs", "50", "--schedule", "stretch", "--force"))
    assert (
        code == 0
        and "'epochs': 50, 'schedule': 'stretch', 'accumulate': 0, 'force': True" in err
        and "done after" in out
    )
    code, out, _ = done(vislab("resume", "short", "--epochs", "50", "--detach"))
    assert (code, out) == (0, "short\n")
    assert done(vislab("resume", "short", "--epochs", "50", "--schedule", "cosine"))[0] == 2


def test_attach_tells_what_was_and_what_comes(vislab: Vislab, live: Run) -> None:
    while len(live.state().epochs) < 3:
        time.sleep(0.02)
    process = vislab("attach", "--plain")
    text = read_until(process, f"epoch {len(live.state().epochs) + 2:>3}/999")
    assert f"run {live.id}" in text and "2 classes" in text and "warning: [red]watch␛[31m out" in text
    assert [line for line in text.splitlines() if line.startswith("epoch   1/999")]
    done(vislab("stop", live.id))
    code, out, _ = done(process)
    assert code == 130 and "stopped after" in out
    code, _, err = done(vislab("attach", live.id))
    assert code == 2 and "is not running: stopped" in err
    code, _, err = done(vislab("attach"))
    assert code == 2 and err.startswith("error: No run is running in")


def test_ctrl_c_in_attach_leaves_the_run_alone(vislab: Vislab, live: Run) -> None:
    process = vislab("attach", live.id[:18], "--plain")
    read_until(process, "epoch")
    process.send_signal(signal.SIGINT)
    code, out, err = done(process)
    assert (code, out) == (0, "") and f"Left {live.id} alone" in err
    assert live.worker() and not live.state().controls


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_attach_is_forwarded(vislab: Vislab, live: Run, number: signal.Signals) -> None:
    process = vislab("attach", "--plain")
    read_until(process, "epoch")
    process.send_signal(number)
    assert done(process)[0] == 143
    ended = live.state().ended
    assert ended is not None and ended.reason == f"{number.name} received"


def test_a_hangup_in_attach_leaves_the_run_alone(vislab: Vislab, live: Run) -> None:
    process = vislab("attach", "--plain")
    read_until(process, "epoch")
    process.send_signal(signal.SIGHUP)
    assert done(process)[0] == 129 and live.worker()


def test_a_killed_follower_leaves_the_run_alone(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, "--plain", fake="stop")
    read_until(process, "epoch")
    process.kill()
    process.wait()
    assert find(tmp_path / "runs", "latest").worker()


def test_a_worker_that_dies_is_told_by_every_view_within_5_seconds(vislab: Vislab, live: Run, tmp_path: Path) -> None:
    attached, waiting = vislab("attach", "--plain"), vislab("wait", live.id)
    read_until(attached, "epoch")
    with live.worker_log.open("a") as log:
        log.write("CUDA error: \x1b[31man illegal <memory> access\n")
    os.kill(live.worker(), signal.SIGKILL)
    died = time.monotonic()
    said = "  CUDA error: an illegal <memory> access"
    for process in (attached, waiting):
        code, out, err = done(process)
        assert code == 1 and "died after" in out
        assert "The worker died in epoch" in err and "last seen 20" in err and said in err
    assert time.monotonic() - died < 5
    code, page, _ = done(vislab("show", "latest"))
    assert code == 0 and "✖ died" in page and "last seen 20" in page and said in page
    code, table, err = done(vislab("runs"))
    assert code == 0 and "died" in table and "last seen 20" in err and said.strip() in err
    told = json.loads(done(vislab("show", "latest", "--json"))[1])["died"]
    assert told["last_seen"] > 1e9 and "CUDA error" in told["log"][-1]
    done(vislab("export", "latest", "--html", "x.html"))
    page = (tmp_path / "x.html").read_text()
    assert "died in epoch" in page and "an illegal &lt;memory&gt; access" in page
    assert time.monotonic() - died < 15  # six commands, one after the other


def test_a_live_run_is_paused_saved_changed_and_goes_on(vislab: Vislab, live: Run) -> None:
    code, out, _ = done(vislab("pause", live.id))
    assert code == 0 and out.startswith(f"{live.id}: paused after step ")
    code, out, _ = done(vislab("unpause", "latest"))
    assert code == 0 and out.startswith(f"{live.id}: goes on after step ")
    code, out, err = done(vislab("checkpoint", "latest"))
    assert code == 0 and out.startswith(f"{live.path}/checkpoints/") and "saved after step" in err
    code, out, _ = done(vislab("set", "latest", "strategy.learning_rate=3e-4"))
    assert code == 0 and out.startswith(f"{live.id}: strategy.learning_rate = 0.0003 after step ")
    controls = [(applied.action, applied.value) for applied in live.state().controls]
    assert controls == [("pause", ""), ("unpause", ""), ("checkpoint", ""), ("set_learning_rate", "0.0003")]
    done(vislab("stop", "latest"))
    for command in (("pause",), ("unpause",), ("checkpoint",)):
        code, out, err = done(vislab(*command, live.id))
        assert (code, out, err) == (2, "", f"error: Run {live.id} is not running: stopped.\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("strategy.batch_size=5", "strategy.batch_size cannot be changed in a live run; strategy.learning_rate can"),
        ("strategy.learning_rate", "give KEY=VALUE"),
        ("strategy.learning_rate=fast", "must be a number above 0"),
        ("strategy.learning_rate=-1", "must be a number above 0"),
        ("strategy.learning_rate=nan", "must be a number above 0"),
        ("strategy.learning_rate=inf", "must be a number above 0"),
    ],
)
def test_set_refuses_what_cannot_be_changed(change: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        learning_rate(change)
    assert said in str(refused.value)


def test_wait_ends_with_the_worst_exit_code(vislab: Vislab, live: Run, tmp_path: Path) -> None:
    ids = [live.id]
    for fake in ("done", "fail"):
        done(vislab(*RUN, "--quiet", fake=fake))
        ids.append(find(tmp_path / "runs", "latest").id)
    code, out, _ = done(vislab("wait", ids[1]))
    assert code == 0 and out.startswith(f"{ids[1]}: done after 3 of 3 epochs")
    both = vislab("wait", *ids[:2])
    all_three = vislab("wait", *ids)
    assert both.stdout is not None and both.stdout.readline().startswith(ids[1])
    assert both.poll() is None
    done(vislab("stop", live.id))
    assert done(both)[0] == 130 and done(all_three)[0] == 1
    assert (worst([0, 130]), worst([130, 143, 0]), worst([143, 2]), worst([2, 1, 0])) == (130, 143, 2, 1)


def test_stop_takes_a_waiting_run_out_of_the_queue(vislab: Vislab, tmp_path: Path) -> None:
    done(vislab(*RUN, "--quiet"))
    run = find(tmp_path / "runs", "latest")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from vislab.engine.runs.liveness import RunLock;"
            "RunLock(Path(sys.argv[1])).acquire(); print(flush=True); time.sleep(60)",
            str(run.waiting_lock),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline()
        assert run.status() == "queued"
        code, _, err = done(vislab("pause", run.id))
        assert code == 2 and "is not running: queued" in err
        code, out, _ = done(vislab("stop", run.id))
        assert code == 0 and "taken out of the queue" in out
        assert holder.wait(timeout=30) == -signal.SIGTERM and run.waiter() == 0
    finally:
        holder.kill()


def test_attach_on_a_terminal_without_input_shows_bars(environment: dict[str, str], live: Run) -> None:
    driver = Path(__file__).with_name("follow_fake.py")
    shown = pexpect.spawn(
        "sh",
        ["-c", f"exec {sys.executable} {driver} attach < /dev/null"],
        env=environment,
        dimensions=(24, 100),
        encoding="utf-8",
        timeout=30,
    )
    shown.expect("train loss")
    shown.expect("img/s")
    shown.sendintr()
    shown.expect("alone: it goes on")
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.exitstatus == 0 and live.worker()


def read_until(process: "subprocess.Popen[str]", begin: str) -> str:
    """What was said on stderr up to the first line that begins so, with it."""
    assert process.stderr is not None
    read = ""
    while line := process.stderr.readline():
        read += line
        if line.startswith(begin):
            return read
    raise AssertionError(f"no line begins with {begin!r}: {read}")


@pytest.mark.parametrize("beats", [True, False], ids=["a heartbeat", "before the first heartbeat"])
@pytest.mark.parametrize(
    ("worker", "error", "words"),
    [
        (-1, None, "in another container, where no signal reaches it"),
        (4711, PermissionError(), r"\(4711\) belongs to another user"),
        (4711, ProcessLookupError(), ""),
    ],
)
def test_a_worker_that_cannot_be_asked_to_stop_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: int, error: OSError | None, words: str, beats: bool
) -> None:
    def kill(process: int, number: int) -> None:
        assert process == 4711 and error is not None
        raise error

    run = Run(tmp_path / "closed")
    position = Progress(time=time.time(), pid=4711, host="", phase="training") if beats else None
    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(Run, "worker", lambda run: worker)
    monkeypatch.setattr(Run, "progress", lambda run: position)
    for ask in (ask_to_stop, lambda run: forward(run, signal.SIGTERM)):
        with pytest.raises(InputError, match=words) if words else contextlib.nullcontext():
            ask(run)


def test_a_run_on_a_full_disk_is_not_asked_to_stop_by_a_signal_that_would_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals, run = [], Run(tmp_path / "full")

    def full(path: Path, action: str, value: str = "") -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("vislab.engine.runs.control.send", full)
    monkeypatch.setattr(Run, "worker", lambda run: 4711)
    monkeypatch.setattr(os, "kill", lambda process, number: signals.append(number))
    waiting = Progress(time=time.time(), pid=4711, host=socket.gethostname(), phase="full disk")
    for heartbeat, is_full in ((waiting, False), (None, True)):
        monkeypatch.setattr(Run, "progress", lambda run, heartbeat=heartbeat: heartbeat)
        run.path.mkdir(exist_ok=True)
        monkeypatch.setattr("vislab.tui.requests.is_full", lambda folder, is_full=is_full: is_full)
        with pytest.raises(InputError, match=r"the disk of .* is full\. .*vislab stop full --now"):
            ask_to_stop(run)
    assert not signals
    ask_to_stop(run, unsaved=True)
    assert signals == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("answers", "said", "killed"),
    [
        (["ok", "never asked"], ["Stopping after this step", "Stopped at once."], 1),
        (["full", "ok"], ["no room. Ctrl+C again does so.", "Stopping after this step"], 0),  # room was made meanwhile
        (["full", "full"], ["no room. Ctrl+C again does so.", "Stopped at once."], 1),
        (["elsewhere", "elsewhere"], ["stop it there.", "stop it there."], 0),
        (["full", "ok", "never asked"], ["no room", "Stopping after this step", "Stopped at once."], 1),
    ],
)
def test_what_ctrl_c_does_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], said: list[str], killed: int
) -> None:
    faults = {"full": NoRoom("no room."), "elsewhere": InputError("stop it there.")}
    kills, words, left = list[Run](), list[str](), list(answers)

    def ask(run: Run) -> None:
        if fault := faults.get(left.pop(0)):
            raise fault

    monkeypatch.setattr(headless, "ask_to_stop", ask)
    monkeypatch.setattr(headless, "kill", kills.append)
    stopping: headless._Stopping = ""
    for _ in answers:
        watcher = SimpleNamespace(say=words.append)
        stopping = headless._interrupt(Run(tmp_path / "run"), watcher, stopping, 1)  # type: ignore[arg-type]
    assert len(kills) == killed and all(map(str.startswith, words, said)) and len(words) == len(said)
    headless._interrupt(Run(tmp_path / "run"), watcher, "", 2)  # type: ignore[arg-type]
    assert len(kills) == killed + 1, "pressed twice in a moment: at once"


def test_requests_to_the_run_of_another_user_are_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, action: str, value: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("vislab.engine.runs.control.send", refuse)
    with pytest.raises(InputError, match=r"control\.jsonl: the run belongs to another user"):
        send(Run(tmp_path / "theirs"), "pause")
