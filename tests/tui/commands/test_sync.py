"""`vislab sync`: what it says, and its exit codes."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]


def test_a_run_goes_to_tensorboard_once(command: Command, tmp_path: Path) -> None:
    first = command("sync", "latest", "--tensorboard", str(tmp_path / "board"))
    assert first.exit_code == 0 and first.stdout.startswith("tensorboard: ")
    assert f"events to {tmp_path / 'board'}" in first.stdout
    assert list((tmp_path / "board").rglob("events*"))
    again = command("sync", "latest", "--tensorboard", str(tmp_path / "x" / ".." / "board"))
    assert again.exit_code == 0 and "has everything already" in again.stdout


def test_a_run_without_a_tracker_says_which_there_are(command: Command) -> None:
    result = command("sync", "latest")
    assert result.exit_code == 2 and "--tensorboard DIR or --wandb PROJECT" in result.stderr


def test_a_place_that_cannot_be_written_is_a_failure_in_a_sentence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = command("sync", "latest", "--tensorboard", str(tmp_path / "file"))
    assert result.exit_code == 1 and str(tmp_path / "file") in result.stderr and "Traceback" not in result.stderr


def test_a_missing_package_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "wandb" else find(name))
    for arguments in (["sync", "latest"], ["run", "--preset", "digits-lenet5"]):
        result = command(*arguments, "--wandb", "digits")
        assert result.exit_code == 2 and "--extra wandb" in result.stderr
