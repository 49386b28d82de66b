"""What is typed faster than the console answers goes where it belongs."""

import asyncio
import threading
import unicodedata

import pytest
from textual.events import Key, Paste
from textual.widgets import Input
from textual.widgets._toast import Toast

from vislab.engine.runs.store import Run
from vislab.tui.app import Console
from vislab.tui.run_watch import RunWatch
from vislab.tui.screens import dialog
from vislab.tui.screens.dialog import Prompt, Question
from vislab.tui.screens.help import HelpScreen
from vislab.tui.screens.history import HistoryScreen
from vislab.tui.screens.live_runs import LiveRuns
from vislab.tui.screens.palette import Palette
from vislab.tui.widgets.picker import Picker
from vislab.tui.widgets.run_list import RunList


def at_once(pilot, *keys):
    """Type without waiting for anything, as a terminal hands on what arrives in one piece."""
    for key in keys:
        name = unicodedata.name(key).lower().replace(" ", "_") if len(key) == 1 and not key.isalnum() else key
        pilot.app._driver.send_message(Key({"solidus": "slash"}.get(name, name), key if len(key) == 1 else None))


async def until(pilot, reached):
    for _ in range(400):
        if reached():
            return
        await pilot.pause(0.01)
    raise AssertionError("not reached")


@pytest.fixture
def runs(make_run):
    return [make_run(name) for name in ("first", "nanrun", "last")]


def test_letters_behind_a_slash_are_the_filter(runs, play):
    async def act(pilot):
        at_once(pilot, *"/nanrun", "enter")
        rows = pilot.app.screen.query_one(RunList)
        await until(pilot, lambda: pilot.app.screen.query_one(Input).value == "nanrun")
        await until(pilot, lambda: pilot.app.focused is rows)
        assert [listed.name for listed in rows.rows] == ["nanrun"]

    play("history", act)


def test_pasted_text_behind_a_slash_is_the_filter(runs, play):
    async def act(pilot):
        at_once(pilot, "/")
        pilot.app._driver.send_message(Paste("nanrun"))
        await until(pilot, lambda: pilot.app.screen.query_one(Input).value == "nanrun")

    play("history", act)


def test_letters_find_in_the_pickers_of_the_launch_screen(play):
    async def act(pilot):
        at_once(pilot, *"/lenet")
        picker = pilot.app.screen.parts.picker(pilot.app.screen.parts.focused or "architecture")
        await until(pilot, lambda: picker.query_one(Input).value == "lenet")
        assert isinstance(picker, Picker) and picker.filtering

    play("launch", act)


def test_letters_find_in_the_palette_and_enter_does_it(runs, play):
    async def act(pilot):
        at_once(pilot, *":rename")
        await until(pilot, lambda: isinstance(pilot.app.screen, Palette))
        await until(pilot, lambda: pilot.app.screen.query_one(Input).value == "rename")
        at_once(pilot, "escape", "?")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))

    play("history", act)


def test_letters_belong_to_the_question_that_their_first_one_opens(runs, play, settle):
    async def act(pilot):
        at_once(pilot, "s", *"name")  # s asks what to sort by; n, a, m and e alone would do other things
        await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
        await until(pilot, lambda: pilot.app.screen.query_one(Input).value == "name")
        at_once(pilot, "enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Prompt))
        assert pilot.app.screen.by.name == "name"

    play("history", act)


def test_no_key_waits_for_one_that_is_never_done_with(runs, play, monkeypatch):
    monkeypatch.setattr("vislab.tui.key_order.LONGEST", 0.1)

    async def act(pilot):
        stuck = asyncio.Event()
        pilot.app.screen.query_one(RunList).call_later(stuck.wait)
        at_once(pilot, "j", "ctrl+c")
        await asyncio.sleep(0.2)  # not `pilot.pause`, which waits for the list
        stuck.set()
        assert pilot.app._exit

    play("history", act)


def test_a_key_that_is_waited_for_while_the_console_ends_is_no_error(runs, play):
    async def act(pilot):
        pass

    console = play("history", act)
    asyncio.run(console.key_order._settled(console))  # its screens have gone


def test_an_error_in_an_action_is_told_as_ever(runs, play, monkeypatch):
    def broken(event):
        raise RuntimeError("broken")

    async def act(pilot):
        monkeypatch.setattr(pilot.app.screen.query_one(RunList), "_forward_event", broken)
        at_once(pilot, "j")
        await until(pilot, lambda: pilot.app._exit)

    with pytest.raises(RuntimeError, match="broken"):
        play("history", act)


def test_a_key_with_none_before_it_is_given_on_in_the_next_turn_of_the_loop(runs, play, monkeypatch):
    async def act(pilot):
        keys, given, turns = pilot.app.key_order, [], 0

        async def give(event):
            given.append(event.key)

        monkeypatch.setattr(keys, "_give", give)
        await keys.take(Key("j", "j"))
        while not given and turns < 10:
            turns += 1
            await asyncio.sleep(0)
        assert given == ["j"] and turns == 1

    play("history", act)


def test_keys_wait_for_a_run_that_is_being_started(runs, play):
    async def act(pilot):
        started = threading.Event()
        pilot.app.run_worker(lambda: started.wait(5), thread=True, group="launch")
        at_once(pilot, "ctrl+c", "s")
        await pilot.pause(0.05)
        assert pilot.app._ending is None and not isinstance(pilot.app.screen, Prompt)
        at_once(pilot, "ctrl+c")  # once more leaves without waiting
        await until(pilot, lambda: pilot.app._ending is not None)
        started.set()

    play("history", act)


def test_keys_wait_for_a_question_and_do_not_answer_it_where_that_cannot_be_taken_back(runs, play, settle, monkeypatch):
    counted, size = threading.Event(), Run.size

    def late(run):
        counted.wait(5)
        return size(run)

    async def act(pilot):
        await settle(pilot)
        monkeypatch.setattr(Run, "size", late)
        at_once(pilot, *"aDyd", "down", "enter")  # y alone would copy, and enter open a run
        await pilot.pause(0.05)
        counted.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await settle(pilot)
        assert isinstance(pilot.app.screen, Question) and all(run.path.exists() for run in runs)
        at_once(pilot, "y")
        await until(pilot, lambda: not any(run.path.exists() for run in runs))
        assert [screen.NAME for screen in pilot.app.screen_stack] == ["history"]

    play("history", act)


@pytest.mark.parametrize("no", ["n", "escape"])
def test_who_says_no_to_a_question_is_heard_before_it_was_seen(runs, play, settle, monkeypatch, no):
    monkeypatch.setattr(dialog, "SEEN", 3600.0)
    asked = []

    async def act(pilot):
        push = pilot.app.push_screen
        monkeypatch.setattr(pilot.app, "push_screen", lambda screen, then: (asked.append(screen), push(screen, then)))
        at_once(pilot, *"aDy", no, "j")
        await until(pilot, lambda: asked and not pilot.app.key_order._waiting)
        await settle(pilot)
        assert pilot.app.screen.NAME == "history" and all(run.path.exists() for run in runs)
        listed = pilot.app.screen.query_one(RunList)
        assert listed.current.id == listed.rows[1].id  # the key after it goes to the list again

    play("history", act)


@pytest.mark.parametrize("typed", ["/nan", ""])
def test_the_offer_of_live_runs_does_not_open_over_what_is_typed(runs, settings, monkeypatch, typed):
    looked = threading.Event()
    monkeypatch.setattr("vislab.tui.app.screen_class", lambda name: HistoryScreen)  # in place of the launch screen
    monkeypatch.setattr(Console, "_live_now", lambda console: looked.wait(5) and tuple(runs[:2]))
    console = Console(settings)

    async def go():
        async with console.run_test(notifications=True) as pilot:
            at_once(pilot, *typed)
            field = console.screen_stack[0].query_one(Input)
            await until(pilot, lambda: field.value == typed[1:])
            looked.set()
            await until(pilot, lambda: console.looked)
            at_once(pilot, *"run")
            if not typed:
                await until(pilot, lambda: isinstance(console.screen, LiveRuns))
                return
            await until(pilot, lambda: field.value == "nanrun")
            (told,) = console.screen.query(Toast)
            assert str(told.render()) == "2 runs training now: V watches one"
            await pilot.press("escape", "V")
            assert isinstance(console.screen, LiveRuns)

    asyncio.run(go())


def test_ctrl_c_does_not_wait_for_a_question(runs, play):
    async def act(pilot):
        ready = threading.Event()
        pilot.app.run_worker(lambda: ready.wait(5), thread=True, group="question")
        at_once(pilot, "ctrl+c")
        await until(pilot, lambda: pilot.app._exit)
        ready.set()

    play("history", act)


def test_letters_behind_a_slash_are_the_filter_while_runs_are_read(runs, play, monkeypatch):
    read, read_all = threading.Event(), RunWatch.read_all

    def late(watch):
        read.wait(5)
        return read_all(watch)

    monkeypatch.setattr(RunWatch, "read_all", late)

    async def act(pilot):
        pilot.app.open("history")
        at_once(pilot, *"/nanrun")
        await until(pilot, lambda: pilot.app.screen.NAME == "history" and pilot.app.screen.query(Input))
        await until(pilot, lambda: pilot.app.screen.query_one(Input).value == "nanrun")
        read.set()
        await until(pilot, lambda: [listed.name for listed in pilot.app.screen.query_one(RunList).rows] == ["nanrun"])

    play("settings", act)
