"""`vislab study`: its runs one after another, with fake workers."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from vislab.engine.runs.store import Run, all_runs
from vislab.presets.settings import Settings
from vislab.tui import headless
from vislab.tui.cli import app
from vislab.tui.study import Asked

Vislab = Callable[..., "subprocess.Popen[str]"]
Command = Callable[..., Result]
WORKER = Path(__file__).with_name("fake_worker.py")
EVIL = "<b>[red]evil"


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The `vislab` command in this process, a fake worker behind it: `fake` says how that ends."""

    def start(run: Run, settings: Settings, **words: Any) -> int:
        process = subprocess.Popen([sys.executable, str(WORKER), str(run.path)])
        while run.worker() == 0 and process.poll() is None:
            time.sleep(0.01)
        return process.pid

    def invoke(*arguments: str, fake: str = "done") -> Result:
        monkeypatch.setenv("VISLAB_FAKE", fake)
        return CliRunner().invoke(app, arguments)

    for name in ("HOME", "VISLAB_RUNS_DIR", "VISLAB_DATA_DIR", "VISLAB_CACHE_DIR"):
        monkeypatch.setenv(name, environment[name])
    monkeypatch.setattr(headless, "start", start)
    monkeypatch.setattr(headless, "EVERY", 0.02)
    monkeypatch.chdir(tmp_path)
    return invoke


@pytest.fixture(autouse=True)
def two(tmp_path: Path) -> None:
    """A project with a study of two recipes, and one whose name and words mean no good."""
    folder = tmp_path / "vislab-presets" / "studies"
    folder.mkdir(parents=True)
    (tmp_path / "vislab.toml").touch()
    recipes = 'recipes = ["digits-lenet5", "digits-mlp"]'
    (folder / "two.toml").write_text(f'question = "Which?"\n{recipes}\n')
    (folder / f"{EVIL}.toml").write_text(f'question = "<script>x</script> [bold] \\u001b[31m"\n{recipes}\n')
    (folder / "none.toml").write_text('help = "empty"\n')


def runs(tmp_path: Path) -> list[Run]:
    return sorted(all_runs(tmp_path / "runs"), key=lambda run: run.id)


def test_runs_are_trained_in_turn_compared_and_not_repeated(command: Command, tmp_path: Path) -> None:
    result = command("study", "two", "--set", "strategy.epochs=3", "--html", "s.html", "--csv", "s.csv")
    out, err = result.stdout, result.stderr
    assert result.exit_code == 0, err
    first, second = runs(tmp_path)
    assert first.id.startswith("digits-lenet5.s0.") and second.id.startswith("digits-mlp.s0.")
    assert err.index("1 of 2: digits-lenet5, seed 0: begins") < err.index("2 of 2: digits-mlp, seed 0: begins")
    assert "\x1b" not in out + err
    assert "0.9000 [" in out and "What differs" not in out and "what differs" in out
    assert "Which?" in (tmp_path / "s.html").read_text()
    assert [line.split(",")[0] for line in (tmp_path / "s.csv").read_text().splitlines()] == ["id", first.id, second.id]
    before = [run.events.read_bytes() for run in (first, second)]
    result = command("study", "two", "--set", "strategy.epochs=3", "--json")
    told = json.loads(result.stdout)
    assert [row["id"] for row in told["runs"]] == [first.id, second.id] and result.stderr.count("done before") == 2
    assert f"done before; to train it anew, on changed images too: vislab delete {first.id}\n" in result.stderr
    assert [run.events.read_bytes() for run in (first, second)] == before
    assert json.loads(command("compare", "--study", "two", "--json").stdout) == told


def test_a_failed_run_does_not_stop_the_others_and_is_tried_again(command: Command, tmp_path: Path) -> None:
    result = command("study", "two", "--quiet", fake="fail")
    assert result.exit_code == 1 and result.stderr.count("The loss is not finite.") == 2
    assert [run.status() for run in runs(tmp_path)] == ["failed", "failed"] and result.stdout.count("failed") == 2
    result = command("study", "two")
    assert result.exit_code == 0 and "1 of 2: digits-lenet5, seed 0: goes on" in result.stderr
    assert [run.status() for run in runs(tmp_path)] == ["done", "done"]


def test_ctrl_c_stops_the_run_and_the_study_and_says_how_to_go_on(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab("study", "two", "--set", "seed=3", "--seeds", "2", fake="stop")
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("epoch"):
        assert line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "IMPORTED" not in err
    assert "Go on with: vislab study two --set seed=3 --seeds 2" in err
    statuses = {run.id.rpartition(".")[0]: run.status() for run in runs(tmp_path)}
    assert statuses == {
        "digits-lenet5.s3": "stopped",
        "digits-lenet5.s4": "new",
        "digits-mlp.s3": "new",
        "digits-mlp.s4": "new",
    }


def test_the_folder_of_the_runs_is_named_in_what_is_told_to_do_next(command: Command, tmp_path: Path) -> None:
    elsewhere = ("--runs-dir", "else where")
    given = f"--runs-dir '{tmp_path / 'else where'}'"
    assert command("study", "two", "--quiet", "--html", "s.html", "--markdown", "s.md", *elsewhere).exit_code == 0
    for line in (f"vislab study two {given}", f"vislab compare --study two {given}"):
        assert line in (tmp_path / "s.md").read_text() and escape(line) in (tmp_path / "s.html").read_text()
    ids = [run.id for run in all_runs(tmp_path / "else where")]
    assert command("compare", *ids, "--markdown", "c.md", *elsewhere).exit_code == 0
    assert f"vislab compare {' '.join(ids)} {given}" in (tmp_path / "c.md").read_text()


def test_folds_are_told_as_mean_and_deviation(command: Command, tmp_path: Path) -> None:
    result = command("study", "two", "--folds", "2")
    assert "2 of 4: digits-lenet5, seed 0, fold 2 of 2: begins" in result.stderr
    assert "0.9000 ± 0.0000" in result.stdout
    assert [run.spec().strategy.fold for run in runs(tmp_path)] == [1, 2, 1, 2]


def test_hostile_names_come_through_nothing(command: Command, tmp_path: Path) -> None:
    files = ("--html", "s.html", "--markdown", "s.md", "--csv", "s.csv")
    result = command("study", EVIL, "--set", "name='=cmd() [red]'", *files)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.output
    page = (tmp_path / "s.html").read_text()
    assert "<script" not in page and "<b>" not in page and "\x1b" not in page and "&lt;b&gt;[red]evil" in page
    assert "\\<b\\>" in (tmp_path / "s.md").read_text()
    assert all(row.split(",")[1].startswith("'=cmd()") for row in (tmp_path / "s.csv").read_text().splitlines()[1:])
    assert command("compare", "--study", EVIL).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("study", "too"), "there is no preset 'too'"),
        (("study", "none"), "study none has no recipes"),
        (("study", "two", "--seeds", "0"), "--seeds goes from 1"),
        (("study", "two", "--folds", "1"), "--folds from 2"),
        (("study", "study-b"), "this study needs images: give --data PATH"),
        (("study", "two", "--set", "strategy.epochs=no"), "strategy.epochs = 'no'"),
        (("study", "two", "--detach", "--html", "x.html"), "vislab compare --study NAME --html FILE"),
        (("compare", "--study", "two"), "No study 'two' was run"),
        (("compare", "--study", "two", "latest"), "not both"),
    ],
)
def test_mistakes_are_one_message(command: Command, arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    result = command(*arguments)
    assert result.exit_code == 2 and result.stderr.startswith("error: ")
    assert result.stderr.count(words) == 1 and not runs(tmp_path)


def test_one_recipe_with_several_seeds_is_a_study_of_its_own(command: Command, tmp_path: Path) -> None:
    words = ("run", "--preset", "digits-mlp", "--seeds", "2", "--tag", "paper", "--html", "r.html")
    result = command(*words)
    assert [run.spec().seed for run in runs(tmp_path)] == [0, 1], result.stderr
    assert all(run.labels().tags == ("paper",) for run in runs(tmp_path))
    assert "mean ± standard deviation: validation accuracy 0.9000 ± 0.0000 over 2 runs" in result.stdout
    assert "Run it again" in (tmp_path / "r.html").read_text()
    assert command(*words).stderr.count("done before") == 2
    for more, said in ((("--id", "x"), "leave out --id"), (("--seeds", "0"), "--seeds goes from 1")):
        result = command("run", "--preset", "digits-mlp", "--seeds", "2", *more)
        assert result.exit_code == 2 and said in result.stderr


def test_how_to_run_it_again_holds_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "all").mkdir(parents=True)
    assert Asked(data="photos").command("two")[-2:] == ("--data", str(tmp_path / "photos"))
    assert Asked(dataset="photos/all").command("two")[-2:] == ("--dataset", str(tmp_path / "photos" / "all"))
    for name in ("mnist", "photos", "hf:some/name", "my/code.py:source"):
        assert Asked(dataset=name).command("two")[-2:] == ("--dataset", name)
