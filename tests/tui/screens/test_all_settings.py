"""The window of all settings: the field below the list belongs to one setting, and is left with a value or not."""

import pytest
from textual.events import AppBlur, AppFocus
from textual.widgets import Input

from vislab.engine.runs.ask import Asker
from vislab.tui.draft import FIRST
from vislab.tui.screens.all_settings import AllSettings
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.picker import Picker


@pytest.fixture(autouse=True)
def no_questions(monkeypatch) -> None:
    monkeypatch.setattr(Asker, "ask", lambda *words, **more: None)  # they need torch


def window(pilot) -> AllSettings:
    assert isinstance(pilot.app.screen, AllSettings)
    return pilot.app.screen


def words(pilot) -> str:
    return " ".join(window(pilot).query(Lines).last().words.split())


def current(pilot) -> str:
    item = window(pilot).query_one(Picker).choices.current
    return item.value if item is not None else ""


def row(pilot, key: str) -> int:
    choices = window(pilot).query_one(Picker).choices
    return [item.value for item in choices.shown].index(key) - choices.scroll_offset.y


async def write(pilot, key: str, text: str) -> None:
    window(pilot).query_one(Picker).choices.point(key)
    await pilot.press("enter")
    field = window(pilot).query_one("#value", Input)
    assert window(pilot).focused is field
    field.value = ""
    await pilot.press(*text)


@pytest.fixture
def leave(way, click):
    """Leave the field by a key, or by clicks on another row."""

    async def go(pilot) -> None:
        if isinstance(way, int):
            await click(pilot, window(pilot).query_one(Picker).choices, 5, row(pilot, "keep"), times=way)
        else:
            await pilot.press(way)

    return go


WAYS = pytest.mark.parametrize("way", ["tab", "shift+tab", 1, 2])


@WAYS
def test_a_field_that_is_left_takes_its_value(play, way, leave) -> None:
    async def act(pilot) -> None:
        await pilot.press("m")
        await write(pilot, "seed", "77")
        await leave(pilot)
        assert window(pilot).draft == FIRST.with_value("seed", "77")
        assert current(pilot) == ("keep" if isinstance(way, int) else "seed")
        again = way == 2
        assert window(pilot).query_one("#value").visible == again and ("↵ take" in words(pilot)) == again

    play("launch", act)


def test_the_row_that_is_clicked_stands_still_while_the_field_is_left(play, click) -> None:
    async def act(pilot) -> None:
        await pilot.press("m", "end")
        last = current(pilot)
        await write(pilot, last, "256")
        choices = window(pilot).query_one(Picker).choices
        place = choices.size.height - 3
        wanted = choices.shown[choices.scroll_offset.y + place].value
        await click(pilot, choices, 5, place)
        assert wanted != last and current(pilot) == wanted

    play("launch", act)


@WAYS
def test_a_field_is_not_left_with_nonsense(play, leave) -> None:
    async def act(pilot) -> None:
        await pilot.press("m")
        await write(pilot, "seed", "x")
        await leave(pilot)
        field = window(pilot).query_one("#value", Input)
        assert window(pilot).focused is field and field.value == "x" and current(pilot) == "seed"
        assert "✖ must be a whole number >= 0" in words(pilot) and window(pilot).draft == FIRST
        await pilot.press("escape")
        assert "✖" not in words(pilot) and "↵ change" in words(pilot) and window(pilot).draft == FIRST

    play("launch", act)


def test_what_is_being_written_outlasts_a_terminal_without_the_focus(play) -> None:
    async def act(pilot) -> None:
        await pilot.press("m")
        await write(pilot, "seed", "77")
        for event in (AppBlur(), AppFocus()):
            pilot.app.post_message(event)
            await pilot.pause()
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert window(pilot).query_one("#value").visible and window(pilot).draft == FIRST
        await pilot.press("8", "enter")
        assert window(pilot).draft.changed("seed") == "778" and current(pilot) == "seed"

    play("launch", act)


def test_a_value_that_is_accepted_as_it_stood_is_no_change(play) -> None:
    async def act(pilot) -> None:
        await pilot.press("m")
        choices = window(pilot).query_one(Picker).choices
        for key in ("seed", "device", "strategy.augment", "preprocessing.mean", "dataset.path"):
            choices.point(key)
            await pilot.press("enter", "enter")
            assert window(pilot).draft == FIRST and window(pilot).focused is choices, key
        assert window(pilot).query_one(Picker).border_title == "All settings"
        await write(pilot, "seed", "7")
        await pilot.press("enter", "enter", "enter", "end")
        assert window(pilot).draft == FIRST.with_value("seed", "7")
        assert window(pilot).query_one(Picker).border_title == "All settings · 1 changed"

    play("launch", act)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_list_is_as_wide_beside_a_field_as_without_one(play, size) -> None:
    async def act(pilot) -> None:
        await pilot.press("m")
        width = window(pilot).query_one(Picker).size.width
        await write(pilot, "seed", "7")
        assert window(pilot).query_one(Picker).size.width == width

    play("launch", act, size=size)
