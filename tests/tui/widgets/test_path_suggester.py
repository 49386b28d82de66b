import asyncio
import os
from pathlib import Path

import pytest
from textual.app import App

from vislab.tui.screens.path_prompt import PathPrompt
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.path_suggester import PathSuggester, completed, completions, look


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Path:
    for name in ("photos", "photons", "Other", ".hidden", "[bold]", "\x1b[31m"):
        (tmp_path / name).mkdir()
    (tmp_path / os.fsdecode(b"bad\xff")).mkdir()
    for name in ("table.csv", "mine.py", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_folders_tables_and_code_are_offered(place) -> None:
    names = ["Other/", "[bold]/", "mine.py", "photons/", "photos/", "table.csv"]
    assert completions(f"{place}/") == [f"{place}/{name}" for name in names]
    assert completions("") == names
    assert completions("~/ph") == ["~/photons/", "~/photos/"]
    assert completions(f"{place}/.h") == [f"{place}/.hidden/"]
    assert completions(f"{place}/no/such/") == []
    assert len(completions("", limit=2)) == 2


def test_names_that_cannot_be_typed_are_counted(place) -> None:
    (place / "photo\u202egnp").mkdir()
    (place / "no\x1btes.txt").touch()
    assert look("") == (completions(""), 3)
    assert look("pho") == (["photons/", "photos/"], 1)
    assert look("Other") == (["Other/"], 0)


def test_the_prompt_says_what_it_leaves_out(place) -> None:
    async def listed(*folders: str) -> str:
        for name in folders:
            (place / name).mkdir()
        app = App[None]()
        async with app.run_test(size=(60, 20)) as pilot:
            await app.push_screen(PathPrompt("Folder:", f"{place}/"))
            await pilot.pause()
            return app.screen.query(Lines).last().words

    assert "2 left out: names that cannot be typed" in asyncio.run(listed())
    assert "… 1 more, 2 left out: names that cannot be typed" in asyncio.run(listed("seven"))


def test_what_all_have_in_common_is_completed(place) -> None:
    assert completed("ph") == "photo" and completed("photos") == "photos/" and completed("zzz") == "zzz"
    suggest = PathSuggester().get_suggestion
    assert asyncio.run(suggest("O")) == "Other/" and asyncio.run(suggest("")) is None


def test_a_folder_that_may_not_be_read_offers_nothing(place) -> None:
    (place / "photos").chmod(0)
    assert completions("photos/") in ([], ["photos/"]) or os.geteuid() == 0
    assert completions("table.csv/") == []
