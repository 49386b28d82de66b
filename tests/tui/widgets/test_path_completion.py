import asyncio
import os
import random
from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Input

from vislab.tui.garbage import Leavings
from vislab.tui.screens.path_prompt import PathPrompt
from vislab.tui.widgets import path_completion
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.path_completion import Found, completed, completions


class Host(App[None]):
    """An application that collects nothing."""

    leavings = Leavings(lambda *_: None, lambda: 0.0)


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


def paths(text: str) -> list[str]:
    return completions(text).paths


def test_folders_tables_and_code_are_offered(place) -> None:
    names = ["Other/", "[bold]/", "mine.py", "photons/", "photos/", "table.csv"]
    assert paths(f"{place}/") == [f"{place}/{name}" for name in names]
    assert paths("") == names
    assert paths("~/ph") == ["~/photons/", "~/photos/"]
    assert paths(f"{place}/.h") == [f"{place}/.hidden/"]
    assert paths(f"{place}/no/such/") == []
    assert completions("", folders=True).paths == [name for name in names if name.endswith("/")]


def test_names_that_cannot_be_typed_are_counted(place) -> None:
    (place / "photo\u202egnp").mkdir()
    (place / "no\x1btes.txt").touch()
    assert completions("").unwritable == 3
    assert completions("pho") == Found(["photons/", "photos/"], unwritable=1)
    assert completions("Other") == Found(["Other/"])


def test_the_first_by_name_are_offered_whatever_the_order_of_the_folder(place) -> None:
    for number in random.Random(0).sample(range(1, 301), 300):
        (place / "photos" / f"d{number}").mkdir()
    (place / "photos" / "d007").mkdir()
    found = completions("photos/")
    assert len(found.paths) == 301 and not found.more
    assert found.paths[:3] == ["photos/d1/", "photos/d2/", "photos/d3/"]
    assert found.paths[6:8] == ["photos/d007/", "photos/d7/"] and found.paths[-1] == "photos/d300/"
    assert paths("photos/d29")[:2] == ["photos/d29/", "photos/d290/"]


def test_what_is_beyond_the_limit_is_not_counted(place, monkeypatch) -> None:
    monkeypatch.setattr(path_completion, "MOST", 7)
    assert "  … 1 more" in listed(place, "seven")
    assert "  … more than 1 more" in listed(place, "eight")
    found = completions("")
    assert len(found.paths) == 7 and found.more
    assert completed("") == ""  # nobody knows what all have in common


def test_the_prompt_says_what_it_leaves_out(place) -> None:
    assert "2 left out: names that cannot be typed" in listed(place)
    assert "… 1 more, 2 left out: names that cannot be typed" in listed(place, "seven")


def listed(place: Path, *folders: str) -> str:
    """What the prompt shows below its field, after some folders have been made."""

    async def show() -> str:
        for name in folders:
            (place / name).mkdir()
        app = Host()
        async with app.run_test(size=(60, 20)) as pilot:
            await app.push_screen(PathPrompt("Folder:", f"{place}/"))
            await pilot.pause()
            return app.screen.query(Lines).last().words

    return asyncio.run(show())


def test_what_all_have_in_common_is_completed(place) -> None:
    assert completed("ph") == "photo" and completed("photos") == "photos/" and completed("zzz") == "zzz"


def test_keys_choose_and_complete_and_the_field_holds_what_was_typed(place) -> None:
    taken: list[str | None] = []

    async def act() -> None:
        app = Host()
        async with app.run_test(size=(60, 20)) as pilot:
            app.push_screen(PathPrompt("Folder:"), taken.append)
            await pilot.pause()
            field, listed = app.screen.query_one(Input), app.screen.query(Lines).last()

            async def press(*keys: str) -> str:
                await pilot.press(*keys)
                return field.value

            assert await press(*"pho") == "pho" and "Other/" not in listed.words
            assert await press("tab") == "photo" and await press("left", "right") == "photo"
            assert "↵ accept" in listed.words
            assert await press("down", "down") == "photo" and "▸ photos/" in listed.words
            assert "↵ go in " in listed.words
            assert await press("enter") == "photos/"  # what is chosen; not the end
            assert await press("ctrl+u", *"photon", "right") == "photons/"
            await press("ctrl+u", *"ph", "up", "up", "tab")
            assert field.value == "photons/"
            await press("ctrl+u", *"ph", "enter")

    asyncio.run(act())
    assert taken == ["ph"]


def test_what_cannot_be_done_with_a_path_is_said_and_the_window_stays(place) -> None:
    async def act() -> None:
        app = Host()
        async with app.run_test(size=(60, 20)) as pilot:
            app.push_screen(PathPrompt("Folder:", "x", do=lambda path: f"{path} is no folder" if path == "x" else ""))
            await pilot.pause()
            await pilot.press("enter")
            assert "✖ x is no folder" in app.screen.query(Lines).last().words
            await pilot.press("y")  # in place of what stood there
            assert "✖" not in app.screen.query(Lines).last().words and app.screen.query_one(Input).value == "y"
            await pilot.press("enter")
            assert not isinstance(app.screen, PathPrompt)

    asyncio.run(act())


def test_a_folder_that_may_not_be_read_offers_nothing(place) -> None:
    (place / "photos").chmod(0)
    assert paths("photos/") in ([], ["photos/"]) or os.geteuid() == 0
    assert paths("table.csv/") == []


@pytest.mark.parametrize("text", ["~nobody-is-called-so/", "~nobody-is-called-so/x", "a\0b/", "loop/"])
def test_what_cannot_be_looked_into_offers_nothing(place, text) -> None:
    (place / "loop").symlink_to("loop")
    assert completions(text) == Found([])


def test_a_link_that_leads_back_to_itself_hides_no_other_folder(place) -> None:
    (place / "loop").symlink_to("loop")
    assert paths("pho") == ["photons/", "photos/"] and paths("lo") == []
