"""Fields of the launch screen: what is written in one is taken when it is left, whichever way, or it is not left."""

import pytest
from textual.events import AppBlur, AppFocus, Key
from textual.widgets import Input

from vislab.engine.runs.ask import Asker
from vislab.tui.draft import FIRST
from vislab.tui.screens.all_settings import AllSettings
from vislab.tui.screens.help import HelpScreen
from vislab.tui.screens.launch import LaunchScreen
from vislab.tui.screens.selection_window import SelectionWindow
from vislab.tui.widgets.field import Field
from vislab.tui.widgets.field_row import FURTHER, FieldRow
from vislab.tui.widgets.hint_line import HintLine
from vislab.tui.widgets.selection_panel import SelectionPanel

RATE = "strategy.learning_rate"


@pytest.fixture(autouse=True)
def launched(monkeypatch) -> list:
    """Drafts that were to be started."""
    drafts: list = []
    monkeypatch.setattr(Asker, "ask", lambda *words, **more: None)  # its questions need torch
    monkeypatch.setattr(LaunchScreen, "launch", lambda self, starts, how: drafts.extend(starts))
    return drafts


def field(pilot, key: str = RATE) -> Field:
    return next(one for one in pilot.app.screen.query(Field) if one.key == key)


def hint(pilot) -> str:
    return pilot.app.screen.query_one(HintLine).words


async def write(pilot, text: str, key: str = RATE) -> None:
    """Open a field and write over its value."""
    pilot.app.screen.set_focus(field(pilot, key))
    await pilot.press("enter")
    pilot.app.screen.focused.value = ""
    await pilot.press(*({".": "full_stop"}.get(letter, letter) for letter in text))
    assert field(pilot, key).writing


WAYS = pytest.mark.parametrize("way", ["tab", "shift+tab", "#seed", "#dataset Choices"])


@pytest.fixture
def leave(way, click):
    """Leave a field by a key, or by a click on another part."""

    async def go(pilot) -> None:
        # The first line of the list opens a window.
        await (click(pilot, way, y=int("Choices" in way)) if way[0] == "#" else pilot.press(way))

    return go


@WAYS
def test_a_field_that_is_left_takes_its_value(play, way, leave) -> None:
    async def act(pilot) -> None:
        await write(pilot, "0.5")
        await leave(pilot)
        assert not field(pilot).writing and pilot.app.screen.draft.changed(RATE) == "0.5"
        assert field(pilot).shown == "learning rate 0.5" and field(pilot, "seed").writing == (way == "#seed")

    play("launch", act)


@WAYS
def test_a_field_is_not_left_with_nonsense(play, launched, leave, click) -> None:
    async def act(pilot) -> None:
        await write(pilot, "zzz", "strategy.batch_size")
        written = pilot.app.screen.focused
        await leave(pilot)
        batch = field(pilot, "strategy.batch_size")
        assert pilot.app.screen.focused is written and batch.writing and not field(pilot, "seed").writing
        assert hint(pilot).rstrip() == "✖ must be a whole number >= 1 or auto"
        await click(pilot, "#dataset Choices")  # the line that asks for a folder
        assert pilot.app.screen.focused is written
        await pilot.press("g")
        assert written.value == "zzzg" and not launched and not pilot.app.screen.draft.values
        await pilot.press("escape")
        assert batch.shown == "batch 64" and batch.has_focus and "✖" not in hint(pilot)

    play("launch", act)


def test_keys_behind_a_tab_start_with_what_was_written_before_it(play, launched, settle) -> None:
    async def act(pilot) -> None:
        pilot.app.screen.set_focus(field(pilot))
        await pilot.press("enter")
        for key in ("0", ".", "5", "tab", "g"):  # as a terminal hands on what arrives in one piece
            name = {".": "full_stop"}.get(key, key)
            pilot.app._driver.send_message(Key(name, key if len(key) == 1 else None))
        for _ in range(400):
            if launched:
                break
            await pilot.pause(0.01)
        assert [draft.changed(RATE) for draft in launched] == ["0.5"]

    play("launch", act)


def test_help_is_on_the_field_in_which_one_writes(play, click) -> None:
    async def act(pilot) -> None:
        await write(pilot, "0.5")
        await click(pilot, "#seed")
        seed = field(pilot, "seed")
        assert seed.writing and pilot.app.screen.query_one(FieldRow).current is seed
        assert hint(pilot).startswith("default 0; a whole number")

    play("launch", act)


def test_a_value_that_was_taken_stands_in_the_field_when_it_is_opened_again_at_once(play, click) -> None:
    async def act(pilot) -> None:
        await write(pilot, "0.5")
        await click(pilot, field(pilot), 2)  # its own label
        assert field(pilot).writing and pilot.app.screen.focused.value == "0.5"

    play("launch", act)


@pytest.mark.parametrize("way", ["tab", "enter"])
def test_a_field_in_which_nothing_was_written_changes_nothing(play, way) -> None:
    async def act(pilot) -> None:
        pilot.app.screen.set_focus(field(pilot))
        await pilot.press("enter", way)
        assert not field(pilot).writing and pilot.app.screen.draft == FIRST

    play("launch", act)


def test_an_empty_field_that_is_left_takes_the_change_back(play) -> None:
    async def act(pilot) -> None:
        await write(pilot, "0.5")
        await pilot.press("tab")
        await write(pilot, "")
        await pilot.press("tab")
        assert pilot.app.screen.draft == FIRST

    play("launch", act)


def test_what_is_being_written_outlasts_windows_sizes_and_a_terminal_without_the_focus(play) -> None:
    async def act(pilot) -> None:
        launch = pilot.app.screen
        await write(pilot, "0.5")
        for size in ((20, 5), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        pilot.app.post_message(AppBlur())
        await pilot.pause()
        pilot.app.push_screen(HelpScreen([]))
        pilot.app.post_message(AppFocus())
        await pilot.pause()
        pilot.app.pop_screen()
        await pilot.pause()
        assert isinstance(launch.focused, Input) and launch.focused.value == "0.5" and field(pilot).writing
        assert launch.draft == FIRST
        await pilot.press("escape")
        assert field(pilot).shown == "learning rate 0.001" and launch.draft == FIRST

    play("launch", act)


def test_a_terminal_may_lose_the_focus_before_the_screen_has_its_fields(play) -> None:
    async def act(pilot) -> None:
        pilot.app.push_screen(launch := LaunchScreen())
        assert not launch.query(Field)
        launch.set_focus(None)
        await pilot.pause()
        assert launch.query(Field)

    play("settings", act)


def test_what_looks_like_a_key_is_clicked_as_one(play, click, settle) -> None:
    async def act(pilot) -> None:
        launch = pilot.app.screen
        more = launch.query_one("FieldRow > _More")
        await click(pilot, more, 12)  # behind its words
        assert pilot.app.screen is launch
        await click(pilot, more, 2)
        assert isinstance(pilot.app.screen, AllSettings)
        await pilot.press("escape")
        await settle(pilot)
        await click(pilot, "#device", 10)
        assert launch.draft.changed("device")

    play("launch", act)


def test_the_way_to_what_the_summary_has_no_room_for_is_clicked_as_its_key(play, click) -> None:
    async def act(pilot) -> None:
        panel = pilot.app.screen.query_one(SelectionPanel)
        assert panel.border_title == "What will run · s shows all"
        for x, y in ((2, 0), (15, 0), (29, 0), (20, 1)):
            await click(pilot, panel, x, y)
            assert isinstance(pilot.app.screen, LaunchScreen)
        for x in (18, 28):
            await click(pilot, panel, x)
            assert isinstance(pilot.app.screen, SelectionWindow)
            await pilot.press("escape")
        await pilot.resize_terminal(80, 40)
        await pilot.pause()
        assert panel.border_title == "What will run"
        await click(pilot, panel, 5)
        assert isinstance(pilot.app.screen, LaunchScreen)

    play("launch", act, size=(60, 12))


ALWAYS = ["strategy.epochs", "strategy.batch_size", "strategy.learning_rate", "seed"]
SHOWN = {60: 4, 80: 4, 100: 5, 120: 6, 160: 8, 200: 10}
"""Fields that a terminal of so many columns has room for."""


def row(pilot) -> list[str]:
    return [one.key for one in pilot.app.screen.query(Field) if one.display]


def test_as_many_settings_stand_in_the_row_as_there_is_room_for(play) -> None:
    async def act(pilot) -> None:
        for columns in (200, 60, 120, 160, 100, 80, 200):
            await pilot.resize_terminal(columns, 40)
            await pilot.pause()
            assert len(row(pilot)) == SHOWN[columns] and row(pilot) == [*ALWAYS, *FURTHER][: SHOWN[columns]]
            more = "m more" if columns == 60 else "m more (9 changed)"
            assert pilot.app.screen.query_one("FieldRow > _More").region.x + len(more) < columns
        assert field(pilot, "preprocessing.image_size").shown == "image size 28"

    play("launch", act)


def test_a_setting_that_has_room_is_changed_like_the_others(play, settle) -> None:
    async def act(pilot) -> None:
        launch = pilot.app.screen
        await write(pilot, "sgdw", "strategy.optimizer")
        await pilot.press("tab")
        assert pilot.app.screen.focused is field(pilot, "strategy.weight_decay")
        assert hint(pilot).startswith("default 0.05 (strategy scratch); a number")
        await pilot.press("enter", *"zz", "enter")
        assert "✖ must be" in hint(pilot)
        await pilot.press("escape")
        launch._resolve()
        assert launch.resolved.spec.strategy.optimizer == "sgdw"
        more = launch.query_one("FieldRow > _More")
        assert more.words == "m more"  # it is seen in its field
        pilot.app.screen.set_focus(field(pilot, "strategy.optimizer"))
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert field(pilot, "strategy.optimizer").has_focus and field(pilot, "strategy.optimizer").display
        await pilot.press("tab")
        launch._resolve()
        assert row(pilot) == ALWAYS and more.words == "m more (1 changed)"

    play("launch", act, size=(200, 60))


@pytest.mark.parametrize("size", [(200, 60), (120, 60), (300, 100)])
def test_what_the_summary_does_not_need_belongs_to_the_pickers(play, settle, size) -> None:
    async def act(pilot) -> None:
        launch = pilot.app.screen
        panel = launch.query_one(SelectionPanel)
        before = panel.outer_size
        assert before.height <= (16 if size[0] >= 160 else 19)
        assert launch.parts.size.height == size[1] - before.height - 6
        assert launch.parts.picker("architecture").choices.size.height > size[1] // 2
        for _ in range(5):
            await pilot.press("down")
            launch._resolve()
            await pilot.pause()
            assert panel.outer_size == before  # nothing moves with the cursor

    play("launch", act, size=size)


@pytest.mark.parametrize(("size", "height"), [((80, 24), 10), ((60, 20), 8), ((120, 40), 17)])
def test_where_there_is_little_room_the_summary_has_half_of_it(play, size, height) -> None:
    async def act(pilot) -> None:
        assert pilot.app.screen.query_one(SelectionPanel).outer_size.height == height

    play("launch", act, size=size)


@pytest.mark.parametrize("recipe", ["", "digits-lenet5"])
def test_what_was_written_outlives_a_cursor_that_passes_over_other_strategies(play, settle, recipe) -> None:
    async def act(pilot) -> None:
        launch = pilot.app.screen
        if recipe:
            launch.change(launch.draft.from_recipe(recipe))
        for key, text in (("strategy.epochs", "7"), ("strategy.batch_size", "32")):
            await write(pilot, text, key)
            await pilot.press("enter")
        await resolved(pilot)
        own = launch.resolved.spec.strategy
        launch.set_focus(launch.query_one("#strategy Choices"))
        for keys in (("down", "up"), ("up", "up", "down", "down")):
            for key in keys:
                await pilot.press(key)
                await resolved(pilot)
                changed = (launch.draft.changed("strategy.epochs"), launch.draft.changed("strategy.batch_size"))
                assert changed == (("7", "32") if launch.resolved.spec.strategy.name == own.name else (None, None))
            assert launch.resolved.spec.strategy == own
        await pilot.press("down", "x", "up")
        await resolved(pilot)
        assert launch.resolved.spec.strategy.name == own.name and not launch.draft.values

    async def resolved(pilot) -> None:
        launch = pilot.app.screen
        for _ in range(100):  # until the launch screen knows where the cursor is
            await pilot.pause()
            chosen = launch.draft.strategy or launch.resolved.spec.strategy.name
            if launch.query_one("#strategy Choices").current.value == chosen:
                break
        launch._resolve()  # not a moment later

    play("launch", act)
