"""How a run ended that was left alone is told once."""

import asyncio
import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from textual.widgets._toast import Toast, ToastHolder

from vislab.engine.runs.ending import leave_queue
from vislab.engine.runs.events import AnyEvent, RunEnded
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run, create
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui import endings
from vislab.tui.app import Console, screen_class
from vislab.tui.endings import Awaited, Ending, told_together
from vislab.tui.screens.help import HelpScreen
from vislab.tui.screens.history import HistoryScreen
from vislab.tui.screens.screen import ConsoleScreen

End = Literal["done", "failed", "stopped"]


@pytest.fixture
def run(tmp_path: Path, history: Callable[..., list[AnyEvent]]) -> Run:
    made = create(tmp_path / "runs", Spec(name="made [red]"))
    for event in history([1.0, 0.9], val_accuracy=[0.5, 0.75], val_counts=(5, 5)):
        EventWriter(made.events).append(event)
    return made


def held(path: Path) -> RunLock:
    lock = RunLock(path)
    assert lock.acquire()
    return lock


def end(run: Run, status: End, reason: str = "") -> None:
    EventWriter(run.events).append(
        RunEnded(status=status, reason=reason, step=20, epoch=2, elapsed=61.0, exit_code=int(status == "failed"))
    )


@pytest.mark.parametrize("lock", ["lock", "waiting_lock"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("done", ["made [red]", "done after 2 of 2 epochs", "best epoch 2, validation accuracy 0.7500"]),
        ("failed", ["failed after 2 of 2 epochs", "no space left"]),
        ("stopped", ["stopped after 2 of 2 epochs"]),
        ("died", ["died after 2 of 2 epochs", "It ended without a word"]),
    ],
)
def test_the_end_of_a_run_is_told_once(run: Run, status: str, words: list[str], lock: str) -> None:
    worker, awaited = held(getattr(run, lock)), Awaited()
    if status == "died":
        run.lock.touch()
    awaited.add([run])
    assert not awaited.ended(), "it lives"
    if status in ("done", "failed", "stopped"):
        end(run, status, "no space left" if status == "failed" else "")  # type: ignore[arg-type]
    worker.release()
    (told,) = awaited.ended()
    assert told.run == run and told.failed == (status in ("failed", "died"))
    assert all(word in told_together([told]) for word in words)
    assert not awaited.ended()


def test_runs_that_were_deleted_or_taken_out_of_the_queue_are_not_told_of(run: Run, tmp_path: Path) -> None:
    waited, awaited = create(tmp_path / "runs", Spec(name="waited")), Awaited()
    waiter = held(waited.waiting_lock)
    awaited.add([run, waited])
    leave_queue(waited, "taken out of the queue")
    waiter.release()
    shutil.rmtree(run.path)
    assert waited.status() == "stopped" and not awaited.ended()


def test_a_run_that_somebody_else_stopped_before_it_trained_is_told_of(tmp_path: Path) -> None:
    stopped, awaited = create(tmp_path / "runs", Spec(name="early")), Awaited()
    awaited.add([stopped])
    end(stopped, "stopped", "stopped by a request")
    (told,) = awaited.ended()
    assert "early" in told.line and "stopped" in told.line and not told.failed


def test_a_run_that_fell_out_of_the_queue_is_told_of(tmp_path: Path) -> None:
    waited, awaited = create(tmp_path / "runs", Spec(name="waited")), Awaited()
    held(waited.waiting_lock).release()
    awaited.add([waited])
    (told,) = awaited.ended()
    assert told.failed and f"vislab resume {waited.id}" in told.more


def test_a_run_that_lives_again_before_it_is_told_of_is_still_awaited(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaited, look, locks = Awaited(), endings._ending, []
    awaited.add([run])
    end(run, "failed")

    def resumed(run: Run) -> Ending | None:
        locks.append(held(run.lock))
        return look(run)

    monkeypatch.setattr(endings, "_ending", resumed)
    assert not awaited.ended()
    monkeypatch.undo()
    locks[0].release()
    assert len(awaited.ended()) == 1


def test_a_disk_that_does_not_answer_keeps_no_other_run_from_being_told_of(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, awaited = create(tmp_path / "runs", Spec(name="lost")), Awaited()

    def asked(run: Run) -> bool:
        if run is lost:
            raise OSError(errno.EIO, "Input/output error")
        return False

    monkeypatch.setattr(endings, "is_alive", asked)
    awaited.add([lost, run])
    end(run, "done")
    assert [told.run for told in awaited.ended()] == [run]


def ended(first: Callable[[Console], ConsoleScreen], runs: list[Run], open_help: bool = False) -> list[str]:
    """What a console says of runs that it has started and that fail."""
    folder = runs[0].path.parent
    console = Console(Settings(folder, folder / "data", folder / "cache", folder / "config"), first=first)
    workers = [held(run.lock) for run in runs]
    told: list[str] = []

    async def go() -> None:
        async with console.run_test(notifications=True) as pilot:
            console.has_started(runs)
            if open_help:
                await pilot.press("?")
                assert isinstance(console.screen, HelpScreen)
            await console.workers.wait_for_complete()
            await pilot.pause()
            assert console._timer is not None
            console._timer.stop()  # no look while they end
            for run, worker in zip(runs, workers, strict=True):
                end(run, "failed", "no space left")
                worker.release()
            console.look_for_live_runs()
            until = time.monotonic() + 5
            while console._awaited._runs and time.monotonic() < until:
                await pilot.pause()
            await console.workers.wait_for_complete()
            await pilot.pause()
            told.extend(one.message for one in console._notifications if one.severity != "warning")

    asyncio.run(go())
    return told


@pytest.mark.parametrize("open_help", [False, True])
@pytest.mark.parametrize("watched", [False, True])
def test_the_console_tells_how_a_run_ended_unless_it_is_watched(run: Run, watched: bool, open_help: bool) -> None:
    def first(_: Console) -> ConsoleScreen:
        return screen_class("live")(run=Run(run.path)) if watched else HistoryScreen()  # type: ignore[call-arg]

    words = f"made [red] ({run.id[-4:]}) failed after 2 of 2 epochs, 1m01s of work\nno space left"
    told = ended(first, [run], open_help)
    assert len(told) == (not watched) and all(one.startswith(words) for one in told)


def test_of_many_runs_that_end_together_one_notice_tells(tmp_path: Path) -> None:
    runs = [create(tmp_path / "runs", Spec(name=f"run {number}")) for number in range(9)]
    (told,) = ended(lambda _: HistoryScreen(), runs)
    assert told.startswith("9 runs failed: ") and told.endswith("and 6 more\nH lists them, N hides notices")


def test_a_notice_that_stands_takes_up_the_ends_that_follow(tmp_path: Path) -> None:
    runs = [create(tmp_path / "runs", Spec(name=f"run {number}")) for number in range(6)]
    settings = Settings(*(tmp_path / name for name in ("runs", "data", "cache", "config")))
    console = Console(settings, first=lambda _: HistoryScreen())
    ends = [Ending(run, f"{number} ended", "well", number in (1, 3)) for number, run in enumerate(runs)]

    async def go() -> None:
        async with console.run_test(size=(80, 24), notifications=True) as pilot:

            async def told(*news: Ending) -> tuple[str, str]:
                console._tell(news)
                await pilot.pause()
                await pilot.pause()
                (notice,) = [one for one in console._notifications if one.severity != "warning"]
                holders, toasts = console.screen.query(ToastHolder), console.screen.query(Toast)
                assert len(holders) == len(toasts) == len(console._notifications)
                above, below = console.screen.query_one("#details"), console.screen.query_one("KeyFooter")
                for _ in range(50):
                    if above.region.bottom == toasts.first().region.y and toasts.last().region.bottom == below.region.y:
                        break
                    await pilot.pause()
                else:
                    raise AssertionError(f"rows of earlier ones: {above.region}, {toasts.first().region}")
                return notice.severity, notice.message

            assert await told(ends[0]) == ("information", "0 ended\nwell")
            assert await told(ends[1]) == ("error", "1 ended\n0 ended"), "what failed comes first"
            severity, words = await told(*ends[2:5])
            first, second, keys = words.splitlines()
            assert severity == "error" and first.startswith("2 runs failed: run 1 ") and " and run 3 " in first
            assert second.startswith("3 runs ended: run 0 ") and keys == "H lists them, N hides notices"
            await pilot.press("N")
            await pilot.pause()
            assert not console._notifications and not console.screen.query(ToastHolder)
            assert not console.screen.check_action("hide_notices", ())
            assert await told(ends[5]) == ("information", "5 ended\nwell"), "what was hidden stays so"
            await pilot.press("?", "N")
            await pilot.pause()
            assert isinstance(console.screen, HelpScreen) and not console._notifications
            for screen in console.screen_stack:
                assert not screen.query(ToastHolder), "nor do rows stay on a screen below"

    asyncio.run(go())
