"""Commands that the console gives for its user."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vislab.presets.errors import InputError
from vislab.presets.layers import COMMAND_LINE
from vislab.presets.settings import Settings
from vislab.tui.own_command import run_command


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def test_what_a_command_refuses_is_told_in_its_words(settings: Settings) -> None:
    with pytest.raises(InputError, match=r"^There are no runs in .*Start one with: vislab run --preset digits-lenet5$"):
        run_command(["export", "--html", "log.html", "--", "nothing"], settings)


def test_only_a_folder_of_the_command_line_is_given_on_the_command_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[list[str], str]] = []

    def run(words: list[str], *, env: dict[str, str], **how: object) -> subprocess.CompletedProcess[str]:
        given.append((words[words.index("vislab.tui.start") + 1 :], env["VISLAB_RUNS_DIR"]))
        return subprocess.CompletedProcess(words, 0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    folder = str(settings.runs_dir)
    run_command(["compare", "--csv", "f"], replace(settings, origins={}))
    run_command(["compare", "--csv", "f"], replace(settings, origins={"runs_dir": COMMAND_LINE}))
    assert given == [
        (["compare", "--csv", "f"], folder),
        (["compare", "--runs-dir", folder, "--csv", "f"], folder),
    ]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; print('noise', file=sys.stderr); sys.exit('error: the disk\\nis full')", "the disk is full"),
        ("raise ValueError('odd')", "ValueError: odd"),
        ("import os; os._exit(3)", "vislab export failed with exit code 3."),
        (f"import os; os.kill(os.getpid(), {signal.SIGKILL:d})", "vislab export was ended by signal 9: Killed."),
    ],
)
def test_however_a_command_fails_there_is_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, why: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "$CODE"\n')
    python.chmod(0o755)
    monkeypatch.setitem(os.environ, "CODE", code)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(InputError) as told:
        run_command(["export"], settings)
    assert str(told.value) == why
