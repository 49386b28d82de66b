"""How a run ended that was left alone is told once."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from vislab.engine.runs.events import AnyEvent, RunEnded
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run, create
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.app import Console, screen_class
from vislab.tui.endings import Awaited
from vislab.tui.screens.history import HistoryScreen
from vislab.tui.screens.screen import ConsoleScreen

End = Literal["done", "failed", "stopped"]


@pytest.fixture
def run(tmp_path: Path, history: Callable[..., list[AnyEvent]]) -> Run:
    made = create(tmp_path / "runs", Spec(name="made [red]"))
    for event in history([1.0, 0.9]):
        EventWriter(made.events).append(event)
    return made


def end(run: Run, status: End, reason: str = "") -> None:
    EventWriter(run.events).append(
        RunEnded(status=status, reason=reason, step=20, epoch=2, elapsed=61.0, exit_code=int(status == "failed"))
    )


@pytest.mark.parametrize("lock", ["lock", "waiting_lock"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("done", ["made [red]", "done after 2 of 2 epochs"]),
        ("failed", ["failed after 2 of 2 epochs", "no space left"]),
        ("stopped", ["stopped after 2 of 2 epochs"]),
        ("died", ["died after 2 of 2 epochs", "It ended without a word"]),
    ],
)
def test_the_end_of_a_run_is_told_once(run: Run, status: str, words: list[str], lock: str) -> None:
    worker, awaited = RunLock(getattr(run, lock)), Awaited()
    assert worker.acquire()
    if status == "died":
        run.lock.touch()
    awaited.add([run])
    assert not awaited.ended(), "it lives"
    if status in ("done", "failed", "stopped"):
        end(run, status, "no space left" if status == "failed" else "")  # type: ignore[arg-type]
    worker.release()
    (told,) = awaited.ended()
    assert told.run == run and told.failed == (status in ("failed", "died"))
    assert all(word in told.words for word in words)
    assert not awaited.ended()


def test_runs_that_were_deleted_or_taken_out_of_the_queue_are_not_told_of(run: Run, tmp_path: Path) -> None:
    waited, awaited = create(tmp_path / "runs", Spec(name="waited")), Awaited()
    awaited.add([run, waited])
    shutil.rmtree(run.path)
    assert not awaited.ended()


@pytest.mark.parametrize("watched", [False, True])
def test_the_console_tells_how_a_run_ended_that_it_started_unless_it_is_watched(run: Run, watched: bool) -> None:
    runs = run.path.parent
    settings = Settings(runs, runs / "data", runs / "cache", runs / "config")

    def first(_: Console) -> ConsoleScreen:
        return screen_class("live")(run=run) if watched else HistoryScreen()  # type: ignore[call-arg]

    console = Console(settings, first=first)
    worker = RunLock(run.lock)
    assert worker.acquire()

    async def go() -> None:
        async with console.run_test(notifications=True) as pilot:
            console.has_started([run])
            end(run, "failed", "no space left")
            worker.release()
            console.look_for_live_runs()
            until = time.monotonic() + 5
            while console._awaited._runs and time.monotonic() < until:
                await pilot.pause()
            await console.workers.wait_for_complete()
            await pilot.pause()
            told = [one for one in console._notifications if one.severity == "error"]
            words = f"made [red] ({run.id[-4:]}) failed after 2 of 2 epochs, 1m01s of work: no space left"
            assert [one.message for one in told] == [words] * (not watched)

    asyncio.run(go())
