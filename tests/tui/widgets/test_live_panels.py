import asyncio
from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult

from vislab.engine.analysis.findings import Finding
from vislab.engine.runs.events import AnyEvent, EpochEnded
from vislab.engine.runs.state import Fold, fold
from vislab.tui.following import Look
from vislab.tui.views import epochs
from vislab.tui.widgets.live_panels import EpochTable, FindingLines, LogLines

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


class Table(App[int]):
    CSS = "EpochTable { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield EpochTable(id="table")


def of_many_epochs(history: Callable[..., list[AnyEvent]], count: int) -> list[AnyEvent]:
    return history([1 / epoch for epoch in range(1, count + 1)], val_loss=[2 / epoch for epoch in range(1, count + 1)])


def test_of_thousands_of_epochs_only_the_rows_are_made_that_are_seen(
    history: Callable[..., list[AnyEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, line = [], epochs.line
    monkeypatch.setattr(epochs, "line", lambda columns, row, **how: made.append(row.epoch) or line(columns, row, **how))
    events = of_many_epochs(history, 3001)
    folding = Fold()
    folding.apply_all(event for event in events if not (isinstance(event, EpochEnded) and event.epoch == 3001))

    async def go() -> None:
        panel = Table()
        async with panel.run_test(size=(80, 12)) as pilot:
            table = panel.query_one(EpochTable)

            def shown() -> list[str]:
                return [table.render_line(y).text.replace("★", " ").split()[0] for y in range(table.size.height)]

            table.tell(folding.state())
            await pilot.pause()
            assert shown() == ["epoch", *(str(epoch) for epoch in range(2990, 3001))]
            folding.apply(next(event for event in events if isinstance(event, EpochEnded) and event.epoch == 3001))
            table.tell(folding.state())
            await pilot.pause()
            assert shown() == ["epoch", *(str(epoch) for epoch in range(2991, 3002))]
            assert table.render_line(11).text.split()[:2] == ["★", "3001"]
            assert "★" not in table.render_line(10).text
            table.scroll_home(animate=False, immediate=True)
            await pilot.pause()
            assert shown() == ["epoch", *(str(epoch) for epoch in range(1, 12))]
            assert len(made) < 150

    asyncio.run(go())


def test_of_a_very_long_run_what_is_not_listed_is_said(history: Callable[..., list[AnyEvent]]) -> None:
    folding = Fold(most_epochs=20)
    folding.apply_all(of_many_epochs(history, 150))

    async def go() -> None:
        panel = Table()
        async with panel.run_test(size=(80, 12)) as pilot:
            table = panel.query_one(EpochTable)
            table.tell(folding.state())
            await pilot.pause()
            shown = [line.text.replace("★", " ").split()[0] for line in map(table.strip, range(len(table.lines)))]
            assert shown == ["epoch", "One", *map(str, range(4, 51, 4)), *map(str, range(51, 151))]
            assert table.strip(1).text.rstrip() == "One of every 4 epochs, and the best; exports list all"
            assert table.strip(len(shown) - 1).text.split()[:2] == ["★", "150"]

    asyncio.run(go())


def test_only_rows_that_have_changed_are_painted(history: Callable[..., list[AnyEvent]]) -> None:
    async def go() -> None:
        panel = Table()
        async with panel.run_test(size=(80, 12)) as pilot:
            table = panel.query_one(EpochTable)
            table.tell(fold(of_many_epochs(history, 4)))
            await pilot.pause()
            painted: list[int] = []
            table.refresh_line = painted.append  # type: ignore[method-assign,assignment]
            table.tell(fold(of_many_epochs(history, 4)))
            assert painted == []
            table.tell(fold(of_many_epochs(history, 5)))
            assert painted == [4, 5], "the one that was the best, and the new one"

    asyncio.run(go())
