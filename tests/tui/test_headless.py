"""Following a run: what is said where, signals, exit codes. The worker is a fake one; the process is real."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from vislab.engine.runs.store import Run, find

DRIVER = Path(__file__).with_name("follow_fake.py")
RUN = ("run", "--preset", "digits-lenet5")

Vislab = Callable[..., "subprocess.Popen[str]"]


def latest(tmp_path: Path) -> Run:
    return find(tmp_path / "runs", "latest")


def wait_for_line(process: "subprocess.Popen[str]", begin: str) -> None:
    assert process.stderr is not None
    for _ in range(100):
        if process.stderr.readline().startswith(begin):
            return
    raise AssertionError(f"no line begins with {begin!r}")


def test_a_run_is_told_line_by_line_on_stderr_and_its_result_on_stdout(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, "--name", "mine", "--tag", "a", "--tag", "b", "--note", "why not", "--html", "log.html")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    run = latest(tmp_path)
    epochs = [line for line in err.splitlines() if line.startswith("epoch")]
    assert len(epochs) == 3 and epochs[2].startswith("epoch  3/3  train loss 0.3333 acc 0.8000")
    assert f"run {run.id}" in err
    assert "device: cpu (there is no GPU)" in err
    assert "warning: [red]watch␛[31m out" in err
    assert "\x1b" not in out + err
    assert "IMPORTED" not in err
    assert "validation accuracy 0.9000 [" in out and f"vislab show {run.id}" in out
    assert "epoch  1/3" not in out
    labels = run.labels()
    assert (labels.name, labels.tags, labels.note) == ("mine", ("a", "b"), "why not")
    assert run.spec().name == "mine"
    assert "<html" in (tmp_path / "log.html").read_text()


def test_quiet_prints_one_line(vislab: Vislab, tmp_path: Path) -> None:
    out, err = vislab(*RUN, "--quiet").communicate(timeout=30)
    assert err == ""
    assert out.count("\n") == 1 and out.startswith(latest(tmp_path).id) and "accuracy 0.9000" in out


def test_json_prints_the_report_alone_on_stdout(vislab: Vislab, tmp_path: Path) -> None:
    out, err = vislab(*RUN, "--json").communicate(timeout=30)
    told = json.loads(out)
    assert (told["id"], told["status"], len(told["epochs"])) == (latest(tmp_path).id, "done", 3)
    assert "epoch  3/3" in err


def test_a_worker_that_dies_is_told_with_the_end_of_its_log(vislab: Vislab, tmp_path: Path) -> None:
    began = time.monotonic()
    process = vislab(*RUN, "--html", "log.html", fake="die")
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert process.returncode == 1
    assert "The worker died in epoch 2, after step 5; last seen 20" in err
    assert "  fatal: cosmic ray" in err
    assert f"Go on with: vislab resume {latest(tmp_path).id}" in err
    assert "died after 1 of 3 epochs" in out
    assert (tmp_path / "log.html").exists()


def test_a_failed_run_ends_with_the_workers_code_and_reason(vislab: Vislab) -> None:
    process = vislab(*RUN, fake="fail")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "failed after 1 of 3 epochs" in out and "The loss is not finite." in out


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_what_the_worker_refuses_is_an_error_of_the_input(vislab: Vislab, option: str) -> None:
    process = vislab(*RUN, option, fake="refuse")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.endswith("error: Two files cannot be read:\n  a␛[0m.png\n  b.png\n")
    assert json.loads(out)["status"] == "failed" if option == "--json" else out == ""


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 130, "stopped on request"),
        (signal.SIGTERM, 143, "SIGTERM received"),
        (signal.SIGUSR1, 143, "SIGUSR1 received"),
    ],
)
def test_the_first_signal_stops_the_worker_after_its_step(
    vislab: Vislab, tmp_path: Path, number: signal.Signals, code: int, reason: str
) -> None:
    process = vislab(*RUN, fake="stop")
    wait_for_line(process, "epoch")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    run = latest(tmp_path)
    ended = run.state().ended
    assert ended is not None and (ended.status, ended.reason, ended.exit_code) == ("stopped", reason, code)
    assert "stopped after" in out and f"Go on with: vislab resume {run.id}" in err


def test_a_second_interrupt_kills_a_worker_that_does_not_obey(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, fake="deaf")
    wait_for_line(process, "epoch")
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "Stopping after this step")
    assert latest(tmp_path).worker()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped at once." in err and "cosmic" not in err
    assert latest(tmp_path).worker() == 0


def test_a_hangup_leaves_the_run_alone_and_stop_ends_it(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, fake="stop")
    wait_for_line(process, "epoch")
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 129 and out == "" and "Traceback" not in err
    run = latest(tmp_path)
    assert run.worker()
    out, _ = vislab("stop", run.id).communicate(timeout=30)
    assert out.startswith(f"{run.id}: stopped, ") and run.worker() == 0
    process = vislab("stop", run.id)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2 and err == f"error: Run {run.id} is not running: stopped.\n"


def test_a_reader_of_stderr_that_goes_leaves_the_run_alone(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, fake="stop")
    wait_for_line(process, "epoch")
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(timeout=30) == 129
    run = latest(tmp_path)
    assert run.worker()
    out, _ = vislab("stop", "latest", "--now").communicate(timeout=30)
    assert out.startswith(f"{run.id}: stopped at once, ") and run.status() == "stopped"


def test_a_full_disk_behind_stderr_costs_its_lines_alone(vislab: Vislab, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = vislab(*RUN, stderr=full)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and f"vislab show {latest(tmp_path).id}" in out


def test_resume_tells_only_what_is_new(vislab: Vislab, tmp_path: Path) -> None:
    vislab(*RUN, fake="die").communicate(timeout=30)
    process = vislab("resume", "latest")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert [line[:10] for line in err.splitlines() if line.startswith("epoch")] == [f"epoch  {n}/3" for n in (1, 2, 3)]
    process = vislab("resume", "latest")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2 and "is done. For more epochs" in err


def terminal(environment: dict[str, str], *arguments: str, columns: int, fake: str) -> "pexpect.spawn[str]":
    return pexpect.spawn(
        sys.executable,
        [str(DRIVER), *arguments],
        env=environment | {"VISLAB_FAKE": fake},
        dimensions=(24, columns),
        encoding="utf-8",
        timeout=30,
    )


@pytest.mark.parametrize("columns", [60, 110])
def test_a_terminal_shows_bars_and_a_table_that_grows(environment: dict[str, str], columns: int) -> None:
    shown = terminal(environment, *RUN, columns=columns, fake="done")
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.exitstatus == 0
    assert shown.before is not None
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.before)
    assert "IMPORTED" not in plain
    lines = [line.split("\r")[-1] for line in plain.replace("\r\n", "\n").split("\n")]
    header = next(i for i, line in enumerate(lines) if "train loss" in line and "│" in line)
    assert any("★ 1 │" in line for line in lines[header:])
    assert any(line.startswith("run   ") and "left" in line for line in lines)
    assert any(line.startswith("epoch ") and "1,234 img/s" in line for line in lines)
    assert "warning: [red]watch␛[31m out" in plain
    # What would end the run here is a sentence that the terminal wraps.
    assert all(len(line) <= columns for line in lines[: header + 5] if not line.startswith("notice: Inside"))
    assert shown.before.count("\x1b[?25l") == shown.before.count("\x1b[?25h") == 1, "the cursor comes back"


def test_ctrl_c_on_a_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    shown = terminal(environment, *RUN, columns=80, fake="stop")
    shown.expect("img/s")
    shown.sendintr()
    shown.expect("Stopping after this step")
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.exitstatus == 130
    assert latest(tmp_path).status() == "stopped"


def test_a_closed_terminal_leaves_the_run_alone(environment: dict[str, str], tmp_path: Path) -> None:
    shown = terminal(environment, *RUN, columns=80, fake="stop")
    shown.expect("img/s")
    shown.close(force=False)
    run = latest(tmp_path)
    assert run.worker()
    time.sleep(0.5)
    assert run.worker()
    os.kill(run.worker(), signal.SIGKILL)


def test_a_followed_log_ends_with_its_worker_or_by_a_signal(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab(*RUN, fake="stop")
    wait_for_line(process, "epoch")
    with latest(tmp_path).worker_log.open("a") as log:
        log.write("half a ")
        log.flush()
        followed = {number: vislab("log", "latest", "-f") for number in (signal.SIGINT, signal.SIGTERM)}
        to_the_end = vislab("log", "latest", "-f")
        log.write("line\n")
    for number, follower in followed.items():
        assert follower.stdout is not None and follower.stdout.readline() == "half a line\n"
        follower.send_signal(number)
        assert follower.wait(timeout=30) == 128 + number
    process.send_signal(signal.SIGTERM)
    assert to_the_end.communicate(timeout=30) == ("half a line\n", "")
    assert to_the_end.returncode == 0
