"""The settings screen, and what the console does with its preferences."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from vislab.presets.settings import Settings, load_settings
from vislab.tui.app import Console
from vislab.tui.preferences import Preferences, load_preferences, preferences_file
from vislab.tui.screens.path_prompt import PathPrompt
from vislab.tui.screens.settings import SettingsLines, SettingsScreen
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = ("runs", "data", "cache", "config")
    origins = {"runs_dir": "command line", "data_dir": "VISLAB_DATA_DIR", "cache_dir": "built-in"}
    return Settings(*(tmp_path / name for name in folders), origins=origins)


def play(settings: Settings, act: Callable[[Pilot[int]], Awaitable[None]], size=(80, 24)) -> Console:
    console = Console(settings, first=lambda _: SettingsScreen())

    async def go() -> None:
        async with console.run_test(size=size) as pilot:
            await pilot.pause()
            await act(pilot)

    asyncio.run(go())
    return console


def words(pilot: Pilot[int]) -> str:
    return " ".join(pilot.app.screen.query_one(SettingsLines).words.split())


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 60), (10, 4)])
def test_every_folder_is_shown_with_where_it_came_from(settings, size) -> None:
    async def act(pilot: Pilot[int]) -> None:
        found = words(pilot).replace(" ", "")  # long paths are wrapped
        for name in ("runs_dir", "data_dir", "cache_dir", "config_dir"):
            assert f"{name}{getattr(settings, name)}" in found
        for origin in settings.origins.values():
            assert f"from:{origin}".replace(" ", "") in found

    play(settings, act, size)


@pytest.mark.parametrize("width", range(56, 83, 3))
def test_sentences_and_paths_are_wrapped_as_they_stand(tmp_path, width) -> None:
    settings = Settings(*(tmp_path / name / ("long" * 25) for name in ("runs", "data", "cache", "config")))

    async def act(pilot: Pilot[int]) -> None:
        lines = [line for line in pilot.app.screen.query_one(SettingsLines).words.splitlines() if line]
        told = " ".join(line.strip() for line in lines if line.startswith("  "))
        assert "for one shell by" in told and "or for one command by --runs-dir." in told
        assert all("  " not in line.strip() for line in lines[-3:])
        path = "".join(line.strip() for line in lines)
        assert all(str(folder) in path for folder in (settings.runs_dir, settings.config_dir))
        assert all(line.startswith("  ") for line in lines if "long" in line)

    play(settings, act, size=(width, 60))


def test_theme_and_colours_change_at_once_and_are_kept(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        assert "background dark" in words(pilot) and "told apart by colour-blind eyes" in words(pilot)
        assert "t light/dark p colours" in " ".join(pilot.app.screen.query_one(KeyFooter).words.split())
        await pilot.press("t")
        assert pilot.app.theme == "vislab-light" and "background light" in words(pilot)
        await pilot.press("p")
        assert pilot.app.theme == "vislab-light-usual" and "the usual red and green" in words(pilot)

    play(settings, act)
    assert load_preferences(settings) == (Preferences(background="light", colour_blind_safe=False), "")
    assert Console(settings).theme == "vislab-light-usual"


@pytest.mark.parametrize("width", [80, 60])
def test_the_footer_names_the_way_back_where_there_is_one(settings, width) -> None:
    async def act(pilot: Pilot[int]) -> None:
        assert "back" not in pilot.app.screen.query_one(KeyFooter).words
        pilot.app.push_screen(SettingsScreen())
        await pilot.pause()
        words = pilot.app.screen.query_one(KeyFooter).words
        assert words.startswith("t light/dark  p colours  r runs…") and words.endswith("esc back  : find  ? help")
        assert len(words) <= width - 2 and ("c cache…" in words) is (width == 80)
        await pilot.press("escape")
        assert "back" not in pilot.app.screen.query_one(KeyFooter).words

    play(settings, act, size=(width, 24))


def test_a_broken_file_never_stops_the_start_and_is_told(settings) -> None:
    preferences_file(settings).parent.mkdir()
    preferences_file(settings).write_text("background = [bold]")

    async def act(pilot: Pilot[int]) -> None:
        [notice] = pilot.app._notifications
        assert str(preferences_file(settings)) in notice.message and pilot.app.theme == "vislab-dark"

    play(settings, act)


@pytest.mark.parametrize(
    ("key", "name", "wins"), [("r", "runs_dir", "command line"), ("d", "data_dir", "DATA_DIR"), ("c", "cache_dir", "")]
)
def test_folders_are_changed_for_the_next_start(settings, tmp_path, key, name, wins) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press(key)
        assert isinstance(pilot.app.screen, PathPrompt)
        pilot.app.screen.query_one(Input).value = "here"
        await pilot.press("enter")
        assert "whole path" in pilot.app.screen.query(Lines).last().words
        pilot.app.screen.query_one(Input).value = str(tmp_path / "new")
        await pilot.press("enter")
        told = words(pilot)
        assert f"{tmp_path / 'new'}from the next start".replace(" ", "") in told.replace(" ", "")
        assert (wins + " says otherwise" in told) if wins else "otherwise" not in told

    play(settings, act)
    assert (settings.config_dir / "config.toml").read_text() == f'{name} = "{tmp_path / "new"}"\n'


def test_an_empty_line_is_the_default_folder_and_only_folders_are_offered(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    settings.config_dir.mkdir()
    (settings.config_dir / "config.toml").write_text('runs_dir = "/old"\n')
    (tmp_path / "runs" / "below").mkdir(parents=True)
    (tmp_path / "runs" / "table.csv").touch()

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("r")
        asked = pilot.app.screen
        assert "Empty: the default." in " ".join(asked.query(Lines).first().words.split())
        asked.query_one(Input).value = f"{tmp_path}/runs/"
        await pilot.pause()
        assert "below/" in asked.query(Lines).last().words and "table.csv" not in asked.query(Lines).last().words
        await pilot.press("tab")
        assert asked.query_one(Input).value == f"{tmp_path}/runs/below/"
        asked.query_one(Input).value = ""
        await pilot.press("enter")
        told = words(pilot).replace(" ", "")
        assert f"thedefault,{tmp_path}/share/vislab/runsfromthenextstart" in told

    play(settings, act)
    assert (settings.config_dir / "config.toml").read_text() == ""


def test_a_folder_that_cannot_be_written_is_told(settings) -> None:
    settings.config_dir.write_text("a file where a folder should be")

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("t")
        assert pilot.app.theme == "vislab-light"
        assert any("until the console is left" in notice.message for notice in pilot.app._notifications)

    play(settings, act)


def test_hostile_folder_names_are_text(tmp_path) -> None:
    hostile = tmp_path / "[bold]\x1b[31m<b>" / ("x" * 200)
    settings = load_settings(cwd=tmp_path, runs_dir=hostile, environment={})

    async def act(pilot: Pilot[int]) -> None:
        assert "[bold]␛[31m<b>" in words(pilot).replace(" ", "")

    play(settings, act)
