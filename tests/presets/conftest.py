"""A person without settings, in an empty folder."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration folder; the working directory is an empty folder `work` beside it."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(home / variable.lower()))
    for variable in ("VISLAB_RUNS_DIR", "VISLAB_DATA_DIR", "VISLAB_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return home / "xdg_config_home" / "vislab"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of images: two classes, one image each."""
    folder = tmp_path / "photos"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / name / "0.png")
    return folder
