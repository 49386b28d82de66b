"""What is left of a screen when one has left it."""

import asyncio
import gc
import time
import weakref

import pytest
from textual._styles_cache import StylesCache
from textual.widget import Widget

from vislab.tui.app import screen_class
from vislab.tui.screens.live_runs import LiveRuns
from vislab.tui.screens.painted import OF_SIZES
from vislab.tui.widgets.lines import Lines

PREDICTED = [("cat/1.png", "cat", "dog"), ("cat/2.png", "cat", "cat"), ("dog/1.png", "dog", "dog")] * 4


@pytest.fixture
def runs(make_run):
    return [make_run("done", predictions=PREDICTED), make_run("other", (0.4, 0.6))]


WAYS = [
    ("history", lambda pilot, runs: pilot.app.open("live", run=runs[0])),
    ("history", lambda pilot, runs: pilot.app.open("results", run=runs[0])),
    ("history", lambda pilot, runs: pilot.app.open("compare", runs=runs)),
    ("history", lambda pilot, runs: pilot.press("S")),
    ("history", lambda pilot, runs: pilot.press("colon")),
    ("launch", lambda pilot, runs: pilot.press("H")),
    ("launch", lambda pilot, runs: pilot.press("r")),
    ("launch", lambda pilot, runs: pilot.press("m")),
]


@pytest.mark.parametrize(("home", "open_it"), WAYS)
def test_a_screen_that_was_left_takes_no_memory(runs, play, settle, home, open_it) -> None:
    async def act(pilot):
        await settle(pilot)
        at_home = pilot.app.screen
        left = []
        for _ in range(4):
            if (pressed := open_it(pilot, runs)) is not None:
                await pressed
            await settle(pilot)
            assert pilot.app.screen is not at_home
            left.append(weakref.ref(pilot.app.screen))
            await pilot.press("escape")
            await settle(pilot)
            assert pilot.app.screen is at_home
        await pilot.press("colon", "escape")  # another one: the application remembers the last
        await settle(pilot)
        until = time.monotonic() + 10
        while any(screen() is not None for screen in left) and time.monotonic() < until:
            await asyncio.sleep(0.2)  # a timer that was cancelled lies in the loop, with its screen, until its time
            gc.collect()
        assert not [screen() for screen in left if screen() is not None]
        there = gc.get_objects()
        widgets = sum(isinstance(thing, Widget) for thing in there)
        assert sum(isinstance(thing, StylesCache) for thing in there) <= widgets

    play(home, act)


@pytest.mark.parametrize("home", ["launch", "history"])
def test_sizes_that_a_terminal_had_are_not_remembered(runs, play, settle, home) -> None:
    def remembered():
        return {f"{owner.__name__}.{name}": getattr(owner, name).cache_info().currsize for owner, name in OF_SIZES}

    async def act(pilot):
        await pilot.resize_terminal(150, 45)
        await settle(pilot)
        once = remembered()
        assert once["Region.overlaps"] > 20
        for width in range(60, 150, 9):
            await pilot.resize_terminal(width, width // 4)
        await pilot.resize_terminal(150, 45)
        await settle(pilot)
        for name, count in remembered().items():
            assert count <= 1.5 * once[name] + 20, name

    play(home, act)


def test_a_screen_that_is_left_while_it_is_fitted_to_a_new_size_is_not_shown(runs, play, settle) -> None:
    async def act(pilot):
        app = pilot.app
        for size in ((60, 20), (80, 24)):
            app.open("results", run=runs[0])
            await settle(pilot)
            screen = app.screen
            await pilot.press("v")
            app.open("live", run=runs[0])
            await settle(pilot)
            await pilot.resize_terminal(*size)
            screen.call_after_refresh(screen._show)
            await pilot.press("R")
            await settle(pilot)
            await pilot.press("escape")

    play("history", act)


@pytest.mark.parametrize("name", ["launch", "history", "live", "results", "compare", "settings", "offer"])
def test_a_screen_that_opens_as_the_console_ends_disturbs_nothing(runs, play, name) -> None:
    async def act(pilot):
        given = {"live": {"run": runs[0]}, "results": {"run": runs[0]}, "compare": {"runs": runs}}.get(name, {})
        pilot.app.push_screen(LiveRuns(runs) if name == "offer" else screen_class(name)(**given))

    assert not play("history", act).return_code


def test_going_back_twice_at_once_goes_back_once(runs, play, settle) -> None:
    async def act(pilot):
        for name, key in (("history", "action_back"), ("live", "action_detach")):
            pilot.app.open(name, **({"run": runs[0]} if name == "live" else {}))
            await settle(pilot)
            screen = pilot.app.screen
            for _ in range(2):  # two clicks that come in one piece
                if screen.check_action("back", ()):
                    getattr(screen, key)()
            await settle(pilot)
            assert type(pilot.app.screen).__name__ == "LaunchScreen" and pilot.app.is_running

    play("launch", act)


def test_a_screen_below_another_keeps_nothing_that_was_painted(make_run, play, settle) -> None:
    make_run("done")

    async def act(pilot):
        below = pilot.app.screen

        def painted():
            widgets = list(below.walk_children(Widget))
            kept = [line for widget in widgets for line in widget._styles_cache._cache]
            return kept + [line for lines in widgets if isinstance(lines, Lines) for line in lines._strips]

        assert painted()
        await pilot.press("question_mark")
        await settle(pilot)
        assert painted()  # it is seen below the window
        await pilot.press("escape", "S")
        await settle(pilot)
        assert not painted()
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.screen is below and painted()

    play("history", act)
