import asyncio

import pytest
from textual.app import App, ComposeResult

from vislab.engine.analysis.findings import Finding
from vislab.engine.runs.state import Fold
from vislab.tui.following import Look
from vislab.tui.widgets.live_panels import FindingLines, LogLines

LONG = " ".join(f"{'word' * (number % 4)}{number}" for number in range(60))


class Panel(App[int]):
    CSS = "FindingLines { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield FindingLines(id="findings")


@pytest.mark.parametrize("width", range(40, 81, 5))
def test_findings_are_wrapped_beside_the_scroll_bar_and_lose_no_letter(width: int) -> None:
    finding = Finding("not_finite", "error", f"found {LONG}", f"mend {LONG}")
    look = Look(Fold().state(), None, "failed", None, (finding,), (), (f"result {LONG}",))

    async def go() -> None:
        panel = Panel()
        async with panel.run_test(size=(width, 12)) as pilot:
            lines = panel.query_one(FindingLines)
            lines.tell(look)
            await pilot.pause()
            assert lines.show_vertical_scrollbar
            shown = " ".join(lines.strip(index).text.strip() for index in range(len(lines.lines)))
            assert all(f"{word} {LONG}" in shown for word in ("result", "found", "mend"))

    asyncio.run(go())


class Log(App[int]):
    CSS = "LogLines { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield LogLines(id="log")


def test_long_lines_of_the_log_are_wrapped() -> None:
    async def go() -> None:
        panel = Log()
        async with panel.run_test(size=(40, 12)) as pilot:
            panel.query_one(LogLines).tell(("short", LONG, *"abcdefghijkl"))
            await pilot.pause()
            lines = panel.query_one(LogLines)
            shown = [lines.strip(index).text.strip() for index in range(len(lines.lines))]
            assert LONG in " ".join(shown) and shown[0] == "short" and shown[-1] == "l"

    asyncio.run(go())


def test_a_panel_at_its_end_stays_there_when_the_terminal_gets_smaller() -> None:
    async def go() -> None:
        panel = Log()
        async with panel.run_test(size=(80, 24)) as pilot:
            lines, told = panel.query_one(LogLines), [str(number) for number in range(100)]
            for height in (24, 60, 10, 20):
                await pilot.resize_terminal(80, height)
                told.append("more")
                lines.tell(tuple(told))
                await pilot.pause()
                assert lines.scroll_offset.y == len(told) - height
            lines.scroll_to(y=50, animate=False)
            await pilot.pause()
            await pilot.resize_terminal(80, 12)
            lines.tell((*told, "more"))
            await pilot.pause()
            assert lines.scroll_offset.y == 50, "a person has scrolled away from it"

    asyncio.run(go())
