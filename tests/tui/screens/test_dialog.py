"""Small windows and notices on small terminals: all words are there."""

import asyncio
import math
from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets._toast import Toast

from vislab.tui.app import Console
from vislab.tui.screens import dialog
from vislab.tui.screens.dialog import Answer, Prompt, Question
from vislab.tui.screens.help import HelpScreen
from vislab.tui.screens.live_runs import LiveRuns
from vislab.tui.screens.palette import Palette
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
        right = region.right - widget.show_vertical_scrollbar
        lines = (strips[y].crop(region.x, right).text for y in region.line_range)
        found.append(" ".join(" ".join(lines).replace("▌", " ").split()))
    return found


def is_seen(widget: Widget) -> bool:
    place = widget.screen.find_widget(widget)
    return bool(place.region) and place.clip.contains_region(place.region)


async def until(pilot: Pilot[int], true: Callable[[], bool]) -> None:
    for _ in range(100):
        if true():
            return
        await pilot.pause(0.02)
    assert true()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Question(ASKED, [Answer(key, key, "yes") for key in "abcdef"]),
        lambda: Prompt(ASKED, do=lambda _: ASKED),
        lambda: PathPrompt(ASKED, "/nowhere/at/all", do=lambda _: ASKED),
    ],
)
def test_words_are_wrapped_to_the_window_and_what_answers_is_seen(settings, make: Callable[[], Window[str]]) -> None:
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
                assert all(f"✖ {ASKED}" in words and words.endswith("esc back") for words in told[1:])
            (answers,) = window.query("OptionList, Input")
            for size in ((80, 24), (30, 20), (60, 20)):
                await pilot.resize_terminal(*size)
                await until(pilot, lambda: is_seen(answers))
            assert len(answers.region.line_range) == (6 if isinstance(answers, OptionList) else 1)
            await until(pilot, lambda: all(f"✖ {ASKED}" in words for words in shown(console, Sentences)[1:]))

    asyncio.run(go())


@pytest.mark.parametrize(("kind", "keys"), [(Question, "jk"), (Question, ""), (Prompt, "")])
def test_keys_scroll_a_question_that_has_not_room_for_all_its_lines(settings, kind: type[Window[str]], keys) -> None:
    console = Console(settings, first=lambda _: SettingsScreen())
    down, up = keys or ("pagedown", "pageup")

    async def go() -> None:
        async with console.run_test(size=(80, 24)) as pilot:
            console.push_screen(Question(ASKED, [Answer("y", "y", "yes")]) if kind is Question else Prompt(ASKED))
            await pilot.resize_terminal(30, 14)
            await until(pilot, lambda: 10 < len(shown(console, Sentences)[0]) < len(ASKED) / 2)
            seen = [shown(console, Sentences)[0]]
            for _ in range(8):
                await pilot.press(down)
                seen.append(shown(console, Sentences)[0])
            assert (
                ASKED.startswith(seen[0])
                and ASKED.endswith(seen[-1])
                and set(ASKED.split()) == set(" ".join(seen).split())
            )
            await pilot.press(*[up] * 8)
            assert shown(console, Sentences)[0] == seen[0]

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


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 60)])
@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: Question(ASKED, [Answer(key, key, "yes") for key in "abcdef"]),
        lambda: Prompt(ASKED),
        lambda: PathPrompt("Where?", "/"),
        lambda: HelpScreen([(str(number), "what it does") for number in range(60)]),
    ],
)
def test_notices_cover_nothing(settings, size, make: Callable[[], Window[str] | None]) -> None:
    console = Console(settings, first=lambda _: SettingsScreen())

    async def go() -> None:
        async with console.run_test(size=size, notifications=True) as pilot:
            if (window := make()) is not None:
                console.push_screen(window)
            await pilot.pause()
            answers = [widget.region for widget in console.screen.query("OptionList, Input")]
            for number in range(2):
                console.notify(f"/home/somebody/vislab/{number}.toml cannot be read: invalid value", markup=False)
            await until(pilot, lambda: len(console.screen.query(Toast)) == 2)
            await pilot.pause()
            assert all(map(is_seen, console.screen.query(Toast)))
            places = [toast.region for toast in console.screen.query(Toast)]
            what = "SettingsLines, HeaderLine, KeyFooter" if window is None else ".window"
            if size == (60, 20) and not isinstance(window, HelpScreen | None):
                what = "OptionList, Input"  # the first lines of what is asked may be covered for a while
            shown = console.screen.query(what)
            assert shown and not any(place.overlaps(widget.region) for place in places for widget in shown)
            assert all(map(is_seen, console.screen.query("OptionList, Input, KeyFooter")))
            assert answers == [widget.region for widget in console.screen.query("OptionList, Input")]  # as aimed at

    asyncio.run(go())


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
@pytest.mark.parametrize(
    "make",
    [
        lambda: Question(ASKED, [Answer("y", "y", "yes")]),
        lambda: LiveRuns([]),
        lambda: Palette([]),
        lambda: HelpScreen([("x", "what it does")]),
    ],
)
def test_a_notice_is_seen_once_when_a_window_opens(settings, size, make: Callable[[], Window[str]]) -> None:
    console = Console(settings, first=lambda _: SettingsScreen())

    def times() -> int:
        lines = console.screen._compositor.render_strips()
        return sum("training now" in line.text for line in lines)

    async def go() -> None:
        async with console.run_test(size=size, notifications=True) as pilot:
            console.notify("training now", markup=False, timeout=60)
            await until(pilot, lambda: times() == 1)
            console.push_screen(make())
            await until(pilot, lambda: bool(console.screen.query(Toast)) and times() > 0)
            assert times() == 1
            console.pop_screen()
            await until(pilot, lambda: times() == 1)

    asyncio.run(go())


@pytest.mark.parametrize("irreversible", [True, False])
def test_a_question_ignores_what_was_pressed_before_it_was_seen_but_for_what_does_no_harm(
    settings, monkeypatch, irreversible
) -> None:
    monkeypatch.setattr(dialog, "SEEN", 0.5)
    console = Console(settings, first=lambda _: SettingsScreen())

    async def go() -> None:
        async with console.run_test() as pilot:
            answers = [Answer("y", "y", "yes"), Answer("", "n", "no")]
            question = Question(ASKED, answers, irreversible=irreversible)
            harmful, harmless = ("y", "enter", "down", ""), ("n", "escape")
            assert all(question.ignores(key, 1e9) is irreversible for key in harmful)  # it is not painted yet
            assert not any(question.ignores(key, 0.0) for key in harmless)
            console.push_screen(question)
            await until(pilot, lambda: question._painted < math.inf)
            assert all(question.ignores(key, question._painted + 0.4) is irreversible for key in harmful)
            assert not any(question.ignores(key, question._painted + 0.6) for key in harmful)

    asyncio.run(go())
