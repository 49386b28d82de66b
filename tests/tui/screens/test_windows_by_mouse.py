"""Every window can be used and left by the mouse alone: a click on a word is its key, one beside the window is Esc."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from textual.color import Color
from textual.geometry import Offset
from textual.widgets import Input, OptionList

from vislab.engine.runs.ask import Asker
from vislab.engine.runs.studies import Record
from vislab.tui import screens
from vislab.tui.actions import for_screen
from vislab.tui.app import Console
from vislab.tui.draft import FIRST
from vislab.tui.screens import dialog
from vislab.tui.screens.all_settings import AllSettings
from vislab.tui.screens.dialog import Answer, Prompt, Question
from vislab.tui.screens.help import HelpScreen
from vislab.tui.screens.leave_question import LeaveQuestion
from vislab.tui.screens.live_runs import LiveRuns
from vislab.tui.screens.palette import Palette
from vislab.tui.screens.path_prompt import PathPrompt
from vislab.tui.screens.recipes import Recipes
from vislab.tui.screens.selection_window import SelectionWindow
from vislab.tui.screens.studies import Studies, Study
from vislab.tui.screens.window import Window
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.no_colour import NoColour
from vislab.tui.widgets.picker import Picker
from vislab.tui.widgets.run_list import RunList
from vislab.tui.widgets.sixteen_colours import SixteenColours

SIZE = (80, 24)
ANSWERS = (Answer("yes", "y", "yes, do it"), Answer("", "n", "no"))


@dataclass(frozen=True)
class Case:
    """A window, the keys that its words name, and what it returns when it is left by Esc."""

    kind: type[Window[Any]]
    make: Callable[[Any, Any], Window[Any]]
    words: tuple[tuple[str, str], ...]
    left: Any = None


BACK, QUIT = ("esc back", "escape"), ("q quit", "q")
CASES = (
    Case(Question, lambda runs, settings: Question("Stop?", ANSWERS), (), ""),
    Case(LeaveQuestion, lambda runs, settings: LeaveQuestion(runs), (), ""),
    Case(Prompt, lambda runs, settings: Prompt("Name?"), (("↵ accept", "enter"), BACK)),
    Case(
        PathPrompt,
        lambda runs, settings: PathPrompt("Folder?", f"{settings.runs_dir}/"),
        (("↑", "up"), ("↓ choose", "down"), ("→", "right"), ("tab complete", "tab"), ("↵ accept", "enter"), BACK),
    ),
    Case(
        LiveRuns,
        lambda runs, settings: LiveRuns(runs),
        (("↵ attach", "enter"), ("esc not now", "escape"), QUIT),
    ),
    Case(
        Studies,
        lambda runs, settings: Studies([Study(Record(name="s", question="Why?"), tuple(runs))]),
        (("↵ compare", "enter"), BACK, QUIT),
    ),
    Case(HelpScreen, lambda runs, settings: HelpScreen([("x", "what it does")] * 40), (BACK,)),
    Case(
        Recipes,
        lambda runs, settings: Recipes(settings, ""),
        (("↵ take", "enter"), ("/ find", "slash"), ("? help", "question_mark"), BACK, QUIT),
    ),
    Case(
        AllSettings,
        lambda runs, settings: AllSettings(FIRST, settings),
        (
            ("↵ change", "enter"),
            ("x take back", "x"),
            ("/ find", "slash"),
            ("? help", "question_mark"),
            ("esc done", "escape"),
            QUIT,
        ),
        FIRST,
    ),
    Case(SelectionWindow, lambda runs, settings: SelectionWindow(), (("↑", "up"), ("↓ scroll", "down"), BACK)),
    Case(
        Palette,
        lambda runs, settings: Palette(for_screen("launch")),
        (("↑", "up"), ("↓ choose", "down"), ("↵ do it", "enter"), BACK),
        "",
    ),
)
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.__name__)


@pytest.fixture(autouse=True)
def no_questions(monkeypatch) -> None:
    monkeypatch.setattr(Asker, "ask", lambda *words, **more: None)  # they need torch


@pytest.fixture
def click(click):
    """Click, and wait for the key that it may be."""

    async def do(pilot, *where, times: int = 1) -> None:
        await click(pilot, *where, times=times)
        while (keys := pilot.app.key_order._task) is not None and not keys.done():
            await pilot.pause()
        await pilot.pause()

    return do


@pytest.fixture
def runs(make_run):
    return [make_run(name, end="") for name in ("first", "second")]


@pytest.fixture
def open_window(runs, settings):
    """Open the window of a case over the present screen; what it returns is put into a list."""

    async def go(pilot, case, returned=None) -> Window[Any]:
        window = case.make(runs, settings)
        pilot.app.push_screen(window, (returned if returned is not None else []).append)
        await pilot.pause()
        await pilot.pause()
        return window

    return go


def kinds(kind: type[Window[Any]] = Window) -> Iterator[type[Window[Any]]]:
    for below in kind.__subclasses__():
        if below.__module__.startswith("vislab."):
            yield below
            yield from kinds(below)


def lines(pilot) -> list[str]:
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def place_of(pilot, words: str) -> Offset:
    """Where the last line stands that shows them."""
    shown = lines(pilot)
    y = max(y for y, line in enumerate(shown) if words in line)
    return Offset(shown[y].index(words), y)  # no letter of two cells stands before them


def test_no_window_is_forgotten() -> None:
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    assert {kind for kind in kinds() if not kind.__name__.startswith("_")} == {case.kind for case in CASES}


@EVERY
@pytest.mark.parametrize("filters", [[], [NoColour(lambda: Color.parse("black"))], [SixteenColours()]])
def test_every_word_of_its_last_line_is_its_key(play, click, open_window, monkeypatch, case, filters) -> None:
    pressed: list[str] = []

    async def act(pilot) -> None:
        pilot.app._filters += filters
        await open_window(pilot, case)
        monkeypatch.setattr(Console, "simulate_key", lambda self, key: pressed.append(key))
        last = "  ".join(words for words, _ in case.words).replace("↑  ↓", "↑ ↓").replace("→  tab", "→ tab")
        start = place_of(pilot, last)
        for words, key in case.words:
            begin = start.x + last.index(words)
            cells = [begin + index for index, letter in enumerate(words) if letter != " "]
            for x in cells:
                await click(pilot, pilot.app.screen, x, start.y)
                assert pressed == [key], (words, x)
                pressed.clear()

    play("settings", act, size=SIZE)


@EVERY
@pytest.mark.parametrize("size", [SIZE, (60, 20), (200, 60)])
def test_a_click_on_its_words_or_beside_it_leaves_it(play, click, open_window, case, size) -> None:
    async def act(pilot) -> None:
        below = pilot.app.screen
        for way in ("beside", "words"):
            returned: list[Any] = []
            window = await open_window(pilot, case, returned)
            if way == "words" and case.words:
                place = place_of(pilot, next(words for words, key in case.words if key == "escape"))
            elif way == "words":
                answers = window.query_one(OptionList)
                place = answers.region.offset + Offset(3, answers.option_count - 1)
            elif case.kind is AllSettings and size[0] < 120:  # it takes all the room
                await pilot.press("escape")
                continue
            else:
                place = Offset(size[0] - 1, size[1] - 1)
            await click(pilot, window, *place)
            assert pilot.app.screen is below and returned == [case.left], way

    play("settings", act, size=size)


@EVERY
def test_words_of_a_window_below_another_are_no_keys(play, click, open_window, monkeypatch, case) -> None:
    pressed: list[str] = []

    async def act(pilot) -> None:
        for words, _ in case.words:
            await open_window(pilot, case)
            place = place_of(pilot, words)
            above = Question("?", ANSWERS)
            pilot.app.push_screen(above)
            await pilot.pause()
            await pilot.pause()
            monkeypatch.setattr(Console, "simulate_key", lambda self, key: pressed.append(key))
            if above.get_widget_at(*place)[0] is above:
                await click(pilot, above, *place)
                assert pressed == ["escape"], words
                pressed.clear()

    play("settings", act, size=SIZE)


@pytest.mark.parametrize("kind", [Recipes, AllSettings])
def test_words_say_what_the_keys_do_in_the_field_of_a_filter(play, click, open_window, kind) -> None:
    case = next(case for case in CASES if case.kind is kind)

    async def act(pilot) -> None:
        window = await open_window(pilot, case)
        picker = window.query_one(Picker)
        for _ in range(2):
            await click(pilot, window, *place_of(pilot, "? help"))
            assert isinstance(pilot.app.screen, HelpScreen)
            await click(pilot, pilot.app.screen, *place_of(pilot, "esc back"))
            await click(pilot, window, *place_of(pilot, "/ find"))
            assert picker.filtering and not any("? help" in line for line in lines(pilot))
            await pilot.press(*"en")
            first = picker.choices.current
            await click(pilot, window, *place_of(pilot, "↓ choose"))
            assert picker.filtering and picker.choices.current is not first
            await click(pilot, window, *place_of(pilot, "esc show all again"))
            assert pilot.app.screen is window and not picker.filtering

    play("settings", act, size=SIZE)


def test_a_click_beside_a_window_does_what_esc_does_there(play, click, open_window) -> None:
    case = next(case for case in CASES if case.kind is Recipes)

    async def act(pilot) -> None:
        window = await open_window(pilot, case)
        await pilot.press("slash")
        await click(pilot, window, 0, 0)
        assert pilot.app.screen is window and not window.query_one(Picker).filtering
        await click(pilot, window, 0, 0)
        assert pilot.app.screen is not window

    play("settings", act, size=SIZE)


def test_a_click_between_window_and_a_widget_of_it_leaves_it_not(play, click, open_window) -> None:
    async def act(pilot) -> None:
        for case in CASES:
            window = await open_window(pilot, case)
            for part in window.children:
                await click(pilot, part, 1, 0)  # the frame, or what stands first
            assert pilot.app.screen is window, case.kind

    play("settings", act, size=SIZE)


def test_a_click_takes_a_completion_into_the_field(play, click, settings) -> None:
    for name in ("[red]one", "two", "two/three"):
        (settings.runs_dir / name).mkdir(parents=True)

    async def act(pilot) -> None:
        taken: list[str | None] = []
        pilot.app.push_screen(window := PathPrompt("Folder?", f"{settings.runs_dir}/"), taken.append)
        await pilot.pause()
        await pilot.pause()
        field = window.query_one(Input)
        await click(pilot, window, *place_of(pilot, "[red]one/"))
        assert field.value == f"{settings.runs_dir}/[red]one/" and window.focused is field
        field.value = f"{settings.runs_dir}/"
        await pilot.pause()
        await click(pilot, window, *place_of(pilot, "two/"))
        assert field.value == f"{settings.runs_dir}/two/"
        window.action_complete(7)  # of a list that is no more
        await click(pilot, window, *place_of(pilot, "three/"))
        await click(pilot, window, *place_of(pilot, "↵ accept"))
        assert taken == [f"{settings.runs_dir}/two/three/"]

    play("settings", act, size=SIZE)


def test_a_second_click_on_a_setting_writes_it_and_its_words_take_it(play, click, settings) -> None:
    async def act(pilot) -> None:
        pilot.app.push_screen(window := AllSettings(FIRST, settings))
        await pilot.pause()
        choices = window.query_one(Picker).choices
        place = [item.value for item in choices.shown].index("seed") - choices.scroll_offset.y
        await click(pilot, choices, 5, place, times=2)
        field = window.query_one("#value", Input)
        assert field.visible and window.focused is field
        await pilot.press("ctrl+u", "x")
        assert "✖" in window.query(Lines).last().words
        await click(pilot, window, *place_of(pilot, "esc leave"))  # seen although something is wrong
        assert not field.visible and window.draft == FIRST
        await click(pilot, choices, 5, place, times=2)
        await pilot.press("ctrl+u", "7")
        await click(pilot, window, *place_of(pilot, "↵ take, empty: take back"))
        assert window.draft == FIRST.with_value("seed", "7")
        await click(pilot, window, *place_of(pilot, "x take back"))
        assert window.draft == FIRST

    play("settings", act, size=SIZE)


@pytest.mark.parametrize("irreversible", [True, False])
def test_a_click_that_comes_before_an_irreversible_question_was_seen_gives_no_harmful_answer(
    play, click, monkeypatch, irreversible
) -> None:
    monkeypatch.setattr(dialog, "SEEN", 1e9)

    async def act(pilot) -> None:
        for row, answer in enumerate(ANSWERS):
            said: list[str | None] = []
            question = Question("Delete?", ANSWERS, irreversible=irreversible)
            pilot.app.push_screen(question, said.append)
            await pilot.pause()
            await click(pilot, question.query_one(OptionList), 2, row)
            assert said == ([] if irreversible and answer.id else [answer.id])
            if not said:
                await click(pilot, question, 0, 0)  # beside it: no
                assert said == [""]

    play("settings", act, size=SIZE)


def test_the_second_click_of_two_does_not_meet_what_the_first_has_uncovered(play, click, make_run) -> None:
    for name in ("one", "two", "three"):
        make_run(name)

    async def act(pilot) -> None:
        at_home, listed = pilot.app.screen, pilot.app.screen.query_one(RunList)
        pilot.app.push_screen(window := Prompt("Name?"))
        await pilot.pause()
        place = Offset(0, listed.region.y + 1)
        before = listed._cursor
        await click(pilot, window, *place, times=2)
        assert pilot.app.screen is at_home and listed._cursor == before, "a run would be opened"
        await click(pilot, at_home, *place, times=2)
        assert pilot.app.screen is not at_home

    play("history", act, size=SIZE)
