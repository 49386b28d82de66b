"""A folder is written into config.toml; nothing else in it changes."""

import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from vislab.presets.errors import InputError
from vislab.presets.settings import Settings, load_settings
from vislab.presets.settings_file import overriding, set_folder, unset_folder, with_key

FILE = """# mine
data_dir = "/old"   # the big disk
note_of_mine = 1

[defaults]          # for all
data_dir = "not this one"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def test_a_key_is_replaced_or_added_and_comments_stay() -> None:
    assert with_key(FILE, "data_dir", "/new") == FILE.replace('"/old"', '"/new"')
    assert with_key(FILE, "runs_dir", "/r") == 'runs_dir = "/r"\n' + FILE
    assert with_key("", "runs_dir", "/r") == 'runs_dir = "/r"\n'
    with pytest.raises(ValueError, match="not understood"):
        with_key('data_dir = """\n/old"""\n', "data_dir", "/new")
    with pytest.raises(tomllib.TOMLDecodeError):
        with_key("= broken", "data_dir", "/new")


@given(
    st.dictionaries(st.sampled_from(["data_dir", "x", "defaults"]), st.text(max_size=20)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_only_the_key_changes(table: dict[str, str], value: str) -> None:
    try:
        after = with_key(tomli_w.dumps(table), "data_dir", value)
    except ValueError:
        return  # it stands in a way that is left alone
    assert tomllib.loads(after) == table | {"data_dir": value}


def test_the_next_start_has_the_folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    here = Settings(settings.runs_dir, settings.data_dir, settings.cache_dir, tmp_path / "config" / "vislab")
    assert set_folder(here, "data_dir", str(tmp_path / "new/place")) == tmp_path / "new/place"
    assert (tmp_path / "new/place").is_dir()
    found = load_settings(tmp_path, environment={})
    assert found.data_dir == tmp_path / "new/place" and overriding(found, "data_dir") == ""
    forced = load_settings(tmp_path, environment={"VISLAB_DATA_DIR": "/other"})
    assert overriding(forced, "data_dir") == "VISLAB_DATA_DIR"


def test_a_key_is_taken_out_and_all_else_stays(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    assert with_key(FILE, "data_dir", None) == FILE.replace('data_dir = "/old"   # the big disk\n', "")
    assert with_key(FILE, "runs_dir", None) == FILE
    with pytest.raises(ValueError, match="not understood"):
        with_key('data_dir = """\n/old"""\n', "data_dir", None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    set_folder(settings, "runs_dir", str(tmp_path / "new"))
    assert unset_folder(settings, "runs_dir") == tmp_path / "share/vislab/runs"
    assert "runs_dir" not in (settings.config_dir / "config.toml").read_text()
    (settings.config_dir / "config.toml").unlink()
    unset_folder(settings, "runs_dir")
    assert not (settings.config_dir / "config.toml").exists()


def test_what_cannot_be_is_refused_and_nothing_changes(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, why in (("here", "whole path"), (str(tmp_path / "file"), "cannot be made"), ("~nobody9/x", "nobody9")):
        with pytest.raises(InputError, match=why):
            set_folder(settings, "runs_dir", folder)
    settings.config_dir.mkdir()
    file = settings.config_dir / "config.toml"
    file.write_text("= broken")
    with pytest.raises(InputError, match="changed by hand"):
        set_folder(settings, "runs_dir", str(tmp_path / "r"))
    assert file.read_text() == "= broken"
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match="cannot be changed: Is a directory"):
        set_folder(settings, "runs_dir", str(tmp_path / "r"))
