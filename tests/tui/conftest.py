"""The `vislab` command as a process of its own, with a fake worker behind it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vislab.engine.runs.store import Run

DRIVER = Path(__file__).with_name("follow_fake.py")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables of a person whose folders are all below tmp_path."""
    folders = {f"VISLAB_{name}_DIR": str(tmp_path / name.lower()) for name in ("RUNS", "DATA", "CACHE")}
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "SLURM_JOB_ID")}
    return kept | folders | {"HOME": str(tmp_path), "TERM": "xterm-256color", "VISLAB_FAKE": "done"}


@pytest.fixture
def vislab(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the command; ends every worker that is left over."""

    def start(*arguments: str, fake: str = "done", **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(DRIVER), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment | {"VISLAB_FAKE": fake} | variables,
        )

    yield start
    for folder in (tmp_path / "runs").glob("*"):
        if worker := Run(folder).worker():
            os.kill(worker, signal.SIGKILL)
