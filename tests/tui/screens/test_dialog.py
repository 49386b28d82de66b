"""Small windows and notices on small terminals: all words are there."""

import asyncio
from collections.abc import Callable

import pytest
from textual.widgets import Input
from textual.widgets._toast import Toast

from vislab.tui.app import Console
from vislab.tui.screens.dialog import Answer, Prompt, Question
from vislab.tui.screens.path_prompt import PathPrompt
from vislab.tui.screens.settings import SettingsScreen
from vislab.tui.screens.window import Window
from vislab.tui.widgets.lines import Sentences

ASKED = "Sort by " + ", ".join(f"column-{number}" for number in range(24)) + ". A - before it: the smallest first."


def shown(console: Console, kind: type[Sentences | Toast]) -> list[str]:
    """What is painted of widgets of one kind, a text each."""
    strips = console.screen._compositor.render_strips()
    found = []
    for widget in console.screen.query(kind):
        region = console.screen.find_widget(widget).visible_region
        lines = (strips[y].crop(region.x, region.right).text for y in region.line_range)
        found.append(" ".join(" ".join(lines).replace("▌", " ").split()))
    return found


def is_seen(field: Input) -> bool:
    place = field.screen.find_widget(field)
    return place.clip.contains_region(place.region)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Question(ASKED, [Answer("y", "y", "yes")]),
        lambda: Prompt(ASKED, do=lambda _: ASKED),
        lambda: PathPrompt(ASKED, "/nowhere/at/all", do=lambda _: ASKED),
    ],
)
def test_words_are_wrapped_to_the_window_and_the_field_is_seen(settings, make: Callable[[], Window[str]]) -> None:
    console = Console(settings, first=lambda _: SettingsScreen())

    async def go() -> None:
        async with console.run_test(size=(60, 64)) as pilot:
            console.push_screen(window := make())
            await pilot.press(*["enter"] * isinstance(window, Prompt))
            for width in (60, 30):
                await pilot.resize_terminal(width, 64)
                await pilot.pause()
                told = shown(console, Sentences)
                assert told[0] == ASKED
                assert all(words.endswith(f"✖ {ASKED}") for words in told[1:])
            await pilot.resize_terminal(30, 20)
            console.pop_screen()
            console.push_screen(window := make())
            for _ in range(100):
                await pilot.pause(0.02)
                if seen := all(is_seen(field) for field in window.query(Input)):
                    break
            assert seen

    asyncio.run(go())


@pytest.mark.parametrize("width", [30, 60])
def test_a_notice_is_seen_whole(settings, width) -> None:
    console = Console(settings, first=lambda _: SettingsScreen())
    told = "copied: the figures of each class, as a table; also in /srv/somebody/ca/copied.txt"

    async def go() -> None:
        async with console.run_test(size=(width, 20), notifications=True) as pilot:
            console.notify(told, markup=False)
            await pilot.pause()
            assert shown(console, Toast)[0].replace(" ", "") == told.replace(" ", "")

    asyncio.run(go())
