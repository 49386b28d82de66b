"""`vislab prune`: what it lists, asks and deletes."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vislab.engine.runs.events import AnyEvent, RunEnded
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run, create
from vislab.presets.library import resolve
from vislab.tui.cli import app

ENDED = RunEnded(status="done", reason="", step=10, epoch=1, elapsed=1.0, exit_code=0)


@pytest.fixture
def vislab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("VISLAB_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ("prune", *arguments), catch_exceptions=False)


@pytest.fixture
def runs(tmp_path: Path, vislab: Callable[..., Result], history: Callable[..., list[AnyEvent]]) -> dict[str, Run]:
    """Three runs: an old good one, an old bad one, a new bad one."""
    made = {}
    for name, accuracy, days in (("best", 0.9, 40), ("old", 0.5, 40), ("new", 0.6, 1)):
        run = create(tmp_path / "runs", resolve(recipe="digits-lenet5"), identity=name)
        writer = EventWriter(run.events)
        for event in history([1.0], None, [1.1], [accuracy], ended=ENDED):
            writer.append(event)
        writer.close()
        (run.checkpoints / "weights").write_bytes(bytes(2_000_000))
        moment = time.time() - days * 86400
        for file in (run.events, run.path / "spec.toml"):
            os.utime(file, (moment, moment))
        made[name] = run
    return made


def left(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "runs").iterdir()}


@pytest.mark.parametrize(
    ("arguments", "going"),
    [
        (("--older", "30d"), {"best", "old"}),
        (("--not-best",), {"old", "new"}),
        (("--older", "30d", "--not-best"), {"old"}),
        (("--older", "100d"), set()),
    ],
)
def test_a_dry_run_lists_sizes_and_deletes_nothing(
    vislab: Callable[..., Result],
    runs: dict[str, Run],
    tmp_path: Path,
    arguments: tuple[str, ...],
    going: set[str],
) -> None:
    result = vislab(*arguments, "--dry-run")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and {line.split()[0] for line in lines[1:-1]} == going
    assert all(line.endswith("2.0 MB") for line in lines[1:-1])
    total = {0: "0 B", 1: "2.0 MB", 2: "4.0 MB"}[len(going)]
    counted = "1 run" if len(going) == 1 else f"{len(going)} runs"
    assert lines[-1] == f"{counted} would be deleted, {total}"
    told = json.loads(vislab(*arguments, "--dry-run", "--json").stdout)
    assert {row["id"] for row in told} == going and all(row["size"] > 2_000_000 for row in told)
    assert left(tmp_path) == {"best", "old", "new"}


def test_it_deletes_only_when_it_was_told_so(
    vislab: Callable[..., Result], runs: dict[str, Run], tmp_path: Path
) -> None:
    assert vislab("--not-best").exit_code == 2 and left(tmp_path) == {"best", "old", "new"}
    result = vislab("--older", "30d", "--not-best", "--yes")
    assert result.exit_code == 0 and result.stdout == "1 run deleted, 2.0 MB\n"
    assert left(tmp_path) == {"best", "new"}


def test_mistakes(vislab: Callable[..., Result], runs: dict[str, Run]) -> None:
    for arguments, said in (((), "say which runs can go"), (("--older", "soon"), "such as 30d")):
        result = vislab(*arguments)
        assert result.exit_code == 2 and said in result.stderr
