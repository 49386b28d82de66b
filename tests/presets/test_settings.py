"""Folders and defaults: which layer wins, and where each value came from."""

from pathlib import Path

import pytest

from vislab.presets.errors import InputError
from vislab.presets.library import resolve
from vislab.presets.settings import load_settings
from vislab.presets.shelves import files


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_without_any_file() -> None:
    settings = load_settings(environment={})
    assert settings.runs_dir.name == "runs"
    assert settings.runs_dir.parent == settings.data_dir.parent
    assert settings.origins == {"runs_dir": "built-in", "data_dir": "built-in", "cache_dir": "built-in"}
    assert settings.project is None
    assert settings.defaults == ()


def test_later_wins(user: Path) -> None:
    mine = write(user / "config.toml", 'runs_dir = "/mine"\ndata_dir = "/mine"\ncache_dir = "~/mine"\n')
    project = write(Path("vislab.toml"), 'runs_dir = "runs"\ndata_dir = "../data"\n').absolute()
    deep = Path("a/b")
    deep.mkdir(parents=True)
    settings = load_settings(deep, environment={})
    assert settings.runs_dir == project.parent / "runs"
    assert settings.data_dir == project.parent.parent / "data"
    assert settings.cache_dir == Path.home() / "mine"
    assert settings.project == project.parent
    assert settings.origins == {"runs_dir": str(project), "data_dir": str(project), "cache_dir": str(mine)}

    environment = {"VISLAB_RUNS_DIR": "there", "VISLAB_DATA_DIR": "/there", "VISLAB_CACHE_DIR": ""}
    settings = load_settings(deep, runs_dir=Path("here"), environment=environment)
    assert settings.runs_dir == deep.absolute() / "here"
    assert settings.data_dir == Path("/there")
    assert settings.cache_dir == Path.home() / "mine"
    assert settings.origins == {
        "runs_dir": "command line", "data_dir": "VISLAB_DATA_DIR", "cache_dir": str(mine)
    }  # fmt: skip


def test_the_nearest_project_counts() -> None:
    write(Path("vislab.toml"), 'runs_dir = "outer"\n')
    inner = write(Path("inner/vislab.toml"), 'data_dir = "inner"\n').absolute()
    settings = load_settings(inner.parent, environment={})
    assert settings.origins["runs_dir"] == "built-in"
    assert settings.data_dir == inner.parent / "inner"


def test_every_mistake_in_one_message(user: Path) -> None:
    write(user / "config.toml", "run_dir = 'x'\ndata_dir = 3\n")
    write(Path("vislab.toml"), "defaults = []\ncache_dir = ''\n")
    with pytest.raises(InputError) as caught:
        load_settings(environment={})
    text = str(caught.value)
    assert len(text.splitlines()) == 4
    assert "config.toml: unknown key 'run_dir'; did you mean 'runs_dir'?" in text
    assert "config.toml: data_dir = 3 must be a folder, as text" in text
    assert "vislab.toml: cache_dir = '' must be a folder" in text
    assert "vislab.toml: defaults = [] must be a table" in text


def test_a_file_that_is_no_toml() -> None:
    write(Path("vislab.toml"), "runs_dir =\n")
    with pytest.raises(InputError, match=r"vislab\.toml: cannot be read as TOML"):
        load_settings(environment={})


def test_budgets(user: Path) -> None:
    write(user / "config.toml", 'cache_budget = "20 GB"\nmemory_budget = 1000\n')
    settings = load_settings(environment={"VISLAB_MEMORY_BUDGET": "64MB"})
    assert (settings.cache_budget, settings.memory_budget) == (20 * 10**9, 64 * 10**6)
    assert settings.origins["cache_budget"] == str(user / "config.toml")
    assert settings.origins["memory_budget"] == "VISLAB_MEMORY_BUDGET"
    write(user / "config.toml", 'cache_budget = "much"\nmemory_budget = -1\n')
    with pytest.raises(InputError) as caught:
        load_settings(environment={})
    assert "cache_budget = 'much' must be a number of bytes, or a text such as" in str(caught.value)
    assert "memory_budget = -1 must be" in str(caught.value)
    write(user / "config.toml", "")
    assert load_settings(environment={}).cache_budget is None
    with pytest.raises(InputError, match="VISLAB_CACHE_BUDGET = 'x' must be"):
        load_settings(environment={"VISLAB_CACHE_BUDGET": "x"})


def test_a_home_folder_that_is_not_there_is_a_problem_of_its_file(user: Path) -> None:
    write(user / "config.toml", 'runs_dir = "/mine"\n')
    write(Path("vislab.toml"), 'runs_dir = "~no-such-user/runs"\n')
    settings = load_settings(environment={}, strict=False)
    assert (settings.runs_dir, settings.origins["runs_dir"]) == (Path("/mine"), str(user / "config.toml"))
    (problem,) = settings.problems
    assert problem.endswith("vislab.toml: runs_dir = '~no-such-user/runs': there is no such home folder")
    with pytest.raises(InputError, match="no such home folder"):
        load_settings(environment={})
    for given in ({"environment": {"VISLAB_RUNS_DIR": "~no-such-user"}}, {"runs_dir": Path("~no-such-user")}):
        with pytest.raises(InputError, match=r"(VISLAB_RUNS_DIR|--runs-dir) = '~no-such-user': there is no such home"):
            load_settings(strict=False, **given)


def test_what_may_not_be_looked_at_is_told_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / ("x" * 300)  # to root no folder is closed; this one cannot be looked at either
    assert load_settings(closed, environment={}).project is None
    monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
    settings = load_settings(environment={}, strict=False)
    (problem,) = settings.problems
    assert problem.startswith(f"{closed}/vislab/config.toml: cannot be looked at: File name too long; ")
    assert "digits-lenet5" in files("recipes", settings)


def test_a_working_directory_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for ask in (load_settings, resolve):
        with pytest.raises(InputError, match="working directory is gone"):
            ask()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(number: int) -> None:
        raise KeyError(number)

    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(InputError, match="no home folder: set HOME, or XDG_CONFIG_HOME"):
        load_settings(environment={})
