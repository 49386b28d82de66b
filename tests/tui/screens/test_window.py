"""What is seen of a screen below a window, and how little is painted for it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from rich.text import Text
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip
from textual.widgets import Input

from vislab.presets.settings import Settings
from vislab.tui.app import Console
from vislab.tui.screens import window as window_module
from vislab.tui.screens.dialog import Answer, Prompt, Question
from vislab.tui.screens.help import HelpScreen
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.screens.window import Window
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines, ScrolledLines


class Below(ConsoleScreen):
    NAME = "live"

    def body(self) -> ComposeResult:
        yield Lines(id="body")
        yield ScrolledLines(id="more")

    def on_mount(self) -> None:
        self.show("first")

    def show(self, first: str) -> None:
        words = ["second", "third", "[red]fourth"]
        self.query_one("#body", Lines).show([Text(first, "bold red"), *map(Text, words)])


def play(tmp_path: Path, act: Callable[[Pilot[int]], Awaitable[None]]) -> None:
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    console = Console(settings, first=lambda _: Below())

    async def go() -> None:
        async with console.run_test(size=(60, 20)) as pilot:
            await console.workers.wait_for_complete()
            await pilot.pause()
            await act(pilot)

    asyncio.run(go())


def seen(window: Window[Any]) -> list[list[tuple[str, str]]]:
    """What the window shows of the screen below: words and style of each piece of each line."""
    return [pieces(list(window.render_line(y))) for y in range(window.size.height)]


def expected_below(window: Window[Any]) -> list[list[tuple[str, str]]]:
    """The same as Textual makes it, of all that lies below; of a footer its background."""
    below = window.app.screen_stack[-2]
    shade = window.styles.background
    strips = below._compositor.render_strips()
    for footer in below.query(KeyFooter):
        strips[footer.region.y] = Strip([Segment(" " * footer.region.width, next(iter(strips[-1])).style)])
    return [pieces(list(BackgroundScreen.process_segments(strip, shade))) for strip in strips]


def pieces(line: list[Segment]) -> list[tuple[str, str]]:
    return [(segment.text, str(segment.style)) for segment in Segment.simplify(line)]


@pytest.mark.parametrize("make", [lambda: Prompt("Name?"), lambda: Question("Stop?", [Answer("y", "y", "yes")])])
def test_the_screen_below_is_seen_in_the_shade(tmp_path: Path, make: Callable[[], Window[Any]]) -> None:
    async def act(pilot: Pilot[int]) -> None:
        window = make()
        pilot.app.push_screen(window)
        await pilot.pause()
        assert seen(window) == expected_below(window)
        assert "[red]fourth" in "".join(words for words, _ in seen(window)[4])
        (footer,) = pilot.app.screen_stack[0].query(KeyFooter)
        assert footer.words.strip() and [words.strip() for words, _ in seen(window)[-1]] == [""], "its keys rest"
        above = make()
        pilot.app.push_screen(above)
        await pilot.pause()
        assert seen(above) == expected_below(above)
        above.dismiss(None)
        await pilot.pause()
        assert pilot.app.screen is window and seen(window) == expected_below(window)

    play(tmp_path, act)


def test_of_the_screen_below_only_lines_that_change_are_made_anew(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        below = pilot.app.screen
        assert isinstance(below, Below)
        window = Prompt("Name?")
        pilot.app.push_screen(window)
        await pilot.pause()
        before = dict(window._below)
        assert len(before) == 20
        below.show("another")
        await pilot.pause()
        await pilot.pause()
        assert "another" in "".join(words for words, _ in seen(window)[1])
        assert [y for y, line in before.items() if window._below[y] is not line] == [1]
        assert seen(window) == expected_below(window)

    play(tmp_path, act)


def test_of_the_screen_below_only_what_is_seen_and_differs_is_painted_and_all_changes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_module, "FOLLOWS", 3600.0)
    rows = [f"{row:2} " + "." * 57 for row in range(14)]

    def other(row: int, at: int) -> str:
        return f"{rows[row][:at]}x{rows[row][at + 1 :]}"

    async def act(pilot: Pilot[int]) -> None:
        below = pilot.app.screen
        assert isinstance(below, Below)
        more = below.query_one("#more", Lines)
        more.show(list(map(Text, rows)))
        top = more.region.y
        window = Prompt("Name?")
        pilot.app.push_screen(window)
        await pilot.pause()
        await pilot.pause()
        box = window.query_one(".window").region
        assert 0 < box.x < 30 < box.right < 59 and {top + 1, top + 2, top + 3} <= set(box.line_range)
        assert top + 12 not in box.line_range
        painted: list[tuple[int, int, int]] = []
        display = pilot.app._display

        def note(screen: object, update: Any) -> None:
            painted.extend(update.spans if update is not None else [])
            display(screen, update)  # type: ignore[arg-type]

        monkeypatch.setattr(pilot.app, "_display", note)
        for first in ("one", "another"):
            below.show(first)
            await pilot.pause()
        changed = {1: 59, 2: 30, 3: 0, 12: 30}  # lines, and a cell in each; in the second of them it is covered
        more.show([Text(other(row, changed[row]) if row in changed else words) for row, words in enumerate(rows)])
        await pilot.pause()
        await pilot.pause()
        assert not painted
        window.query_one(Input).value = "x"
        window._follow()
        await pilot.pause(0.1)
        field = window.query_one(Input).region
        expected = [(1, 0, 60), (top + 1, box.right, 60), (top + 3, 0, box.x), (top + 12, 0, 60)]
        assert [span for span in painted if span[0] != field.y] == expected
        assert [span[1:] for span in painted if span[0] == field.y] == [field.column_span]  # it is not forgotten
        assert seen(window) == expected_below(window)
        monkeypatch.setattr(pilot.app, "_display", display)
        window.query_one(".window").styles.offset = (0, 6)
        await pilot.pause(0.1)
        assert other(2, 30) in window._compositor.render_strips()[top + 2].text  # it was covered

    play(tmp_path, act)


def test_the_screen_below_follows_size_and_theme(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        window = Prompt("Name?")
        pilot.app.push_screen(window)
        await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert len(seen(window)) == 24 and seen(window) == expected_below(window)
        dark = seen(window)
        pilot.app.theme = "vislab-light"
        await pilot.pause()
        await pilot.pause()
        assert seen(window) == expected_below(window) != dark

    play(tmp_path, act)


def test_help_is_made_once_and_painted_once(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        frames: list[str] = []

        async def painted(key: str) -> int:
            frames.clear()
            await pilot.press(key)
            await pilot.pause(0.1)
            return len(frames)

        await pilot.press("question_mark")
        first = pilot.app.screen
        assert isinstance(first, HelpScreen)
        await pilot.press("end", "escape")
        display = pilot.app._display

        def count(screen: object, update: object) -> None:
            if update is not None:
                frames.append(type(update).__name__)
            display(screen, update)  # type: ignore[arg-type]

        pilot.app._display = count  # type: ignore[method-assign, assignment]
        assert await painted("question_mark") <= 2, frames
        assert pilot.app.screen is first and first.query_one(ScrolledLines).scroll_offset.y == 0
        assert await painted("escape") == 1, frames
        assert isinstance(pilot.app.screen, Below)

    play(tmp_path, act)


def test_only_widgets_that_have_changed_are_rendered(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        below = pilot.app.screen
        assert isinstance(below, Below)
        rendered: list[str | None] = []
        for widget in (below.query_one("#body"), below.query_one("#more"), *below.query("KeyFooter, HeaderLine")):
            whole = widget.render_lines
            widget.render_lines = lambda crop, widget=widget, whole=whole: (rendered.append(widget.id), whole(crop))[1]  # type: ignore[method-assign]
        below.show("another")
        below.heading("Here", Text("there"))
        await pilot.pause(0.1)
        assert sorted(map(str, rendered)) == ["None", "body"]  # the header and the body, not what lies between or below
        strips = below._compositor.render_strips()
        assert "another" in strips[1].text and "there" in strips[0].text and len(rendered) == 6

    play(tmp_path, act)


def test_lines_that_were_painted_are_painted_again_in_another_width_and_theme(tmp_path: Path) -> None:
    async def act(pilot: Pilot[int]) -> None:
        body = pilot.app.screen.query_one("#body", Lines)

        def line(index: int) -> Strip:
            return body.render_lines(body.size.region)[index]

        before = line(0)
        assert line(0) == before and before.cell_length == 60
        await pilot.resize_terminal(80, 24)
        while body.size.width != 80:
            await pilot.pause()
        assert line(0).cell_length == 80
        dark = line(0)
        pilot.app.theme = "vislab-light"
        await pilot.pause()
        assert line(0) != dark and line(0).text == dark.text
        body.show([Text("x" * 100), Text("[b]")])
        assert line(0).text == "x" * 79 + "…" and line(1).text.rstrip() == "[b]"

    play(tmp_path, act)
