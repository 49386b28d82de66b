from pathlib import Path

import pytest

from vislab.presets.errors import InputError
from vislab.presets.settings import Settings
from vislab.tui.preferences import Preferences, load_preferences, preferences_file, save_preferences
from vislab.tui.widgets.themes import THEMES, theme_name


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def test_dark_and_safe_colours_without_a_file(settings) -> None:
    assert load_preferences(settings) == (Preferences(background="dark", colour_blind_safe=True), "")


@pytest.mark.parametrize("background", ["dark", "light"])
@pytest.mark.parametrize("safe", [True, False])
def test_preferences_come_back_and_have_a_theme(settings, background, safe) -> None:
    preferences = Preferences(background=background, colour_blind_safe=safe)
    save_preferences(preferences, settings)
    assert load_preferences(settings) == (preferences, "")
    assert theme_name(preferences) in {theme.name for theme in THEMES}
    assert [file.name for file in settings.config_dir.iterdir()] == ["console.toml"]


@pytest.mark.parametrize(
    "content", [b"= broken", b"background = 'pink'", b"unknown = 1", b"\xff\xfe", b"colour_blind_safe = 3"]
)
def test_a_broken_file_is_told_and_changes_nothing(settings, content) -> None:
    preferences_file(settings).parent.mkdir()
    preferences_file(settings).write_bytes(content)
    found, trouble = load_preferences(settings)
    assert found == Preferences() and str(preferences_file(settings)) in trouble
    chosen = Preferences(background="light")
    told = save_preferences(chosen, settings)
    assert load_preferences(settings) == (chosen, "")
    kept = settings.config_dir / "console.toml.broken"
    assert kept.read_bytes() == content and str(kept) in told
    assert save_preferences(chosen, settings) == ""


def test_a_folder_in_its_place_is_told_too(settings) -> None:
    preferences_file(settings).mkdir(parents=True)
    assert load_preferences(settings)[1].endswith("looks as usual: Is a directory")
    with pytest.raises(InputError, match=r"console\.toml cannot be written: Is a directory"):
        save_preferences(Preferences(), settings)


def test_a_folder_that_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / ("x" * 300))
    assert "File name too long" in load_preferences(settings)[1]
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        save_preferences(Preferences(), settings)
