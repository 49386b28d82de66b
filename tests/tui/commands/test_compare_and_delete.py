"""`vislab compare`, `vislab delete`, and `vislab runs --filter`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from vislab.engine.runs.ask import JobProcess
from vislab.engine.runs.events import AnyEvent, RunEnded, encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui.cli import app

Make = Callable[..., Run]
Vislab = Callable[..., Result]


def no_images(jobs: JobProcess, job: str, request: Mapping[str, Any]) -> NoReturn:
    """What any job says of a made run, without its process."""
    raise InputError("the data set is not here")


@pytest.fixture
def vislab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vislab:
    for variable, folder in (("HOME", "home"), ("VISLAB_RUNS_DIR", "runs"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **words: CliRunner().invoke(app, arguments, **words)


@pytest.fixture
def make(tmp_path: Path, history: Callable[..., list[AnyEvent]]) -> Make:
    def made(name: str, answers: str = "", *, tags: tuple[str, ...] = (), seed: int = 0) -> Run:
        spec = msgspec.convert({"name": name, "seed": seed, "architecture": {"name": name}}, Spec)
        run = create(tmp_path / "runs", spec, labels=Labels(tags=tags))
        share = answers.count("1") / len(answers) if answers else 0.5
        ended = RunEnded(status="done", reason="", step=9, epoch=2, elapsed=6.0, exit_code=0)
        events = history([1.0, 0.5], val_accuracy=[share / 2, share], val_counts=(4, 3, 3), ended=ended)
        run.events.write_bytes(b"".join(map(encode, events)))
        if answers:
            rows = [f"{i},a,{'a' if right == '1' else 'b'},0.5" for i, right in enumerate(answers)]
            (run.path / "predictions.csv").write_text("\n".join(["name,label,predicted,confidence", *rows, ""]))
        return run

    return made


def test_a_comparison_on_paper(make: Make, vislab: Vislab) -> None:
    make("mlp", "1111111110"), make("cnn", "1110000000", seed=1)
    result = vislab("compare", "mlp", "cnn")
    assert result.exit_code == 0, result.output
    for part in (
        "validation accuracy",
        "★ 0.9000",
        "McNemar",
        "only ▪1 right 6, only ●2 right 0: p = 0.031",
        "F1 of class",
    ):
        assert part in result.stdout
    assert "\x1b" not in result.stdout


def test_a_comparison_as_json(make: Make, vislab: Vislab) -> None:
    a, b = make("mlp", "1111111110"), make("cnn", "1110000000", seed=1)
    told = json.loads(vislab("compare", b.id, a.id, "--json").stdout)
    assert [row["id"] for row in told["runs"]] == [b.id, a.id]
    assert told["runs"][1]["accuracy"] == 0.9 and told["runs"][1]["trained_parameters"] == 30_000
    assert {"key": "seed", "values": [1, 0]} in told["differences"]
    (test,) = told["tests"]
    assert (test["a"], test["b"], test["only_a"], test["only_b"], test["p"]) == (a.id, b.id, 6, 0, 2 / 64)
    assert all(found["run"] in (a.id, b.id) for found in told["findings"])
    make("cnn2", "1110000001", seed=1)
    (left_open,) = (
        found for found in json.loads(vislab("compare", b.id, "cnn2", "--json").stdout)["findings"] if not found["run"]
    )
    assert left_open["kind"] == "not_told_apart" and b.id in left_open["text"]
    c = make("new")
    assert "no predictions" in json.loads(vislab("compare", a.id, c.id, "--json").stdout)["tests"][0]["refused"]


def test_a_comparison_as_a_file(make: Make, vislab: Vislab, tmp_path: Path) -> None:
    make("mlp", "11"), make("cnn", "10")
    assert vislab("compare", "mlp", "cnn", "--markdown", "out.md").stdout == "out.md\n"
    assert "# Comparison of mlp, cnn" in (tmp_path / "out.md").read_text()
    result = vislab("compare", "mlp", "cnn", "--markdown", ".", "--json")
    assert result.exit_code == 2 and "Cannot write .: Is a directory" in result.stderr and not result.stdout


def test_a_comparison_for_a_spreadsheet_and_for_a_browser(
    make: Make, vislab: Vislab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobProcess, "ask", no_images)
    a, b = make("=1+1", "11"), make("cnn", "10", seed=1)
    assert vislab("compare", a.id, b.id, "--csv", "out.csv", "--html", "out.html").stdout == "out.csv\nout.html\n"
    heads, first, second = (line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines())
    row = dict(zip(heads, first, strict=True))
    assert (row["id"], row["name"], row["seed"], row["accuracy"]) == (a.id, "'=1+1", "0", "1.0")
    assert row["architecture.name"] == "'=1+1" and second[heads.index("architecture.name")] == "cnn"
    assert "On the same images" in (tmp_path / "out.html").read_text()
    for option in ("--csv", "--html"):
        result = vislab("compare", a.id, b.id, option, "out.csv/file")
        assert result.exit_code == 2 and "out.csv/file" in result.stderr


def test_seeds_are_one_row_of_a_comparison(make: Make, vislab: Vislab) -> None:
    runs = [make("mlp", "1111111110"), make("mlp", "1111111100", seed=1), make("cnn", "1110000000")]
    result = vislab("compare", *(run.id for run in runs))
    assert "★ 0.8500 ± 0.0707" in result.stdout and "▪1     1  done" in result.stdout
    told = json.loads(vislab("compare", *(run.id for run in runs), "--json").stdout)
    assert [len(group["runs"]) for group in told["groups"]] == [2, 1]
    assert told["groups"][0]["accuracy"]["mean"] == pytest.approx(0.85) and told["tests"][0]["seed"] == 0
    assert told["per_class"]["runs"] == [runs[0].id, runs[2].id], "those that its columns are of"
    alone = vislab("compare", *(run.id for run in runs[:2])).stdout
    assert "mean ± standard deviation: validation accuracy 0.8500 ± 0.0707 over 2 runs" in alone


@pytest.mark.parametrize("arguments", [("mlp",), ("mlp", "mlp"), ("mlp", "nobody")])
def test_a_comparison_needs_two_runs(make: Make, vislab: Vislab, arguments: tuple[str, ...]) -> None:
    make("mlp", "11")
    result = vislab("compare", *arguments)
    assert result.exit_code == 2 and result.stderr.startswith("error: ")


def test_a_file_that_cannot_be_used_is_named(make: Make, vislab: Vislab) -> None:
    run = make("mlp")
    run.events.unlink()
    run.events.mkdir()
    result = vislab("show", "mlp")
    assert result.exit_code == 1 and result.stderr.startswith(f"error: {run.events}: Is a directory. Look at its owner")


def test_deleting_asks_and_names_what_went(make: Make, vislab: Vislab, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = make("mlp"), make("cnn"), make("resnet")
    refused = vislab("delete", a.id)
    assert refused.exit_code == 2 and "--yes" in refused.stderr and a.path.exists()
    assert vislab("delete", a.id, "cnn", "--yes").stdout == f"{a.id}\n{b.id}\n"
    assert not a.path.exists() and not b.path.exists() and c.path.exists()
    lock = RunLock(c.lock)
    assert lock.acquire()
    live = vislab("delete", c.id, "--yes")
    lock.release()
    assert live.exit_code == 2 and "vislab stop" in live.stderr and c.path.exists()


def test_runs_are_filtered(make: Make, vislab: Vislab) -> None:
    a, b = make("mlp", "1111", tags=("keep",)), make("cnn", "1100", seed=7)
    found = json.loads(vislab("runs", "--filter", "val>0.8 tag:keep", "--json").stdout)
    assert [row["id"] for row in found] == [a.id]
    assert b.id in vislab("runs", "-f", "seed:7").stdout and a.id not in vislab("runs", "-f", "seed:7").stdout
    none = vislab("runs", "-f", "status:failed").stderr
    assert none.startswith("None of 2 runs fits 'status:failed'. A filter holds words, ")
    (b.path / "log.html").write_bytes(b"x" * 2_000_000)
    large = vislab("runs", "-f", "size>1.5MB").stdout
    assert b.id in large and a.id not in large
    wrong = vislab("runs", "-f", "sed:7")
    assert wrong.exit_code == 2 and "there is no sed" in wrong.stderr
    limited = vislab("runs", "-f", "status:done", "--limit", "1")
    assert b.id in limited.stdout and a.id not in limited.stdout and "1 older ones" in limited.stderr
