"""The person's own command at a run's end."""

import dataclasses
import sys

import pytest

from vislab.engine import worker
from vislab.engine.runs import on_end
from vislab.presets.errors import InputError
from vislab.presets.settings import load_settings

TELL = (
    "import os, sys; from pathlib import Path; from vislab.engine.runs.store import Run;"
    "run = Run(Path(os.environ['VISLAB_RUN_DIR']));"
    "print(sys.argv[2], os.environ['VISLAB_RUN'], os.environ['VISLAB_STATUS'], run.worker(), run.state().ended.status,"
    "file=Path(sys.argv[1]).open('w'))"
)


@pytest.mark.parametrize(("loss", "status", "code"), [("cross_entropy", "done", 0), ("nan_loss", "failed", 1)])
def test_it_is_called_when_everything_was_said_and_nobody_holds_the_run(
    make_run, settings, tmp_path, mine, loss, status, code
):
    run = make_run(strategy={"epochs": 1, "loss": loss if loss == "cross_entropy" else f"{mine}:{loss}"})
    words = (sys.executable, "-c", TELL, str(tmp_path / "told"), "$HOME; echo `id`")
    assert worker.main(run.path, settings=dataclasses.replace(settings, on_end=words)) == code
    assert (tmp_path / "told").read_text() == f"$HOME; echo `id` {run.id} {status} 0 {status}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("no-such-command-here",), "No such file"), ((sys.executable, "-c", "raise SystemExit(3)"), "ended with code 3")],
)
def test_its_failure_is_told_and_changes_nothing(make_run, settings, capsys, words, said):
    run = make_run(strategy={"epochs": 1})
    assert worker.main(run.path, settings=dataclasses.replace(settings, on_end=words)) == 0
    assert run.status() == "done"
    error = capsys.readouterr().err
    assert error.startswith(f"on_end: {words[0]}") and said in error


def test_a_command_that_does_not_end_is_ended(make_run, settings, capsys, monkeypatch):
    monkeypatch.setattr(on_end, "_PATIENCE", 0.1)
    on_end.call((sys.executable, "-c", "import time; time.sleep(60)"), make_run())
    assert "was ended" in capsys.readouterr().err


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr("vislab.presets.settings.user_config_path", lambda name: tmp_path / "config")
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "config.toml"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("on_end = \"notify-send 'a run' ended\"", ("notify-send", "a run", "ended")),
        ("on_end = ['a', 'b c']", ("a", "b c")),
    ],
)
def test_it_is_a_text_or_a_list_of_words(config, tmp_path, text, words):
    config.write_text(text)
    assert load_settings(tmp_path, environment={}).on_end == words


@pytest.mark.parametrize("value", ["3", "''", "[]", "[1]", '"a \'b"', "{a = 'b'}"])
def test_what_is_no_command_is_refused(config, tmp_path, value):
    config.write_text(f"on_end = {value}")
    with pytest.raises(InputError, match="must be a command"):
        load_settings(tmp_path, environment={})


def test_a_projects_folder_cannot_run_commands(config, tmp_path):
    (tmp_path / "vislab.toml").write_text("on_end = 'rm -r precious'")
    with pytest.raises(InputError, match=r"vislab.toml: on_end runs a command.*config.toml"):
        load_settings(tmp_path, environment={})
