"""Names and texts from outside are data: a real run over a hostile folder, and a made one, through every command.

What is hostile: Rich markup, ANSI escapes, HTML, line ends, right-to-left marks, formulas, options, 10,000 characters.
"""

import csv
import importlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vislab.engine.analysis import predictions
from vislab.engine.runs.ask import JobProcess
from vislab.engine.runs.events import AnyEvent, CheckpointSaved, DecisionMade, Notice, RunEnded
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.progress import Progress, write
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.library import resolve
from vislab.presets.settings import Settings
from vislab.tui import headless
from vislab.tui.cli import app

CLASSES = (
    "[red]cat[",
    "\x1b[31mdog\x1b]0;owned\x07",
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("evil")',
    "two\nlines\r",
    "\u202egnp.exe\u2066",
    "--runs-dir",
    "x" * 200,
)
HOSTILE = "[bold red]a[/] \x1b[2J\x1b]8;;http://evil\x07 <script>alert(1)</script> =1+1 b\nc\r\u202ed\u200b"
LONG = HOSTILE + "x" * 10_000
ANOTHER_PROCESS = JobProcess.ask
SMALL = ("--set", "preprocessing.image_size=32")
NAME = "[bold red]a[/] <script>alert(1)</script> =1+1"
"""A name of a run: one line of printable text, and hostile all the same."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A person's folders; settings of this machine do not count."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RUNS", "DATA", "CACHE"):
            patch.setenv(f"VISLAB_{name}_DIR", str(folder / name.lower()))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("COLUMNS", "100")
        patch.delenv("SLURM_JOB_ID", raising=False)
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def pictures(home: Path) -> Path:
    """A class folder for each hostile name, with hostile file names in it."""
    draws = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        folder = home / "pictures" / name
        folder.mkdir(parents=True)
        for file in ("a.png", "=1+1.png", "\x1b[31mb\n.png", "[red]c.png", "\u202egnp.png", "<b>.png"):
            pixels = draws.integers(0, 256, (8, 8, 3)) // 2 + 16 * number
            Image.fromarray(pixels.astype(np.uint8)).save(folder / file)
    return home / "pictures"


@pytest.fixture(scope="module")
def in_process(home: Path) -> Iterator[None]:
    """The real worker and the real jobs, in this process: torch is imported once."""
    import torch

    from vislab.engine import worker

    def start(run: Run, settings: Settings, *, foreground: bool = False, **longer: Any) -> int:
        worker.main(run.path, settings=settings, **longer)
        return 0

    def ask(jobs: JobProcess, job: str, request: Any, **_: Any) -> Any:
        found = importlib.import_module(f"vislab.engine.jobs.{job}").answer(dict(request), lambda *words: None)
        return json.loads(json.dumps(found))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headless, "start", start)
        patch.setattr(JobProcess, "ask", ask)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(home: Path, pictures: Path, in_process: None) -> tuple[Run, str]:
    """A run over that folder, and what the command printed."""
    own = ("--name", NAME, "--tag", LONG, "--tag", "=tag", "--note", LONG, "--id", "hostile", "--html", "log.html")
    sets = ("--set", "strategy.epochs=1", "--set", "strategy.split=50/50", "--set", "device=cpu", *SMALL)
    said = vislab("run", "--dataset", str(pictures), "--architecture", "lenet5", "--plain", *own, *sets)
    return Run(home / "runs" / "hostile"), said


@pytest.fixture(scope="module")
def died(home: Path, history: Callable[..., list[AnyEvent]]) -> Run:
    """A run whose events, labels and log are hostile, and whose worker has died."""
    labels = Labels(name=LONG, tags=(HOSTILE, LONG), note=LONG)
    run = create(home / "runs", resolve(recipe="digits-lenet5"), labels=labels, identity="died")
    started, *rest = history([1.0, 0.5], None, [1.1, 0.7], classes=(HOSTILE, LONG, "b"))
    texts = {"environment": {HOSTILE: LONG}, "split": LONG, "head": (HOSTILE,)}
    writer = EventWriter(run.events)
    writer.append(DecisionMade(what=HOSTILE, choice=LONG, why=LONG))
    writer.append(msgspec.structs.replace(started, **texts))
    writer.append(Notice(level="error", topic=HOSTILE, text=LONG))
    for event in rest:
        writer.append(event)
    writer.append(CheckpointSaved(kind="full", path=HOSTILE, step=20, epoch=2, bytes=10, seconds=0.1))
    writer.close()
    run.worker_log.write_bytes(LONG.encode() + b"\n\xff\xfe\x00\x1b[31mlast\n")
    write(run.progress_file, Progress(time=1e9, pid=1, host=HOSTILE, phase="training", epoch=2, step=20))
    return run


@pytest.fixture(scope="module")
def failed(home: Path, history: Callable[..., list[AnyEvent]]) -> Run:
    """A run that failed with a hostile reason."""
    spec = msgspec.structs.replace(resolve(recipe="digits-lenet5"), name=HOSTILE)  # written by hand, or by others
    run = create(home / "runs", spec, identity="failed")
    ended = RunEnded(status="failed", reason=LONG, step=20, epoch=1, elapsed=1.0, exit_code=1)
    writer = EventWriter(run.events)
    for event in history([1.0], None, [1.1], ended=ended):
        writer.append(event)
    writer.close()
    return run


def check(text: str, limit: int) -> None:
    """Nothing but text and line ends, and no line that is longer than the limit; 0: any."""
    bad = {
        character for character in text if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs")
    }
    assert not bad, f"{sorted(map(hex, map(ord, bad)))} in {text[:3000]!r}"
    longest = max(text.split("\n"), key=len)
    assert limit == 0 or len(longest) <= limit, f"a line of {len(longest)} characters: {longest[:300]!r}"


def vislab(*arguments: str, code: int = 0, limit: int = 2100) -> str:
    """What a command prints on stdout and stderr."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    check(result.stdout, 0 if "--json" in arguments else limit)
    check(result.stderr, limit)
    return result.stdout + result.stderr


def test_a_run_is_told_as_text(trained: tuple[Run, str]) -> None:
    assert "8 classes" in trained[1] and "run hostile\n" in trained[1] and "epoch  1/1" in trained[1]


def test_commands_that_show_a_trained_run(trained: tuple[Run, str], died: Run, failed: Run) -> None:
    page = vislab("show", "hostile", "--all")
    assert NAME in page and "tags: [bold red]a[/] ␛[2J␛]8;;http://evil␇ <script>" in page and "note: [bold" in page
    vislab("show", "hostile", "--once")
    assert "hostile" in vislab("runs") and "=tag" in json.dumps(json.loads(vislab("runs", "--json")))
    vislab("runs", "--filter", "tag:=tag")
    vislab("runs", "--filter", NAME)
    vislab("runs", "--filter", f"{LONG}>3")
    vislab("diff", "hostile", "failed")
    vislab("compare", "hostile", "failed")
    vislab("compare", "hostile", "failed", "--markdown", "out.md")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", Path("out.md").read_text())
    vislab("log", "hostile")
    vislab("path", "hostile")
    vislab("wait", "hostile")
    vislab("attach", "hostile", "--plain", code=2)
    vislab("resume", "hostile", code=2)
    for command in ("stop", "pause", "unpause", "checkpoint"):
        vislab(command, "hostile", code=2)
    vislab("set", "hostile", "strategy.learning_rate=0.1", code=2)
    vislab("doctor")
    assert "hostile" in vislab("prune", "--older", "0min", "--dry-run")


def test_commands_that_show_a_run_that_died(died: Run) -> None:
    page = vislab("show", "died", "--all")
    assert (
        "The worker died in epoch 2" in page
        and "last" in page
        and "␛[31mlast" not in page
        and "error: [bold red]a[/] ␛[2J" in page
    )
    vislab("show", "died", "--once")
    assert all("last" in said and "[31m" not in said for said in (vislab("runs"), vislab("wait", "died", code=1)))
    assert "␛[2J" in vislab("log", "died")
    vislab("show", "died", "--json")


def test_a_hostile_reason(failed: Run) -> None:
    assert "failed after 1 of 1 epoch" in vislab("show", "failed")
    assert "␛[2J" in vislab("wait", "failed", code=1)


@pytest.mark.parametrize("name", ["hostile", "died", "failed"])
def test_html_holds_text(trained: tuple[Run, str], died: Run, failed: Run, name: str, home: Path) -> None:
    vislab("export", name, "--html", "out.html")
    for file in ("out.html", "log.html"):
        page = (home / file).read_text()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u2066\u200b]", page)
        body = re.sub(r'<img src="data:image/png;base64,[\w+/=]+" alt="[^"<>]*">', "", page.partition("<body>")[2])
        assert not re.search(r"<(script|img|b)\b", body, re.IGNORECASE)
    if name == "hostile":
        assert "&lt;img src=x onerror=alert(1)&gt;" in page and "␛[31mdog␛]0;owned␇" in page
    else:
        assert "&lt;script&gt;" in (home / "out.html").read_text()


def test_looking_at_the_data(pictures: Path, in_process: None) -> None:
    (pictures / CLASSES[0] / "\x1b[31mtorn\n<b>.png").write_bytes(b"\x89PNG")
    try:
        page = vislab("data", str(pictures), "--all")
        assert "[red]cat[" in page and "␛[31mdog␛]0;owned␇" in page and "two⏎lines" in page
        assert "[red]cat[/␛[31mtorn⏎<b>.png" in page
        refused = vislab("run", "--dataset", str(pictures), "--architecture", "lenet5", "--id", "refused", code=2)
        assert "[red]cat[/␛[31mtorn" in refused
    finally:
        (pictures / CLASSES[0] / "\x1b[31mtorn\n<b>.png").unlink()


def test_formulas_in_tables_are_text_and_come_back(trained: tuple[Run, str]) -> None:
    run, _ = trained
    for file in (run.path / "predictions.csv", run.split):
        with file.open(newline="", encoding="utf-8") as lines:
            cells = [cell for row in csv.reader(lines) for cell in row]
        assert '\'=HYPERLINK("evil")' in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    labels = {row.label for row in predictions.read(run.path)}
    assert labels == set(CLASSES)
    # Resuming reads the split back and finds every image under its own name.
    assert "epoch  2/2" in vislab("resume", "hostile", "--epochs", "2", "--plain")


def test_comparing_and_handing_over(trained: tuple[Run, str], failed: Run, home: Path) -> None:
    vislab("compare", "hostile", "failed", "--html", "both.html", "--csv", "both.csv")
    vislab("export", "hostile", "--markdown", "one.md", "--csv", "one.csv")
    for file in ("both.html", "one.md"):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u2066\u200b]", (home / file).read_text())
    body = (home / "both.html").read_text().partition("<body>")[2]
    body = re.sub(r'<img src="data:image/png;base64,[\w+/=]+" alt="[^"<>]*">', "", body)
    assert not re.search(r"<(script|img|b)\b", body, re.IGNORECASE)
    for file in ("both.csv", "one.csv"):
        with (home / file).open(newline="") as lines:
            cells = [cell for row in csv.reader(lines) for cell in row]
        assert not [cell for cell in cells if re.match(r"[=+@\t\r]|-[^\d.]", cell)]
    vislab("sync", "hostile", "--tensorboard", "board")
    vislab("cache")
    vislab("cache", "--json")


def test_a_study_of_hostile_names(in_process: None, pictures: Path, home: Path) -> None:
    folder = home / "config" / "vislab" / "presets"
    (folder / "recipes").mkdir(parents=True)
    (folder / "studies").mkdir()
    text = json.dumps(HOSTILE)
    (folder / "recipes" / "mine.toml").write_text(
        f'help = {text}\n[ours]\narchitecture.name = "lenet5"\nstrategy.name = "scratch"\nstrategy.epochs = 1\n'
        'strategy.split = "50/50"\n'
    )
    (folder / "studies" / "mine.toml").write_text(f'help = {text}\nquestion = {text}\nrecipes = ["mine"]\n')
    options = ("--data", str(pictures), "--set", "device=cpu", "--html", "study.html", "--markdown", "study.md", *SMALL)
    vislab("study", "mine", *options)
    for file in ("study.html", "study.md"):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u2066\u200b]", (home / file).read_text())
    page = (home / "study.html").read_text()
    assert "<script" not in page and "[bold red]a[/] ␛[2J" in page
    vislab("presets", "show", "mine")


def test_pictures_in_the_terminal(trained: tuple[Run, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vislab.tui.escapes.coloured", lambda stream: True)
    for what in ("answers", "mistakes", "training"):
        assert "\n" in vislab("look", "hostile", what, "-n", "8")


def test_measuring(in_process: None, pictures: Path) -> None:
    what = ("--dataset", str(pictures), "--architecture", "lenet5", "--set", "strategy.split=50/50", *SMALL)
    assert vislab("find-lr", *what, "--set", "device=cpu", "--steps", "20")
    vislab("bench", HOSTILE + "?", code=2)


def test_predicting(trained: tuple[Run, str], pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobProcess, "ask", ANOTHER_PROCESS)
    (pictures / "\x1b[31mtorn\n.png").write_bytes(b"\x89PNG")
    try:
        said = vislab("predict", "hostile", str(pictures), "--device", "cpu")
    finally:
        (pictures / "\x1b[31mtorn\n.png").unlink()
    assert "pictures/␛[31mtorn⏎.png: not an image" in said


@pytest.mark.parametrize("text", [HOSTILE + "?", LONG + "?"])  # no run's name
def test_mistakes_quote_what_was_given_as_text(trained: tuple[Run, str], text: str) -> None:
    for arguments in (
        ("show", text),
        ("run", "--preset", text),
        ("run", "--dataset", text, "--architecture", "lenet5"),
        ("run", "--preset", "digits-lenet5", "--set", f"strategy.{text}=1"),
        ("run", "--preset", "digits-lenet5", "--set", f"strategy.epochs={text}"),
        ("run", "--preset", "digits-lenet5", "--id", text),
        ("run", "--preset", "digits-lenet5", "--spec", text),
        ("run", "--like", text),
        ("set", "hostile", text),
        ("set", "hostile", f"{text}=1"),
        ("presets", "show", text),
        ("presets", "new", "recipes", text),
        ("data", text),
        ("delete", text, "--yes"),
        ("wait", text),
        ("run", "--preset", "digits-lenet5", "--name", text),
        ("predict", text, "x.png"),
        ("evaluate", text),
        ("evaluate", "hostile", "--data", text),
    ):
        said = vislab(*arguments, code=2, limit=12_000)
        assert len(said) < 40_000, (arguments[0], len(said))


def test_a_hostile_folder_among_the_runs(home: Path, failed: Run) -> None:
    name = "\x1b[31m<b>\n\u202erun"
    folder = home / "others" / name
    folder.parent.mkdir()
    create(home / "others", resolve(recipe="digits-lenet5"), identity="other").path.rename(folder)
    create(home / "others", resolve(recipe="digits-lenet5"), identity="x-1")
    options = ("--runs-dir", str(home / "others"))
    assert "x-1" in vislab("runs", *options) and len(json.loads(vislab("runs", "--json", *options))) == 1
    for reference in (name, "\x1b", f"../others/{name}", "../runs/failed", str(failed.path)):
        assert "is called" in vislab("show", reference, *options, code=2)
    vislab("delete", name, "--yes", *options, code=2)
    assert folder.is_dir()


def test_every_command_is_tried_here() -> None:
    here = Path(__file__).read_text()
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    missing = [name for name in names if f'"{name}"' not in here]
    assert not missing, "what these commands print of names and texts from outside must be tried here too"
    assert os.sep not in "".join(filter(None, names))
