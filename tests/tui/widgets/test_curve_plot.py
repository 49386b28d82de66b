"""A figure that is drawn beside the event loop."""

import asyncio
import threading
from collections.abc import Sequence

from textual.app import App, ComposeResult

from vislab.tui.widgets import curve_plot
from vislab.tui.widgets.curve_plot import CurvePlot


class Plot(App[int]):
    def compose(self) -> ComposeResult:
        yield CurvePlot()


def test_what_cannot_be_drawn_says_so_and_what_comes_after_it_is_drawn() -> None:
    newer_is_wanted = threading.Event()

    def broken(width: int, height: int) -> Sequence[str]:
        assert newer_is_wanted.wait(60)
        raise ValueError

    async def go() -> None:
        console = Plot()
        async with console.run_test(size=(40, 5)) as pilot:
            plot = console.query_one(CurvePlot)

            async def drawn() -> None:
                while plot._drawing:
                    await pilot.pause()

            plot.draw("broken", broken, title=lambda width: "a title", at_once=True)
            plot.draw("whole", lambda width, height: ["drawn"] * height, title=lambda width: "a title", at_once=True)
            newer_is_wanted.set()
            await drawn()
            assert plot.words.splitlines() == ["a title", *["drawn"] * 4]
            plot.draw("broken again", broken, at_once=True)
            await drawn()
            assert plot.words == "cannot be drawn: ValueError"

    asyncio.run(go())


def test_what_drawing_took_is_given_back(monkeypatch) -> None:
    done = []
    monkeypatch.setattr(curve_plot, "give_back", lambda: done.append("given back"))

    def draw(width: int, height: int) -> Sequence[str]:
        done.append("drawn")
        return ["drawn"] * height

    async def go() -> None:
        console = Plot()
        async with console.run_test(size=(40, 5)) as pilot:
            plot = console.query_one(CurvePlot)
            plot.draw("a figure", draw, at_once=True)
            while plot._drawing:
                await pilot.pause()
            assert done == ["drawn", "given back"]

    asyncio.run(go())
