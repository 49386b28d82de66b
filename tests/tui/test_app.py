"""The skeleton of the console: keys from one table, help, palette, footer, leaving."""

import asyncio
import importlib
import pkgutil
import re
import string
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.app import ComposeResult
from textual.events import Resize
from textual.geometry import Offset, Size
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui import beside
from vislab.tui.actions import ACTIONS, FIELD, SCREENS, for_screen, key_sign
from vislab.tui.app import LATE, LOOK_EVERY, Console
from vislab.tui.beside import DOING, LOOKING
from vislab.tui.draft import FIRST
from vislab.tui.leaving import Leaving
from vislab.tui.screens.all_settings import AllSettings
from vislab.tui.screens.dialog import Answer, Prompt, Question, _Asking
from vislab.tui.screens.help import HelpLines, HelpScreen
from vislab.tui.screens.leave_question import LeaveQuestion
from vislab.tui.screens.live_runs import LiveRuns
from vislab.tui.screens.palette import ActionLines, Palette
from vislab.tui.screens.recipes import Recipes
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.screens.selection_window import SelectionWindow
from vislab.tui.screens.studies import Studies
from vislab.tui.screens.window import Window
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines, ScrolledLines

Act = Callable[[Pilot[int]], Awaitable[None]]


class Demo(ConsoleScreen):
    NAME = "live"
    done: list[str]

    def body(self) -> ComposeResult:
        self.done = []
        yield ScrolledLines(id="body")
        yield Input(id="field")

    def possible(self, action: str) -> bool:
        return action not in ("pause", "next_run")

    def action_checkpoint(self) -> None:
        self.done.append("checkpoint")

    def action_pause(self) -> None:
        self.done.append("pause")


def play(tmp_path: Path, act: Act, *, size: tuple[int, int] = (80, 24)) -> Console:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    console = Console(settings, first=lambda _: Demo())

    async def go() -> None:
        async with console.run_test(size=size) as pilot:
            await console.workers.wait_for_complete()
            await pilot.pause()
            await act(pilot)

    asyncio.run(go())
    return console


def demo(pilot: Pilot[int]) -> Demo:
    screen = pilot.app.screen
    assert isinstance(screen, Demo)
    return screen


def footer(pilot: Pilot[int]) -> str:
    return pilot.app.screen.query_one(KeyFooter).words


@pytest.mark.parametrize("screen", [*SCREENS, FIELD])
def test_a_key_means_one_thing_on_a_screen(screen: str) -> None:
    keys = [key for action in for_screen(screen) for key in action.keys]
    assert len(keys) == len(set(keys))


def test_every_action_can_be_reached_without_function_or_control_keys() -> None:
    named = {"esc", "enter", "space", "tab", "up", "down", "left", "right"}
    for action in ACTIONS:
        assert all(len(key) == 1 or key in named for key in action.keys), action
        assert action.keys and action.help.endswith(".") and len(action.label) <= 16
        assert set(action.screens) <= {*SCREENS, FIELD}
    assert key_sign("enter") == "↵"


def test_footer_keys_and_mouse_do_what_is_possible_and_nothing_else(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        assert "c save" in footer(pilot) and "pause" not in footer(pilot)
        assert footer(pilot).rstrip().endswith("q quit  : find  ? help")
        await pilot.press("c", "p")
        assert demo(pilot).done == ["checkpoint"]
        await pilot.click(KeyFooter, offset=(footer(pilot).index("save") + 2, 0))
        await pilot.pause()
        assert demo(pilot).done == ["checkpoint"] * 2

    play(tmp_path, act)


def test_a_narrow_footer_keeps_the_way_out_and_the_help(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        assert footer(pilot).rstrip().endswith("q quit  : find  ? help")
        assert len(footer(pilot).rstrip()) <= 40

    play(tmp_path, act, size=(40, 10))


def test_in_a_text_field_letters_are_text_until_escape(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        demo(pilot).query_one(Input).focus()
        await pilot.pause()
        assert footer(pilot).startswith("↵ accept  esc leave the field")
        await pilot.press("q", "c")
        assert demo(pilot).query_one(Input).value == "qc" and demo(pilot).done == []
        await pilot.press("escape", "c")
        assert demo(pilot).done == ["checkpoint"]

    play(tmp_path, act)


def test_help_says_what_the_keys_do_now(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        demo(pilot).query_one(ScrolledLines).focus()
        await pilot.press("?")
        assert isinstance(pilot.app.screen, HelpScreen)
        words = pilot.app.screen.query_one(HelpLines).words
        assert "Save a checkpoint now." in words and "Pause the run" not in words
        await pilot.press("?")
        assert isinstance(pilot.app.screen, Demo)

    play(tmp_path, act)


def test_the_palette_finds_an_action_and_does_it(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        screen = demo(pilot)

        async def palette() -> Palette:
            await pilot.press(":")
            assert isinstance(pilot.app.screen, Palette)
            return pilot.app.screen

        opened = await palette()
        assert "pause" not in [action.id for action in opened.found]
        await pilot.press(*"checkpoint now")
        assert [action.id for action in opened.found] == ["checkpoint"]
        await pilot.press("enter")
        await pilot.pause()
        assert screen.done == ["checkpoint"]
        opened = await palette()
        assert [action.id for action in opened.found][:2] == ["stop", "checkpoint"]
        await pilot.press("down", "down", "up", "enter")
        await pilot.pause()
        assert screen.done == ["checkpoint"] * 2
        opened = await palette()
        await pilot.press(*"checkpoint")
        index = [action.id for action in opened.found].index("checkpoint")
        await pilot.click(ActionLines, offset=(3, index))
        await pilot.pause()
        assert screen.done == ["checkpoint"] * 3
        await palette()
        await pilot.press(*"xyzzy", "enter")
        assert isinstance(pilot.app.screen, Palette)
        await pilot.press("escape")
        assert pilot.app.screen is screen

    play(tmp_path, act)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_leaving_without_live_runs_asks_nothing(tmp_path: Path, key: str) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press(key)

    assert play(tmp_path, act).return_code == 0


class Recorder(Leaving):
    """Ends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[int] = []

    def watch(self, code: int) -> None:
        self.watched.append(code)


@pytest.mark.parametrize("way", ["it is done", "asked again", "signal"])
def test_leaving_waits_for_what_is_being_written(tmp_path: Path, way: str) -> None:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    leaving, done = Recorder(), threading.Event()
    console = Console(settings, first=lambda _: Demo(), leaving=leaving)

    def write() -> None:
        done.wait(20)

    async def go() -> None:
        async with console.run_test() as pilot:
            await console.workers.wait_for_complete()
            over = Demo()
            await console.push_screen(over)
            over.act(write, "export")
            await console.pop_screen()  # the work goes on, whatever became of the screen
            if way == "signal":
                leaving.code = 143
                console.exit(return_code=143)
                console.exit(return_code=143)
            else:
                await pilot.press("q")
            await pilot.pause()
            said = [notice.message for notice in console._notifications]
            assert not console._exit and not leaving.watched  # as long as it takes
            assert any("a page is being written. q or Ctrl+C once more" in words for words in said) == (way != "signal")
            if way == "asked again":
                await pilot.press("ctrl+c")
                assert console._exit
            done.set()
            while not console._exit:
                await asyncio.sleep(0.01)

    asyncio.run(go())
    assert leaving.watched[:1] == [143 if way == "signal" else 0]


def test_of_all_that_is_done_beside_a_screen_leaving_knows_whether_to_wait() -> None:
    known = {*LOOKING, *DOING}
    found: set[str] = set()
    for file in Path(beside.__file__).parent.rglob("*.py"):
        found.update(re.findall(r'(?:group=|\.act\([^"]+, )"([^"]+)"', file.read_text()))
    assert found == known


def test_a_question_takes_letters_arrows_and_escape(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        said: list[str | None] = []
        for keys in (["b"], ["down", "enter"], ["enter"], ["escape"], ["x", "escape"]):
            question = Question("Which?", [Answer("1", "a", "[red]first"), Answer("2", "b", "second")])
            pilot.app.push_screen(question, said.append)
            await pilot.pause()
            assert "[red]first" in str(question.query_one(OptionList).get_option_at_index(0).prompt)
            await pilot.press(*keys)
            await pilot.pause()
        assert said == ["2", "2", "1", "", ""]

    play(tmp_path, act)


def test_a_prompt_returns_what_was_written(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        said: list[str | None] = []
        for keys in (["b", "enter"], ["escape"]):
            pilot.app.push_screen(Prompt("Name?", "a"), said.append)
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
        assert said == ["ab", None]

    play(tmp_path, act)


def test_only_changed_lines_are_painted(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        lines = pilot.app.screen.query_one("#body", Lines)
        lines.show([Text("a"), Text("b"), Text("c")])
        await pilot.pause()
        painted: list[int] = []
        lines.refresh_line = painted.append  # type: ignore[method-assign]
        lines.show([Text("a"), Text("B"), Text("c", "bold")])
        assert painted == [1, 2]
        lines.show([Text("a"), Text("B")])
        assert painted == [1, 2, 2]

    play(tmp_path, act)


@pytest.mark.parametrize("width", [60, 80, 130])
def test_the_palette_says_all_of_what_an_action_does(tmp_path: Path, width: int) -> None:
    longest = max(ACTIONS, key=lambda action: len(action.help))

    async def act(pilot: Pilot[int]) -> None:
        pilot.app.push_screen(palette := Palette([longest]))
        await pilot.pause()
        await pilot.resize_terminal(width, 24)
        await pilot.pause()
        lines = [strip.text.split("│")[1].strip() for strip in palette._compositor.render_strips() if "│" in strip.text]
        assert longest.help in " ".join(lines)
        (listed,) = (line for line in lines if longest.label in line)
        assert listed.endswith(longest.help) is (width == 130) and listed.endswith("…") is (width < 130)

    play(tmp_path, act, size=(100, 24))


@pytest.mark.parametrize("height", [24, 90])
def test_the_palette_takes_the_room_that_it_has(tmp_path: Path, height: int) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press(":")
        await pilot.pause()
        palette, lines = pilot.app.screen, pilot.app.screen.query_one(ActionLines)
        assert isinstance(palette, Palette)
        assert lines.size.height == (len(palette.found) if height == 90 else 13)
        assert palette.query(Lines).last().region.bottom < height - 1
        await pilot.resize_terminal(80, 30)
        await pilot.pause()
        assert lines.size.height == 18

    play(tmp_path, act, size=(80, height))


def test_every_action_has_a_key_that_all_keyboards_have() -> None:
    named = {"esc", "escape", "enter", "space", "tab", "shift+tab", "up", "down", "left", "right"}
    common = {*named, *string.ascii_letters, *string.digits}
    for action in ACTIONS:
        assert common & set(action.keys), action
    for name in (*SCREENS, FIELD):
        keys = [key for action in for_screen(name) for key in action.keys]
        assert len(keys) == len(set(keys)), name
    windows = own_windows()
    assert {AllSettings, HelpScreen, LiveRuns, Question, Recipes, Studies} <= windows
    for window in windows:
        for binding in window.__dict__.get("BINDINGS", ()):
            assert common & set(binding.key.split(",")), (window, binding)


def own_windows() -> set[type]:
    """All classes of windows."""
    for module in pkgutil.iter_modules([str(Path(beside.__file__).parent / "screens")], "vislab.tui.screens."):
        importlib.import_module(module.name)
    found: set[type] = {Window}
    while found != (wider := found | {kind for known in found for kind in known.__subclasses__()}):
        found = wider
    return {kind for kind in found if kind.__module__.startswith("vislab.")}


def test_letters_explain_and_find_in_every_window_where_letters_are_keys(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        settings = demo(pilot).console.settings
        windows: list[Window[Any]] = [Recipes(settings, ""), AllSettings(FIRST, settings), LiveRuns([]), Studies([])]
        for window in (*windows, Question("Which?", [Answer("1", "a", "first")])):
            await pilot.app.push_screen(window)
            await pilot.press("h")
            assert isinstance(pilot.app.screen, HelpScreen)
            assert pilot.app.screen.query_one(HelpLines).words.startswith("Keys of ")
            await pilot.press("h")
            assert pilot.app.screen is window
            if isinstance(window, Recipes | AllSettings):
                await pilot.press("i", "h", "i")
                assert window.query(Input).first().value == "hi"
                await pilot.press("escape")
            await pilot.press("escape")
            assert isinstance(pilot.app.screen, Demo)

    play(tmp_path, act)


def test_q_leaves_in_every_window_where_letters_are_neither_text_nor_answers(tmp_path: Path) -> None:
    def leaving(window: type) -> set[str]:
        bound = [binding for kind in window.__mro__ for binding in kind.__dict__.get("BINDINGS", ())]
        return {binding.action for binding in bound if "q" in binding.key.split(",")}

    windows = own_windows() - {Window}
    deaf = {kind for kind in windows if issubclass(kind, _Asking | Palette)}
    assert {"Question", "Prompt", "Palette"} < {kind.__name__ for kind in deaf}
    assert all(leaving(kind) == (set() if kind in deaf else {"app.leave"}) for kind in windows)
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    lock = RunLock(create(settings.runs_dir, Spec(name="elsewhere")).lock)
    assert lock.acquire()

    async def act(pilot: Pilot[int]) -> None:
        for window in (AllSettings(FIRST, settings), Recipes(settings, ""), Studies([]), SelectionWindow()):
            await pilot.app.push_screen(window)
            await pilot.press("h")
            assert re.search(r"^q +Leave the console", pilot.app.screen.query_one(HelpLines).words, re.MULTILINE)
            await pilot.press("q")
            assert isinstance(pilot.app.screen, LeaveQuestion)
            await pilot.press("q", "n")  # a letter that is no answer, and one that is
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.press("h", "q", "n")
            assert pilot.app.screen is window
            for key in ("slash", "enter") if isinstance(window, AllSettings) else ():
                await pilot.press(key, "q")
                assert isinstance(window.focused, Input) and window.focused.value.endswith("q")
                await pilot.press("escape")
            await pilot.press("escape")
            assert isinstance(pilot.app.screen, Demo)

    play(tmp_path, act)


def test_the_question_of_leaving_says_how_many_and_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [Run(tmp_path / name) for name in ("first", "second", "third", "fourth", "fifth", "sixth")]
    assert LeaveQuestion(runs[:1])._question.split() == ["Still", "training:", "first"]
    assert LeaveQuestion(runs[:2])._question == "2 runs still train:\n  first\n  second"
    assert LeaveQuestion(runs)._question.endswith("\n  fifth\n  and 1 more")
    monkeypatch.setattr("vislab.tui.screens.leave_question.is_paused", lambda run: run.id in paused)
    paused = {"first"}
    rests = "\nWhat is paused waits until somebody lets it go on."
    assert LeaveQuestion(runs[:1])._question == f"1 run is paused:\n  first{rests}"
    assert LeaveQuestion(runs[:3])._question.startswith("2 runs still train, 1 is paused:\n")
    paused = {"first", "second"}
    assert LeaveQuestion(runs[:2])._question == f"2 runs are paused:\n  first\n  second{rests}"
    assert LeaveQuestion(runs[:3])._question.startswith("1 run still trains, 2 are paused:\n")
    paused = set()
    waits = "1 run waits in the queue, and begins without the console."
    assert LeaveQuestion(runs[:1], waiting=1)._question.endswith(f"first\n{waits}")


def test_leaving_asks_about_live_runs_that_were_started_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    run = create(settings.runs_dir, Spec(name="elsewhere"))
    lock = RunLock(run.lock)
    assert lock.acquire()
    console = Console(settings, first=lambda _: Demo())

    async def leave(*keys: str) -> None:
        async with console.run_test() as pilot:
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
            await pilot.press("q")
            question = pilot.app.screen
            assert isinstance(question, LeaveQuestion)
            assert f"  elsewhere · {run.id[-4:]}" in question.query_one(Lines).words
            pilot.app.push_screen(offer := LiveRuns([run]))
            await pilot.pause()
            shown = offer.query_one(OptionList).get_option_at_index(0).prompt
            assert str(shown).startswith(f"elsewhere · {run.id[-4:]}\n")
            await pilot.press("q")
            assert isinstance(pilot.app.screen, LeaveQuestion) and pilot.app.screen is not question
            await pilot.press("n", "escape")  # not now
            assert pilot.app.screen is question
            await pilot.press("n")
            assert not pilot.app._exit
            await pilot.press("q", "enter")  # the first answer leaves it running
            assert pilot.app._exit

    asyncio.run(leave())
    assert run.worker() and not run.control.exists()
    console = Console(settings, first=lambda _: Demo())
    console.look_for_live_runs = lambda: None  # type: ignore[method-assign]

    def refuse(run: Run) -> None:
        raise InputError(f"{run.id} belongs to another user")

    async def leave_at_once() -> None:
        async with console.run_test() as pilot:
            await pilot.press("q")
            assert isinstance(pilot.app.screen, LeaveQuestion)
            monkeypatch.setattr("vislab.tui.headless.ask_to_stop", refuse)
            console._leave("stop", [run])
            await pilot.pause()
            told = [notification.message for notification in console._notifications]
            assert not console._exit and told == [f"{run.id} belongs to another user"]

    asyncio.run(leave_at_once())
    lock.release()


def test_a_look_that_is_asked_for_takes_the_place_of_the_next_one(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    console = Console(settings, first=lambda _: Demo())

    async def go() -> None:
        async with console.run_test() as pilot:
            for _ in range(3):
                console.look_for_live_runs()
                await console.workers.wait_for_complete()
                await pilot.pause()
            while not (timers := [timer._interval for timer in console._timers if timer._task]):
                await pilot.pause()
            assert timers == [LOOK_EVERY]

    asyncio.run(go())


def test_a_slow_look_for_live_runs_is_made_less_often_and_endings_are_looked_for_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    console = Console(settings, first=lambda _: Demo())
    looks, endings = [], []
    monkeypatch.setattr(console, "_live_now", lambda: looks.append("") or ())
    monkeypatch.setattr(console._awaited, "ended", lambda: endings.append("") or ())

    async def go() -> None:
        async with console.run_test() as pilot:
            await console.workers.wait_for_complete()
            await pilot.pause()
            assert console._next_look - time.monotonic() <= LATE
            looks.clear(), endings.clear()
            for due in (False, False, True):
                console._next_look = time.monotonic() + (0 if due else 10)
                console._look()
                await console.workers.wait_for_complete()
            assert (len(looks), len(endings)) == (1, 3)
            times = iter([0.0, 1.0])  # seconds of a core
            monkeypatch.setattr(time, "thread_time", lambda: next(times))
            console.look_for_live_runs()
            await console.workers.wait_for_complete()
            assert len(looks) == 2, "asked for, at once"
            assert LATE - 5 < console._next_look - time.monotonic() <= LATE

    asyncio.run(go())


def test_what_goes_wrong_before_the_console_runs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "CSS_PATH", "gone.tcss")
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    console = Console(settings, first=lambda _: Demo())
    asyncio.run(console.run_async(headless=True))
    assert console.return_code == 1 and "gone.tcss" in str(console._exception)


def test_a_size_that_the_terminal_has_no_longer_is_not_laid_out(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        for screen in (demo(pilot), Prompt("Name?"), Palette([])):
            if screen is not pilot.app.screen:
                pilot.app.push_screen(screen)
                await pilot.pause()
            laid_out: list[Size] = []
            screen._screen_resized = laid_out.append  # type: ignore[method-assign]
            for size in (Size(10, 10), Size(80, 24)):
                screen.post_message(Resize(size, size))
            await pilot.pause()
            assert laid_out == ([] if isinstance(screen, Window) else [Size(80, 24)])  # it has that size already

    play(tmp_path, act)


def test_a_window_that_is_closed_twice_leaves_the_screen_below(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        for window in (Prompt("Name?"), Question("Which?", [Answer("1", "a", "first")]), Palette([])):
            pilot.app.push_screen(window)
            await pilot.pause()
            window.dismiss()
            window.dismiss()
            await pilot.pause()
            assert isinstance(pilot.app.screen, Demo)

    play(tmp_path, act)


def test_the_mouse_on_a_part_that_has_just_gone_ends_nothing(tmp_path: Path, monkeypatch) -> None:
    async def act(pilot: Pilot[int]) -> None:
        monkeypatch.setattr(pilot.app.screen, "get_widget_and_offset_at", lambda x, y: (Lines(), Offset(0, 0)))
        assert await pilot.mouse_down(offset=(5, 5)) and await pilot.mouse_up(offset=(9, 5))

    play(tmp_path, act)


def test_the_console_is_idle_at_its_first_screen_only(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        assert pilot.app.idle > 0  # type: ignore[attr-defined]
        await pilot.press("question_mark")
        assert pilot.app.idle == 0.0  # type: ignore[attr-defined]
        await pilot.press("escape")
        assert 0 < pilot.app.idle < 60  # type: ignore[attr-defined]

    play(tmp_path, act)


def test_who_comes_back_from_ctrl_z_finds_the_screen_painted(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        frames: list[str] = []
        app = pilot.app
        app._display = lambda screen, update: frames.append(type(update).__name__)  # type: ignore[method-assign]
        app.app_resume_signal.publish(app)
        await pilot.pause(0.1)
        assert "LayoutUpdate" in frames  # all of it

    play(tmp_path, act)
