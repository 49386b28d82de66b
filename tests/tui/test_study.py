"""`vislab study`: its runs one after another. The workers are fake ones; the process is real."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vislab.engine.runs.store import Run, all_runs

Vislab = Callable[..., "subprocess.Popen[str]"]
EVIL = "<b>[red]evil"


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


def test_runs_are_trained_in_turn_compared_and_not_repeated(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab("study", "two", "--set", "strategy.epochs=3", "--html", "s.html", "--csv", "s.csv")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    first, second = runs(tmp_path)
    assert first.id.startswith("digits-lenet5.s0.") and second.id.startswith("digits-mlp.s0.")
    assert err.index("1 of 2: digits-lenet5, seed 0: begins") < err.index("2 of 2: digits-mlp, seed 0: begins")
    assert "IMPORTED" not in err and "\x1b" not in out + err
    assert "0.9000 [" in out and "What differs" not in out and "what differs" in out
    assert "Which?" in (tmp_path / "s.html").read_text()
    assert [line.split(",")[0] for line in (tmp_path / "s.csv").read_text().splitlines()] == ["id", first.id, second.id]
    before = [run.events.read_bytes() for run in (first, second)]
    out, err = vislab("study", "two", "--set", "strategy.epochs=3", "--json").communicate(timeout=60)
    told = json.loads(out)
    assert [row["id"] for row in told["runs"]] == [first.id, second.id] and err.count("done before") == 2
    assert [run.events.read_bytes() for run in (first, second)] == before
    out, _ = vislab("compare", "--study", "two", "--json").communicate(timeout=60)
    assert json.loads(out) == told
    vislab("study", "two", "--set", "strategy.epochs=4").communicate(timeout=60)
    assert len(runs(tmp_path)) == 4, "another spec is another run"


def test_a_failed_run_does_not_stop_the_others_and_is_tried_again(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab("study", "two", "--quiet", fake="fail")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.count("The loss is not finite.") == 2
    assert [run.status() for run in runs(tmp_path)] == ["failed", "failed"] and out.count("failed") == 2
    process = vislab("study", "two")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "1 of 2: digits-lenet5, seed 0: goes on" in err
    assert [run.status() for run in runs(tmp_path)] == ["done", "done"]


def test_ctrl_c_stops_the_run_and_the_study_and_says_how_to_go_on(vislab: Vislab, tmp_path: Path) -> None:
    process = vislab("study", "two", "--set", "seed=3", "--seeds", "2", fake="stop")
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("epoch"):
        assert line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Go on with: vislab study two --set seed=3 --seeds 2" in err
    statuses = {run.id.rpartition(".")[0]: run.status() for run in runs(tmp_path)}
    assert statuses == {
        "digits-lenet5.s3": "stopped",
        "digits-lenet5.s4": "new",
        "digits-mlp.s3": "new",
        "digits-mlp.s4": "new",
    }


def test_seeds_and_folds_are_told_as_mean_and_deviation(vislab: Vislab, tmp_path: Path) -> None:
    out, err = vislab("study", "two", "--folds", "2", "--plain").communicate(timeout=60)
    assert "2 of 4: digits-lenet5, seed 0, fold 2 of 2: begins" in err
    assert "0.9000 ± 0.0000" in out
    assert [run.spec().strategy.fold for run in runs(tmp_path)] == [1, 2, 1, 2]


def test_hostile_names_come_through_nothing(vislab: Vislab, tmp_path: Path) -> None:
    files = ("--html", "s.html", "--markdown", "s.md", "--csv", "s.csv")
    process = vislab("study", EVIL, "--set", "name='=cmd() [red]'", *files)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "\x1b" not in out + err
    page = (tmp_path / "s.html").read_text()
    assert "<script" not in page and "<b>" not in page and "\x1b" not in page and "&lt;b&gt;[red]evil" in page
    assert "\\<b\\>" in (tmp_path / "s.md").read_text().replace("\\[", "[")
    assert all(row.split(",")[1].startswith("'=cmd()") for row in (tmp_path / "s.csv").read_text().splitlines()[1:])
    assert vislab("compare", "--study", EVIL, "--quiet").wait(timeout=30) == 2  # no such option
    assert vislab("compare", "--study", EVIL).wait(timeout=30) == 0


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
def test_mistakes_are_one_message(vislab: Vislab, arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    process = vislab(*arguments)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2 and words in err and err.startswith("error: ") and "Traceback" not in err
    assert err.count(words) == 1 and not runs(tmp_path)
