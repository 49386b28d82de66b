"""Commands that look at runs and presets: what they print, as JSON too, at any width; exit codes."""

import errno
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from vislab.engine.runs.devices import Device
from vislab.engine.runs.events import AnyEvent, Notice, RunEnded, TestFigures
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.library import resolve
from vislab.presets.shelves import KINDS
from vislab.tui import cli, headless, html_file, start, tables
from vislab.tui.cli import app
from vislab.tui.commands import doctor
from vislab.tui.commands.presets import PresetKind

History = Callable[..., list[AnyEvent]]
Vislab = Callable[..., Result]

TEST = TestFigures(role="test", images=500, loss=0.4, accuracy=0.91, top5=1.0, macro_f1=0.9, weights="raw", epoch=3)


@pytest.fixture
def vislab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vislab:
    for name in ("RUNS", "DATA", "CACHE"):
        monkeypatch.setenv(f"VISLAB_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture
def made(tmp_path: Path, vislab: Vislab) -> Callable[..., Run]:
    """Make a run with a given log."""

    def make(events: list[AnyEvent], *sets: str, **labels: Any) -> Run:
        run = create(tmp_path / "runs", resolve(recipe="digits-lenet5", sets=sets), labels=Labels(**labels))
        writer = EventWriter(run.events)
        for event in events:
            writer.append(event)
        writer.close()
        return run

    return make


def printed(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_show_prints_the_page(made: Callable[..., Run], vislab: Vislab, history: History) -> None:
    events = history([1.0, 0.5, 0.2], None, [1.1, 0.7, 0.6], classes=("a", "[b]", "c\x1b[31m"), test=TEST)
    events.insert(2, Notice(level="warning", topic="x", text="mind the [gap]\x1b[2J"))
    run = made(events, "strategy.epochs=3", name="mine", tags=("t1", "t2"), note="[why]")
    page = printed(vislab("show", "latest"))
    for part in (
        "mine · digits · lenet5 · scratch",
        "✔ done",
        run.id,
        str(run.path),
        "tags: t1, t2",
        "note: [why]",
        "strategy.epochs = 3 ",
        "# command line",
        "★ 3 │",
        "val loss: last 0.6000 at epoch 3",
        "warning: mind the [gap]␛[2J",
        "test accuracy 0.9100 [0.8",
        "done after 3 of 3 epochs",
    ):
        assert part in page, part
    assert "\x1b" not in page
    assert "strategy.momentum" not in page and "strategy.momentum = 0.9" in printed(vislab("show", run.id, "--all"))


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_tables_and_curves_fit_the_width(
    made: Callable[..., Run], vislab: Vislab, history: History, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    made(history([1.0, 0.5], None, [1.1, 0.7], test=TEST))
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = printed(vislab("show", "latest")).splitlines()
    drawn = [line for line in lines if "│" in line or "┤" in line or "└" in line]
    assert len(drawn) > 12 and max(map(len, drawn)) <= columns
    assert max(map(len, printed(vislab("runs")).splitlines())) <= columns
    for kind in KINDS:
        assert max(map(len, printed(vislab("presets", kind)).splitlines())) <= columns


def test_a_long_table_is_thinned_but_keeps_the_best_and_the_last(
    made: Callable[..., Run], vislab: Vislab, history: History
) -> None:
    losses = [abs(n - 77) / 100 + 0.1 for n in range(1, 101)]
    made(history(losses, None, losses))
    page = printed(vislab("show", "latest"))
    assert "★ 77 │" in page and "\n    100 │" in page and "\n     98 │" not in page
    assert "of 100 epochs" in page
    assert "\n     98 │" in printed(vislab("show", "latest", "--all"))


def test_show_json_is_the_report(made: Callable[..., Run], vislab: Vislab, history: History) -> None:
    run = made(history([1.0, float("nan")], None, [1.1, float("inf")], test=TEST))
    told = json.loads(printed(vislab("show", run.id[:20], "--json")))
    assert {"id", "status", "spec", "run_dir", "epochs", "best", "checkpoints", "decisions"} <= told.keys()
    assert (told["id"], told["status"], told["run_dir"]) == (run.id, "done", str(run.path))
    assert [row["epoch"] for row in told["epochs"]] == [1, 2]
    assert told["epochs"][1]["train_loss"] == "nan" and told["epochs"][1]["val_loss"] == "inf"
    assert [found["kind"] for found in told["findings"]] == ["not_finite"] and told["findings"][0]["remedy"]
    keys = ("train_accuracy", "val_accuracy", "learning_rate", "seconds", "train_images_per_second")
    assert all(key in row for row in told["epochs"] for key in keys)


def test_a_run_whose_waiter_was_killed_is_said_to_have_fallen_out_of_the_queue(
    made: Callable[..., Run], vislab: Vislab
) -> None:
    never, killed = made([]), made([])
    for run in (never, killed):
        run.events.unlink(missing_ok=True)
    killed.waiting_lock.touch()
    told = f"fell out of the queue: its waiting process is gone. Put it to work with: vislab resume {killed.id}"
    result = vislab("runs")
    assert result.stdout.count(" new ") == 2 and result.stderr == f"{killed.id}: It {told}\n"
    for page in (("show",), ("show", "--once")):
        assert f"It {told}" in " ".join(printed(vislab(*page, killed.id)).split())
        assert "fell out" not in printed(vislab(*page, never.id))


@pytest.mark.parametrize("other", ["--all", "--json"])
def test_one_frame_is_neither_a_whole_page_nor_a_report(
    made: Callable[..., Run], vislab: Vislab, history: History, other: str
) -> None:
    made(history([1.0]))
    result = vislab("show", "latest", "--once", other)
    assert result.exit_code == 2 and f"--once and {other} exclude each other" in result.stderr


def test_runs_lists_the_newest_first_and_a_damaged_one(
    made: Callable[..., Run], vislab: Vislab, history: History, tmp_path: Path
) -> None:
    assert vislab("runs").stderr.startswith("There are no runs in")
    old = made(history([1.0], None, [1.1], test=TEST), tags=("keep",))
    old = Run(old.path.rename(old.path.with_name("20200101-000000-old-aaaa")))
    new = made(history([1.0, 0.5], epochs=4))
    damaged = tmp_path / "runs" / "20210101-000000-damaged-bbbb"
    damaged.mkdir()
    (damaged / "spec.toml").write_text("no = toml = here")
    told = json.loads(printed(vislab("runs", "--json")))
    assert [row["id"] for row in told] == [new.id, damaged.name, old.id]
    assert [row["status"] for row in told] == ["died", "damaged", "done"]
    assert told[2]["tags"] == ["keep"] and told[0]["epochs_done"] == 2
    assert told[2]["test"]["accuracy"] == 0.91
    table = printed(vislab("runs")).splitlines()
    assert table[0].split()[5:7] == ["test", "acc"] and table[3].split()[4] == "0.9100"
    assert table[1].split()[:3] == [new.id, "died", "2/4"] and table[2].split()[:2] == [damaged.name, "damaged"]
    result = vislab("runs", "--limit", "1")
    assert len(result.stdout.splitlines()) == 2 and "2 older ones" in result.stderr


def test_runs_marks_figures_of_test_images_that_chose_the_epoch(
    made: Callable[..., Run], vislab: Vislab, history: History
) -> None:
    held_out = made(history([1.0], None, [1.1], test=TEST))
    assert "†" not in printed(vislab("runs")) and "val acc" in printed(vislab("runs"))
    made(history([1.0], None, [1.1], selected_on_test=True, test=TEST), "name=chosen")
    head, chosen, other, legend = printed(vislab("runs")).splitlines()
    assert head.split()[3:6] == ["acc", "test", "acc"] and held_out.id in other and "†" not in other
    assert "0.4762†   0.9100†" in chosen and other.index("0.9100") == chosen.index("0.9100")
    assert legend.startswith("† of test images")
    told = json.loads(printed(vislab("runs", "--json")))
    assert [row["selected_on_test"] for row in told] == [True, False]


def test_diff_names_what_differs(made: Callable[..., Run], vislab: Vislab, history: History) -> None:
    sets = ("seed=1", "strategy.augment=horizontal_flip,rotation(degrees=5)", "strategy.learning_rate=0.25")
    a = made(history([1.0], None, [1.1], test=TEST), *sets)
    b = made(history([1.0, 0.5], None, [1.1, 0.7]), "strategy.learning_rate=0.5")
    told = json.loads(printed(vislab("diff", a.id, b.id, "--json")))
    assert told["runs"] == [a.id, b.id]
    assert told["spec"] == {
        "seed": [1, 0],
        "strategy.learning_rate": [0.25, 0.5],
        "strategy.augment": [["horizontal_flip", "rotation(degrees=5)"], "none"],
    }
    assert told["results"]["epochs"] == [1, 2] and told["results"]["test: final accuracy"] == [0.91, None]
    text = printed(vislab("diff", a.id, b.id))
    assert "horizontal_flip, rotation(degrees=5)" in text and "strategy.epochs" not in text
    assert "Their specs do not differ." in printed(vislab("diff", a.id, a.id))
    on_test = made(history([1.0], None, [1.2], selected_on_test=True))
    told = json.loads(printed(vislab("diff", a.id, on_test.id, "--json")))["results"]
    assert told["validation loss"] == [1.1, None] and told["test loss"] == [None, 1.2]


def test_path_log_and_export(made: Callable[..., Run], vislab: Vislab, history: History, tmp_path: Path) -> None:
    run = made(history([1.0], None, [1.1], test=TEST))
    assert printed(vislab("path", "latest")) == f"{run.path}\n"
    assert printed(vislab("log", "latest")) == ""
    run.worker_log.write_bytes(b"first\nload  10 %\rload 100 %\n\x1b]0;title\x07\xff last")
    assert printed(vislab("log", "latest")).splitlines() == ["first", "load 100 %", "␛]0;title␇\ufffd last"]
    assert printed(vislab("log", "latest", "-f")) == printed(vislab("log", "latest"))
    assert printed(vislab("export", "latest", "--html", "out.html")) == "out.html\n"
    assert run.id in (tmp_path / "out.html").read_text()
    assert printed(vislab("export", "latest", "--html", "missing/out.html")) == "missing/out.html\n"
    for place, reason in (("out.html/out.html", "cannot be made"), (".", "is a folder")):
        result = vislab("export", "latest", "--html", place)
        assert result.exit_code == 2 and reason in result.stderr


def test_another_runs_folder_can_be_named(made: Callable[..., Run], vislab: Vislab, history: History) -> None:
    run = made(history([1.0]))
    other = run.path.parent.rename(run.path.parent.with_name("elsewhere"))
    assert vislab("path", "latest").exit_code == 2
    assert printed(vislab("path", "latest", "--runs-dir", str(other))) == f"{other / run.id}\n"
    assert run.id in printed(vislab("runs", "--runs-dir", "elsewhere"))


def test_mistakes_end_with_2_and_one_message(vislab: Vislab) -> None:
    result = vislab("show", "nothing")
    assert (result.exit_code, result.stdout) == (2, "") and result.stderr.startswith("error: There are no runs in")
    for arguments in (("shw",), ("show",), ("runs", "--limit", "x"), ("runs", "--bad")):
        assert vislab(*arguments).exit_code == 2
    result = vislab("run", "--preset", "digits-lenet", "--set", "strategy.epoch=1", "--set", "strategy.batch_size=no")
    assert result.exit_code == 2
    for part in ("digits-lenet5", "strategy.epochs", "strategy.batch_size"):
        assert part in result.stderr
    assert vislab("run", "--preset", "digits-lenet5", "--html", ".").exit_code == 2
    assert vislab("resume", "latest").exit_code == vislab("stop", "latest").exit_code == 2


def test_a_run_that_ended_cannot_be_resumed_or_stopped(
    made: Callable[..., Run], vislab: Vislab, history: History
) -> None:
    ended = RunEnded(status="done", reason="", step=10, epoch=1, elapsed=1.0, exit_code=0)
    run = made(history([1.0], ended=ended))
    assert f"vislab run --like {run.id}" in vislab("resume", "latest").stderr
    assert vislab("stop", "latest").stderr == f"error: Run {run.id} is not running: done.\n"
    assert vislab("stop", "latest", "--now", "--after-epoch").exit_code == 2


def test_own_files_travel_with_the_run_and_must_have_different_names(
    vislab: Vislab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vislab.tui import headless

    monkeypatch.setattr(headless, "train", lambda run, settings, output, foreground: 0)
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(
            "def build(*, num_classes: int) -> None: ...\ndef turn(images, draws, *, degrees: float = 5.0): ...\n"
        )
    own = ("run", "--dataset", "digits", "--architecture", "here/mine.py:build")
    assert vislab(*own, "--set", "strategy.augment=here/mine.py:turn(degrees=9)").exit_code == 0
    run = Run(Path(printed(vislab("path", "latest")).strip()))
    assert [file.name for file in run.code.iterdir()] == ["mine.py"]
    assert run.spec().architecture.build == f"{tmp_path}/here/mine.py:build"
    result = vislab(*own, "--set", "strategy.augment=there/mine.py:turn")
    assert result.exit_code == 2 and "have the same name" in result.stderr
    assert vislab("run", "--like", "latest").exit_code == 0
    again = Run(Path(printed(vislab("path", "latest")).strip()))
    assert again.id != run.id and again.spec().strategy.augment == run.spec().strategy.augment


def test_presets_are_listed_shown_and_made(vislab: Vislab, tmp_path: Path) -> None:
    assert {kind.value for kind in PresetKind} == set(KINDS)
    every = json.loads(printed(vislab("presets", "--json")))
    assert {info["kind"] for info in every} == set(KINDS)
    table = printed(vislab("presets", "recipes"))
    assert "digits-lenet5" in table and len(table.splitlines()) == 1 + sum(i["kind"] == "recipes" for i in every)
    shown = printed(vislab("presets", "show", "study-e-lenet5"))
    assert "strategy.epochs = 10 " in shown and "# recipe study-e-lenet5: report" in shown
    values = json.loads(printed(vislab("presets", "show", "scratch", "--json")))["values"]
    assert {"key", "value", "origin", "help"} <= values[0].keys()
    assert "timm" in printed(vislab("presets", "show", "resnet18d"))
    file = Path(printed(vislab("presets", "new", "recipes", "my", "--like", "digits-lenet5", "-s", "seed=7")).strip())
    assert file.is_relative_to(tmp_path / "config")
    assert "\nseed = 7" in printed(vislab("presets", "show", "my"))
    study = ("presets", "new", "studies", "ours", "--set", "recipes=my, digits-lenet5", "--description", "which?")
    assert printed(vislab(*study, "--folder", str(tmp_path))).strip() == f"{tmp_path}/studies/ours.toml"
    assert 'recipes = [\n    "my",\n    "digits-lenet5",\n]' in (tmp_path / "studies/ours.toml").read_text()
    for wrong in (("recipes", "my"), ("strategies", "x", "--set", "strategy.epoch=1"), ("studies", "x", "--set", "q")):
        assert vislab("presets", "new", *wrong).exit_code == 2
    assert "digits-lenet5" in vislab("presets", "show", "digits-lenet").stderr


def test_doctor_names_every_folder_and_where_it_came_from(vislab: Vislab, tmp_path: Path) -> None:
    (tmp_path / "vislab.toml").write_text('data_dir = "pictures"\n[defaults]\nseed = 4\n')
    told = json.loads(printed(vislab("doctor", "--json", "--runs-dir", "here")))
    assert told["folders"]["runs_dir"] | {"disk_free": 0} == {
        "path": str(tmp_path / "here"),
        "origin": "command line",
        "exists": False,
        "writable": True,
        "disk_free": 0,
    }
    assert told["folders"]["data_dir"]["origin"] == "VISLAB_DATA_DIR"
    assert told["project"] == str(tmp_path)
    assert told["defaults"] == [{"key": "seed", "value": 4, "origin": str(tmp_path / "vislab.toml")}]
    assert told["devices"][-1]["kind"] == "cpu" and told["problems"] == []
    assert told["versions"]["torch"].startswith("2.")
    assert "seed = 4" in printed(vislab("doctor"))


def test_doctor_names_defaults_that_no_run_could_take(vislab: Vislab) -> None:
    Path("vislab.toml").write_text("[defaults]\nstrategy.epohcs = 4\n", encoding="utf-8")
    result = vislab("doctor")
    assert result.exit_code == 1
    assert "strategy.epohcs: there is no such key; did you mean 'strategy.epochs'?" in result.output


def test_doctor_fails_where_a_folder_cannot_be_written(
    vislab: Vislab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VISLAB_CACHE_DIR", str(tmp_path / "file" / "cache"))
    result = vislab("doctor")
    assert result.exit_code == 1 and f"problem: cache_dir {tmp_path}/file/cache cannot be made" in result.stdout
    (tmp_path / "link").symlink_to(tmp_path / "not mounted")
    for folder in (tmp_path / "link", tmp_path / "link" / "cache", Path("/proc/nope")):
        monkeypatch.setenv("VISLAB_CACHE_DIR", str(folder))
        result = vislab("doctor")
        assert result.exit_code == 1 and "VISLAB_CACHE_DIR; cannot be made\n" in result.stdout
    for name in ("DATA", "CACHE"):
        monkeypatch.setenv(
            f"VISLAB_{name}_DIR", f"{tmp_path}/{300 * 'x'}/d"
        )  # Path.exists and is_dir raise, as in another user's folder
    assert "\nproblem: none found" in printed(vislab("doctor"))


def test_doctor_does_not_wait_for_ever_for_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(command: list[str], **keys: Any) -> None:
        raise subprocess.TimeoutExpired(command, keys["timeout"])

    monkeypatch.setattr(subprocess, "run", late)
    card = Device("cuda", 0, "Slow X1")
    assert "does not say within 120 s whether it can use Slow X1" in doctor._why_torch_cannot_use(card)


def test_data_tells_what_is_in_a_folder(vislab: Vislab, tmp_path: Path) -> None:
    from PIL import Image

    for name, count in (("cat", 6), ("[dog]", 3)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (20 + i, 10), (40 * i, 10 * count, 0)).save(tmp_path / "pets" / name / f"{i}.png")
    (tmp_path / "pets" / "cat" / "copy.png").write_bytes((tmp_path / "pets" / "cat" / "0.png").read_bytes())
    (tmp_path / "pets" / "cat" / "torn.png").write_bytes(b"\x89PNG")
    page = printed(vislab("data", "./pets", "--set", "strategy.split=60/40"))
    for part in (
        "pets · 11 images · 2 classes",
        "imbalance: 2.67 times as many images of cat as of [dog]",
        "sizes: smallest 20 × 10",
        "formats: PNG 10",
        "duplicates: 1 image could go",
        "unreadable: 1\n  cat/torn.png: ",
    ):
        assert part in page, part
    result = vislab("data", "no-such-set")
    assert result.exit_code == 2 and "no-such-set" in result.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    pipe = f"{sys.executable} -c 'from vislab.tui.cli import main; main()' presets --json | head -c 10"
    done = subprocess.run(["bash", "-c", f"{pipe}; echo"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        for words in (["--help"], ["presets", "--json"]):  # one fits into a buffer, the other does not
            monkeypatch.setattr(sys, "stdout", open("/dev/full", "w"))  # noqa: PTH123, SIM115
            monkeypatch.setattr(sys, "argv", ["vislab", *words])
            with pytest.raises(SystemExit) as end:
                cli.main()
            assert end.value.code == 1
            assert capsys.readouterr().err == "error: stdout cannot be written: No space left on device.\n"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_page_is_written_where_stdout_takes_nothing(
    made: Callable[..., Run], history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    run = made(history([1.0], test=TEST))
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space left"):
        headless.report_end(run, headless.Output(json=True, html=tmp_path / "log.html"))
    assert "<html" in (tmp_path / "log.html").read_text()


def test_streams_that_were_closed_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    start._open_streams()
    assert sys.stdin.read() == "" and print("nowhere", flush=True) is None and not sys.stderr.isatty()
    assert tables.width() > 0


def test_a_tilde_that_the_shell_left_is_the_home_folder(
    made: Callable[..., Run], vislab: Vislab, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(history([1.0], test=TEST))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert printed(vislab("export", "latest", "--csv=~/epochs.csv")).strip() == f"{tmp_path}/home/epochs.csv"
    assert (tmp_path / "home" / "epochs.csv").is_file() and not (tmp_path / "~").exists()
    for words in (
        ("export", "latest", "--html=~no-such-user/x"),
        ("sync", "latest", "--tensorboard", "~no-such-user/x"),
        ("run", "--preset", "digits-lenet5", "--tensorboard", "~no-such-user/x"),
    ):
        result = vislab(*words)
        assert result.exit_code == 2 and "~no-such-user/x: there is no such home folder" in result.stderr


def test_a_name_that_no_file_can_have_is_refused_before_the_training(tmp_path: Path) -> None:
    assert html_file.refusal(str(tmp_path / "log.html")) == html_file.refusal("") == ""
    assert "File name too long" in html_file.refusal(str(tmp_path / (300 * "x")))
    assert "no such home folder" in html_file.refusal("~no-such-user/x")
    assert "this is a folder" in html_file.refusal(str(tmp_path))


def test_help_and_version(vislab: Vislab) -> None:
    assert "doctor" in printed(vislab("--help"))
    assert printed(vislab("--version")).startswith("vislab 0")
    for command in ("run", "resume", "stop", "runs", "show", "diff", "path", "log", "export", "data", "doctor"):
        assert printed(vislab(command, "--help")).startswith("Usage:")


def test_a_table_keeps_whole_columns_and_cuts_the_widest() -> None:
    rows = [["abcdef", "a long text that is cut", "12"], ["x", "short", "3"]]
    lines = tables.lines(["id", "words", "n"], rows, 30, right=("n",), whole=("id",))
    assert max(map(len, lines)) == 30
    assert lines[1].startswith("abcdef  a long") and lines[1].endswith("  12") and lines[2].endswith("   3")
    assert tables.lines(["id"], [["abcdef"]], 3, whole=("id",)) == ["id", "abcdef"]


def test_a_table_cuts_a_column_where_it_is_told_to() -> None:
    rows = [["a name that is long", "photos/of/a.jpg"]]
    titles, line = tables.lines(["name of it", "file"], rows, 16, both_ends=["name of it"], ends=["file"])
    assert titles == "name o…  file" and line == "a n…ong  …/a.jpg"


def test_settings_have_their_origin_behind_or_above() -> None:
    values = [("a", "1", "here"), ("b", "2" * 30, "a file far away"), ("c", "3", "")]
    assert tables.settings(values, 40) == ["a = 1  # here", "# a file far away", "b = " + "2" * 30, "c = 3"]
