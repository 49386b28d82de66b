"""`vislab run` with the worker that trains: the whole road from a command to a result, and a stop and a resume."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from vislab.engine.runs.store import find

COMMAND = [sys.executable, "-c", "from vislab.tui.cli import main; main()"]
RUN = ("run", "--preset", "digits-lenet5", "--set", "strategy.limit=200", "--set", "device=cpu")
TIMEOUT = 120


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folders = {f"VISLAB_{name}_DIR": str(tmp_path / name.lower()) for name in ("RUNS", "DATA", "CACHE")}
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    return kept | folders | {"XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm-256color"}


@pytest.fixture
def vislab(environment: dict[str, str], tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    return lambda *arguments: subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )


def test_from_a_command_to_a_result_on_a_terminal(
    environment: dict[str, str], vislab: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    shown = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], *RUN, "--set", "strategy.epochs=2", "--html", "log.html"],
        env=environment,
        cwd=tmp_path,
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.before is not None
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.before)
    assert shown.exitstatus == 0, text
    run = find(tmp_path / "runs", "latest")
    assert "1,797 images" not in text and "10 classes" in text
    assert re.search(r"[★ ] 2 │ +\d\.\d{4}", text)
    assert "done after 2 of 2 epochs" in text and f"vislab show {run.id}" in text
    assert run.id in (tmp_path / "log.html").read_text()
    out, err = vislab("show", "latest", "--json").communicate(timeout=TIMEOUT)
    told = json.loads(out)
    assert (told["status"], len(told["epochs"]), err) == ("done", 2, "")
    assert told["epochs"][1]["val_accuracy"] is not None and told["checkpoints"] and told["decisions"]


def test_interrupted_resumed_and_stopped(vislab: Callable[..., "subprocess.Popen[str]"], tmp_path: Path) -> None:
    process = vislab(*RUN, "--set", "strategy.epochs=2000", "--plain")
    assert process.stderr is not None
    until(process, "epoch ")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, err
    run = find(tmp_path / "runs", "latest")
    stopped_at = run.state().step
    assert run.status() == "stopped" and stopped_at > 0

    process = vislab("resume", "latest")
    until(process, f"resumed after step {stopped_at} from checkpoint")
    until(process, "epoch ")
    out, _ = vislab("stop", "latest").communicate(timeout=TIMEOUT)
    assert out.startswith(f"{run.id}: stopped, ")
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert run.state().step > stopped_at and len(run.state().resumes) == 1


def until(process: "subprocess.Popen[str]", begin: str) -> None:
    assert process.stderr is not None
    read = []
    while line := process.stderr.readline():
        read.append(line)
        if line.startswith(begin):
            return
    raise AssertionError(f"no line begins with {begin!r}: {''.join(read)}")
