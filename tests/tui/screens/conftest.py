"""Runs for the screens to show, and a console to play with."""

import asyncio
import csv
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import textual._wait
import textual.screen
from textual.events import MouseDown, MouseUp
from textual.pilot import Pilot
from textual.widget import Widget

from vislab.engine.runs.events import AnyEvent, RunEnded, TestFigures, encode
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.app import Console, screen_class
from vislab.tui.screens import dialog, window

Act = Callable[[Pilot[int]], Awaitable[None]]
HOSTILE = "[red]\x1b[2J<script>名" + "x" * 10_000


@pytest.fixture(scope="module", autouse=True)
def quick_looks() -> Iterator[None]:
    """Pilots look four times as often whether a console has come to rest, and its screens are updated as often.

    As it is shipped, each key and each pause sleeps for 20 ms at least: more than everything else in these tests. What
    is painted is seen at once.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (textual._wait, "SLEEP_GRANULARITY"),
            (textual._wait, "SLEEP_IDLE"),
            (textual.screen, "UPDATE_PERIOD"),
        ):
            patch.setattr(module, name, getattr(module, name) / 4)
        patch.setattr(dialog, "SEEN", 0.0)
        patch.setattr(window, "FOLLOWS", 0.001)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def make_run(settings: Settings, history: Callable[..., list[AnyEvent]]) -> Callable[..., Run]:
    """Make a run with a history that ended as said, or did not end."""

    def make(
        name: str = "a-run",
        accuracies: tuple[float, ...] = (0.5, 0.7),
        *,
        end: str = "done",
        reason: str = "",
        labels: Labels | None = None,
        predictions: list[tuple[str, str, str]] | None = None,
        classes: tuple[str, ...] = ("cat", "dog", "horse"),
        selected_on_test: bool = False,
        **spec: Any,
    ) -> Run:
        run = create(settings.runs_dir, msgspec.convert({"name": name} | spec, Spec), labels=labels)
        events: list[AnyEvent] = []
        if accuracies:
            losses = [1 - x for x in accuracies]
            events = history(
                losses,
                val_accuracy=list(accuracies),
                val_counts=(10, 10, 10),
                classes=classes,
                selected_on_test=selected_on_test,
            )
        if end:
            status = msgspec.convert(end, type=RunEnded.__annotations__["status"])
            figures = TestFigures(
                role="test", images=30, loss=0.3, accuracy=0.8, top5=1, macro_f1=0.8, weights="raw", epoch=2
            )
            events.append(
                RunEnded(status=status, reason=reason, step=9, epoch=2, elapsed=61.0, exit_code=0, test=figures)
            )
        run.events.write_bytes(b"".join(map(encode, events)))
        if predictions is not None:
            rows = [(*row, f"{0.9 - place / 1000:.6f}") for place, row in enumerate(predictions)]
            with (run.path / "predictions.csv").open("w", newline="") as file:
                csv.writer(file).writerows([("name", "label", "predicted", "confidence"), *rows])
        return run

    return make


@pytest.fixture
def play(settings: Settings) -> Callable[..., Console]:
    """Open a screen in a console without a terminal, and do something with it."""

    def run(name: str, act: Act, *, size: tuple[int, int] = (80, 24), **arguments: Any) -> Console:
        console = Console(settings, first=lambda _: screen_class(name)(**arguments))

        async def go() -> None:
            async with console.run_test(size=size) as pilot:
                await settle(pilot)
                await act(pilot)

        asyncio.run(go())
        return console

    return run


async def settle(pilot: Pilot[int]) -> None:
    """Wait until threads have told what they found, and it is on the screen."""
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


@pytest.fixture(name="settle")
def settle_(settings: Settings) -> Callable[[Pilot[int]], Awaitable[None]]:
    return settle


@pytest.fixture
def click(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[None]]:
    """Click where a part of the screen is, as a terminal tells of it: what is under the mouse may move meanwhile.

    `Pilot.click` sends a click of its own, to what lies there when the mouse has gone up.
    """

    async def do(pilot: Pilot[int], part: Widget | str, x: int = 1, y: int = 0, times: int = 1) -> None:
        widget = pilot.app.screen.query_one(part) if isinstance(part, str) else part
        place = {"x": widget.region.x + x, "y": widget.region.y + y}
        words = {"delta_x": 0, "delta_y": 0, "button": 1, "shift": False, "meta": False, "ctrl": False}
        monkeypatch.setattr(Console, "CLICK_CHAIN_TIME_THRESHOLD", 60.0 if times > 1 else -1.0)  # seconds
        pilot.app._click_chain_last_offset = None  # those before were long ago
        for event in (MouseDown, MouseUp) * times:
            pilot.app._driver.send_message(event(widget=None, **place, **words))  # type: ignore[union-attr, arg-type]
            await pilot.pause()
            await pilot.pause()

    return do


@pytest.fixture
def hostile() -> str:
    """A name that would spoil a screen that believed it."""
    return HOSTILE
