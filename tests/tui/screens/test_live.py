"""The live view: every key, every end, every size."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from vislab.engine.runs import control, detaching
from vislab.engine.runs import start as starting
from vislab.engine.runs.events import AnyEvent, ControlApplied, EpochEnded, Notice, RunEnded, RunStarted, StepsLogged
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventReader, EventWriter
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.progress import write as write_progress
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.actions import ACTIONS
from vislab.tui.app import Console
from vislab.tui.following import Looker
from vislab.tui.live_frame import frame
from vislab.tui.screens import live as live_screen
from vislab.tui.screens import run_page
from vislab.tui.screens.dialog import Prompt, Question
from vislab.tui.screens.live import COVERED, RESTING, LiveScreen
from vislab.tui.widgets import curve_plot
from vislab.tui.widgets.curve_plot import CurvePlot
from vislab.tui.widgets.header_line import HeaderLine
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.live_panels import OUT_OF_THE_QUEUE, Bars

WORKER = Path(__file__).parents[1] / "live_worker.py"
Act = Callable[[Pilot[int]], Awaitable[None]]
Start = Callable[..., Run]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def make(settings: Settings) -> Callable[..., Run]:
    """Make a run that nobody trains."""

    def make(name: str = "a-run") -> Run:
        from vislab.presets.library import resolve

        spec = resolve(recipe="digits-lenet5", name=name, settings=settings)
        return create(settings.runs_dir, spec, labels=Labels(name=name))

    return make


@pytest.fixture
def start(make: Callable[..., Run]) -> Iterator[Start]:
    """Make a run and start the worker that trains nothing."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str = "a-run", *, epochs: int = 1000, pause: float = 0.02, end: str = "done") -> Run:
        run = make(name)
        fake = {"VISLAB_FAKE_EPOCHS": str(epochs), "VISLAB_FAKE_PAUSE": str(pause), "VISLAB_FAKE_END": end}
        with run.worker_log.open("ab") as log:
            worker = subprocess.Popen([sys.executable, str(WORKER), str(run.path)], stdout=log, env=os.environ | fake)
        started.append(worker)
        while not run.worker() and worker.poll() is None:
            time.sleep(0.01)
        return run

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def play(settings: Settings, run: Run, act: Act, *, size: tuple[int, int] = (80, 24), own: bool = False) -> Console:
    """Watch a run; own: as if it had been started from this console."""
    console = Console(settings, first=lambda _: LiveScreen(run))

    async def go() -> None:
        async with console.run_test(size=size) as pilot:
            if own:
                console.has_started([run])
            await until(pilot, lambda: view(pilot).seen is not None)
            await act(pilot)

    asyncio.run(go())
    return console


async def until(pilot: Pilot[int], reached: Callable[[], bool], seconds: float = 10.0) -> None:
    """Let the console work until something is so."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, f"not reached within {seconds} s"
        await pilot.pause(0.02)


def view(pilot: Pilot[int]) -> LiveScreen:
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, LiveScreen))


def words(pilot: Pilot[int], what: str) -> str:
    return view(pilot).query_one(what, Lines).words


def header(pilot: Pilot[int]) -> str:
    return view(pilot).query_one(HeaderLine).words


def painted(pilot: Pilot[int]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def asked(run: Run) -> list[tuple[str, str]]:
    return [(request.action, request.value) for request in control.ControlReader(run.control).poll()]


def test_a_live_run_is_seen_to_train_rest_and_stop(settings: Settings, start: Start) -> None:
    run = start()

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "● training" in header(pilot))
        assert "p pause  s stop…  c save  r rate…" in view(pilot).query_one(KeyFooter).words
        await until(pilot, lambda: "★" in words(pilot, "#table"))
        assert "1,234 img/s" in words(pilot, "#bars")
        assert "cpu A processor" in words(pilot, "#device") and "waiting for data 3 %" in words(pilot, "#device")
        await until(pilot, lambda: " of " in words(pilot, "#device"))  # the processor's share needs two looks
        await pilot.press("c")
        await until(pilot, lambda: len(view(pilot).seen.state.checkpoints) == 1)  # type: ignore[union-attr]
        assert words(pilot, "#message").startswith("Checkpoint saved after step ")
        await pilot.press("p")
        await until(pilot, lambda: "‖ paused" in header(pilot))
        assert "Paused" in words(pilot, "#bars") and "img/s" not in words(pilot, "#bars")
        assert "p go on  s stop…" in view(pilot).query_one(KeyFooter).words
        await pilot.press("p")
        await until(pilot, lambda: "● training" in header(pilot))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("n")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("s")
        await until(pilot, lambda: "‖ stopped" in header(pilot), seconds=5.0)
        assert "of work: on request" in words(pilot, "#bars")
        assert "pause" not in view(pilot).query_one(KeyFooter).words
        await pilot.press("p", "c", "s", "r")
        await pilot.pause()
        assert isinstance(pilot.app.screen, LiveScreen)

    play(settings, run, act)
    assert [action for action, _ in asked(run)] == ["checkpoint", "pause", "unpause", "stop"]


def test_a_run_is_told_of_once_its_log_is_read_whole(
    settings: Settings, make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, shown, bite, tell = make(), [], EventReader.bite, Bars.tell_reading
    for event in (started(), RunEnded(status="done", reason="", step=1, epoch=1, elapsed=1.0, exit_code=0)):
        EventWriter(run.events).append(event)

    def tell_reading(bars: Bars, read: float) -> None:
        tell(bars, read)
        shown.append("\n".join(bars.screen.query_one(part, Lines).words for part in (HeaderLine, KeyFooter, Bars)))

    monkeypatch.setattr(EventReader, "bite", lambda reader: bite(reader, at_most=1))
    monkeypatch.setattr(Bars, "tell_reading", tell_reading)

    async def act(pilot: Pilot[int]) -> None:
        assert "✔ done" in header(pilot) and len(shown) == 1
        assert "reading its log" in shown[0] and "Read   the run's log" in shown[0]
        assert "training" not in shown[0] and "left" not in shown[0] and "p pause" not in shown[0]

    play(settings, run, act)


def test_stop_after_the_epoch(settings: Settings, start: Start) -> None:
    run = start()

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("e")
        await until(pilot, lambda: "of work: on request after the epoch" in words(pilot, "#bars"))

    play(settings, run, act)


def test_that_a_run_is_to_stop_is_told_whoever_asked_for_it(settings: Settings, make: Callable[..., Run]) -> None:
    run = make()
    lock = RunLock(run.lock)
    assert lock.acquire()
    log = EventWriter(run.events)
    log.append(started())
    log.append(ControlApplied(request="a", action="stop_after_epoch", step=0))

    async def act(pilot: Pilot[int]) -> None:
        assert "stopping" not in header(pilot), "another was asked, that was killed: this one gives no heartbeat yet"
        write_progress(run.progress_file, Progress(time=time.time(), pid=os.getpid(), host="", phase="training"))
        view(pilot).look()
        await until(pilot, lambda: "training, stopping after this epoch …" in header(pilot))
        log.append(ControlApplied(request="b", action="stop", step=0))
        await until(pilot, lambda: "training, stopping …" in header(pilot))
        log.append(RunEnded(status="stopped", reason="", step=10, epoch=1, elapsed=1.0, exit_code=130))
        lock.release()
        await until(pilot, lambda: "‖ stopped" in header(pilot))
        assert "stopping" not in header(pilot)

    play(settings, run, act)


def test_the_learning_rate_is_asked_for_and_checked(settings: Settings, start: Start) -> None:
    run = start(pause=1.0)

    async def rate(pilot: Pilot[int], value: str) -> None:
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
        pilot.app.screen.query_one(Input).value = value
        await pilot.pause()

    async def act(pilot: Pilot[int]) -> None:
        for value in ("-1", "fast", "inf", "nan", "0.003abc", ""):
            await rate(pilot, value)
            assert "a number above 0" in " ".join(pilot.app.screen.query(Lines).last().words.split())
            await pilot.press("enter")
            assert isinstance(pilot.app.screen, Prompt) and pilot.app.screen.query_one(Input).value == value
            await pilot.press("escape")
        await rate(pilot, "2e-4")
        assert "↵ accept" in pilot.app.screen.query(Lines).last().words
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        assert "learning rate 0.0002 …" in header(pilot)
        await until(pilot, lambda: "learning rate" not in header(pilot))
        assert words(pilot, "#message").startswith("Learning rate 0.0002 after step ")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
        assert pilot.app.screen.query_one(Input).value == "0.0002"
        await pilot.press("escape")

    play(settings, run, act)
    assert asked(run) == [("set_learning_rate", "0.0002")]


@pytest.mark.parametrize(
    ("end", "sign", "reason"),
    [
        ("die", "✖ died", "fatal: cosmic ray"),
        ("fail", "✖ failed", "The loss is not finite."),
        ("done", "✔ done", "done after 2 of 2 epochs"),
    ],
)
def test_an_end_is_seen_with_its_reason(settings: Settings, start: Start, end: str, sign: str, reason: str) -> None:
    run = start(epochs=2, end=end)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: sign in header(pilot), seconds=5.0)
        await until(pilot, lambda: reason in " ".join((words(pilot, "#bars") + words(pilot, "#findings")).split()))
        await pilot.press("f")
        await until(pilot, lambda: "after 2 of 2 epochs" in words(pilot, "#findings").replace("\n", " "))

    play(settings, run, act)


def test_a_killed_worker_is_seen_within_five_seconds(settings: Settings, start: Start) -> None:
    run = start()

    async def act(pilot: Pilot[int]) -> None:
        os.kill(run.worker(), signal.SIGKILL)
        await until(pilot, lambda: "✖ died" in header(pilot), seconds=5.0)
        await pilot.pause()
        said = " ".join(words(pilot, "#findings").split())
        assert "It ended without a word: it died in epoch" in said and f"vislab resume {run.id}" in said
        assert view(pilot).query_one("#findings").size.height and "u resume" in view(pilot).query_one(KeyFooter).words

    play(settings, run, act)


def test_a_run_that_ended_early_goes_on(settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run, resumed = start(epochs=2, end="die"), []
    answers = [InputError("no device is free"), None]

    def take_up(run: Run, settings: Settings) -> None:
        resumed.append(run.id)
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(starting, "start", take_up)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "✖ died" in header(pilot))
        await pilot.press("u")
        await until(pilot, lambda: "no device is free" in words(pilot, "#message"))
        assert not pilot.app.started_here  # type: ignore[attr-defined]
        await pilot.press("u")
        await until(pilot, lambda: "The run goes on." in words(pilot, "#message"))
        assert resumed == [run.id] * 2 and pilot.app.started_here == {run.id}  # type: ignore[attr-defined]

    play(settings, run, act)


@pytest.mark.parametrize("fault", ["", "no device is free"])
def test_what_became_of_a_run_is_told_although_its_view_was_left(
    settings: Settings, make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    run, left = make(), threading.Event()

    def take_up(run: Run, settings: Settings) -> None:
        left.wait(5)
        if fault:
            raise InputError(fault)

    monkeypatch.setattr(starting, "start", take_up)

    async def act(pilot: Pilot[int]) -> None:
        await pilot.app.push_screen(over := LiveScreen(run))
        await until(pilot, lambda: over.seen is not None)
        await pilot.press("u", "escape")
        assert over not in pilot.app.screen_stack
        left.set()
        told = fault or "The run goes on."
        await until(pilot, lambda: [notice.message for notice in pilot.app._notifications] == [told])
        assert pilot.app.started_here == ({run.id} if not fault else set())  # type: ignore[attr-defined]

    play(settings, run, act)


@pytest.mark.parametrize(("own", "left"), [("", "table"), ("o", "log")])
def test_the_reason_of_a_death_goes_when_the_run_goes_on(
    settings: Settings, make: Callable[..., Run], own: str, left: str
) -> None:
    """The program closes what it has opened by itself, and nothing else."""
    run = make()
    log = EventWriter(run.events)
    log.append(started())

    async def act(pilot: Pilot[int]) -> None:
        def shown() -> list[str]:
            return [name for name in ("table", "findings", "log") if view(pilot).query_one(f"#{name}").size.height]

        await until(pilot, lambda: "✖ died" in header(pilot) and shown() == ["findings"])
        await pilot.press(*own)
        lock = RunLock(run.lock)
        assert lock.acquire()
        view(pilot).look()
        await until(pilot, lambda: "died" not in header(pilot) and shown() == [left])
        lock.release()

    play(settings, run, act)


def test_a_run_that_logs_once_an_epoch_has_no_points_inside(settings: Settings, make: Callable[..., Run]) -> None:
    run = make()
    log = EventWriter(run.events)
    log.append(msgspec.structs.replace(started(), log_every=10))
    log.append(step(10, 0.5))

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("e")
        assert words(pilot, "#message") == "No points inside epochs: this run logs its figures once an epoch"
        await until(pilot, lambda: "loss" in words(pilot, "#loss"))
        assert "steps" not in words(pilot, "#loss")

    play(settings, run, act)


def test_a_run_that_is_over_is_looked_at_less_often(settings: Settings, start: Start) -> None:
    run = start(epochs=2)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "done" in header(pilot))
        looks: list[int] = []
        view(pilot).look = lambda: looks.append(view(pilot)._turn)  # type: ignore[method-assign]
        begun = view(pilot)._turn
        for _ in range(2 * RESTING):
            view(pilot)._look_in_turn()
        assert view(pilot)._turn - begun >= 2 * RESTING and [turn % RESTING for turn in looks] == [0, 0]

    play(settings, run, act)


def test_a_run_is_looked_at_less_often_while_a_window_lies_over_its_view(settings: Settings, start: Start) -> None:
    run = start(epochs=1000)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "training" in header(pilot))
        live, looks = view(pilot), []
        live.look = lambda: looks.append(live._turn)  # type: ignore[method-assign]
        for key, count in (("question_mark", 4 // COVERED), ("escape", 4)):
            await pilot.press(key)
            looks.clear()
            live._turn = 0
            for _ in range(4):
                live._look_in_turn()
            assert len(looks) == count

    play(settings, run, act)


def test_panels_take_turns_on_a_small_screen(settings: Settings, start: Start) -> None:
    run = start(epochs=3)

    async def act(pilot: Pilot[int]) -> None:
        def shown() -> list[str]:
            return [name for name in ("table", "findings", "log") if view(pilot).query_one(f"#{name}").size.height]

        assert shown() == ["table"]
        for key, expected in (("f", "findings"), ("o", "log"), ("o", "table"), ("f", "findings"), ("t", "table")):
            await pilot.press(key)
            await pilot.pause()
            assert shown() == [expected]
            assert view(pilot).focused is view(pilot).query_one(f"#{expected}")
        assert "a library says [red]hello" in words(pilot, "#log")
        await pilot.press("o")
        assert ("o", "table") in [(action.keys[0], action.label) for action in view(pilot).actions_now()]
        await pilot.press("escape")
        await pilot.pause()
        assert shown() == ["table"] and pilot.app.screen is view(pilot)

    play(settings, run, act)


@pytest.mark.parametrize("size", [(200, 60), (120, 40)])
def test_a_wide_screen_shows_all_panels_at_once(settings: Settings, start: Start, size: tuple[int, int]) -> None:
    run = start(epochs=3)

    async def act(pilot: Pilot[int]) -> None:
        await pilot.pause()
        for name in ("table", "findings", "log", "loss", "accuracy"):
            assert view(pilot).query_one(f"#{name}").size.area > 0
        await pilot.press("o")
        assert view(pilot).focused is view(pilot).query_one("#log")
        assert view(pilot).query_one("#findings").size.area > 0

    play(settings, run, act, size=size)


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
def test_everything_important_has_its_place(settings: Settings, start: Start, size: tuple[int, int]) -> None:
    run = start(epochs=30, pause=0.0)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "done" in header(pilot))
        await until(pilot, lambda: "┤" in words(pilot, "#loss") and "┤" in words(pilot, "#accuracy"))
        screen = view(pilot)
        for name in ("#bars", "#loss", "#accuracy", "#table", "#device", "#message"):
            region = screen.query_one(name).region
            assert region.area > 0 and screen.region.contains_region(region), name
        assert screen.query_one("#table").size.height >= 5
        assert all(line.cell_len <= size[0] for line in screen.query_one("#table", Lines).lines)
        assert "★" in words(pilot, "#loss") and "(1 of" in words(pilot, "#message")

    play(settings, run, act, size=size)


def test_why_it_failed_and_the_first_finding_are_not_said_twice_where_the_findings_are_seen(
    settings: Settings, make: Callable[..., Run]
) -> None:
    run = make()
    why = "The loss is nan."
    for event in (
        started(),
        step(1, "nan"),
        RunEnded(status="failed", reason=why, step=1, epoch=1, elapsed=1.0, exit_code=1),
    ):
        EventWriter(run.events).append(event)

    async def act(pilot: Pilot[int]) -> None:
        first = view(pilot).seen.findings[0].text  # type: ignore[union-attr]
        await until(pilot, lambda: bool(words(pilot, "#findings")))
        bars, findings = (" ".join(words(pilot, part).split()) for part in ("#bars", "#findings"))
        assert why in findings and first in findings
        assert why not in bars and "failed after 0 of 50 epochs" in bars, "said once"
        assert words(pilot, "#message") == ""
        await pilot.press("t")
        await until(pilot, lambda: why in words(pilot, "#bars").replace("\n", " "))
        assert first.startswith(words(pilot, "#message").removeprefix("✖ ")) and words(pilot, "#message")
        await pilot.press("f")
        await until(pilot, lambda: why not in words(pilot, "#bars").replace("\n", " "))
        assert words(pilot, "#message") == ""
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: bool(words(pilot, "#message")))
        assert why not in words(pilot, "#bars")

    play(settings, run, act, size=(60, 20))


def test_a_run_whose_waiter_was_killed_says_so_and_can_be_resumed(settings: Settings, make: Callable[..., Run]) -> None:
    run = make()
    run.waiting_lock.touch()  # what a waiter leaves that is killed

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "It fell out of the queue" in words(pilot, "#findings"))
        assert f"vislab resume {run.id}" in words(pilot, "#findings").replace("\n", "")
        assert "· new" in header(pilot) and view(pilot).possible("resume")

    play(settings, run, act)


def test_the_last_curves_wait_for_nothing(settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve_plot, "EVERY", 1000.0)
    run = start(epochs=8, pause=0.1)

    async def act(pilot: Pilot[int]) -> None:
        plots = list(view(pilot).query(CurvePlot))
        await until(pilot, lambda: all(plot._drawn is not None for plot in plots))
        assert "done" not in header(pilot)
        await until(pilot, lambda: "done" in header(pilot))
        await until(pilot, lambda: all(plot._drawn == (plot._key, plot.size) for plot in plots))
        assert "e8" in words(pilot, "#loss")

    play(settings, run, act)


def test_titles_are_as_new_as_the_table_and_curves_follow_once_figures_stand_still(
    settings: Settings,
    make: Callable[..., Run],
    history: Callable[..., list[AnyEvent]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curve_plot, "EVERY", 1e9)
    monkeypatch.setattr(curve_plot, "SHARE", 1e9)
    monkeypatch.setattr(live_screen, "EVERY", 1e9)
    run = make()
    lock = RunLock(run.lock)
    assert lock.acquire()
    log = EventWriter(run.events)
    events = [event for event in history([1.0] * 40, epochs=40) if isinstance(event, RunStarted | EpochEnded)]

    async def act(pilot: Pilot[int]) -> None:
        plot = view(pilot).query_one("#loss", CurvePlot)

        async def trained(epochs: int) -> None:
            for _ in range(epochs):
                ended = events.pop(0)
                assert isinstance(ended, EpochEnded)
                log.append(msgspec.structs.replace(ended, train_loss=ended.epoch / 8))
            await looked()

        async def looked() -> None:
            before = view(pilot).seen
            view(pilot).look()
            await until(pilot, lambda: view(pilot).seen is not before and not plot._drawing)

        def drawn() -> bool:
            return plot._drawn == (plot._key, plot.size)

        await trained(6)
        await looked()
        assert drawn() and "0.750" in plot.words
        await trained(3)
        assert "1.12" in plot.lines[0].plain
        assert words(pilot, "#table").splitlines()[-1].split()[:3] == ["9", "│", "1.1250"]
        assert not drawn(), "of fast epochs the curves are drawn seldom"
        await looked()
        assert drawn(), "what stands still is drawn"
        await trained(1)
        assert drawn() and "1.25" in plot.lines[0].plain, "of slow epochs each is drawn"
        await trained(3)
        assert drawn() and "→ 15/40" in plot.lines[0].plain, "the axis has grown, as the title says"
        await trained(2)
        assert not drawn()
        now = time.time()
        write_progress(run.progress_file, Progress(time=now, pid=os.getpid(), host="", phase="paused"))
        await looked()
        assert "paused" in header(pilot) and drawn(), "of a run that rests too"

    log.append(events.pop(0))
    try:
        play(settings, run, act)
    finally:
        lock.release()


def test_curves_obey_their_keys(settings: Settings, start: Start) -> None:
    run = start(epochs=40, pause=0.0)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "done" in header(pilot) and "┤" in words(pilot, "#loss"))
        loss = view(pilot).query_one("#loss", CurvePlot)

        async def changed(key: str) -> None:
            before = words(pilot, "#loss")
            await pilot.press(key)
            await until(pilot, lambda: words(pilot, "#loss") != before)

        await changed("e")
        assert view(pilot).options.along == "step"
        assert "▪ steps" in words(pilot, "#loss") and "step by step" in words(pilot, "#message")
        await changed("e")
        assert view(pilot).options.along == "epoch"
        assert "▪ train" in words(pilot, "#loss") and words(pilot, "#message") == "A point an epoch"
        await changed("y")
        assert "log  " in words(pilot, "#loss") and "0.5" in words(pilot, "#loss")
        assert "logarithmic" in words(pilot, "#message")
        await changed("m")
        assert "·" in words(pilot, "#loss") and words(pilot, "#loss").startswith("~log")
        assert words(pilot, "#message").startswith("~ Smoothed")
        for zoom in (30, 10, 3, None):
            await changed("z")
            assert view(pilot).options.last == zoom
        await pilot.press("v")
        await pilot.pause()
        assert loss.size.width > 70 and not view(pilot).query_one("#accuracy").display
        await pilot.press("v")
        await pilot.pause()
        assert not loss.display and view(pilot).query_one("#accuracy").size.width > 70
        await pilot.press("v", "w")
        await pilot.pause()
        assert not view(pilot).query_one("#charts").display
        assert "train loss: last 0.1581 at epoch 40, lowest 0.1581 at epoch 40, falling" in words(pilot, "#words")
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: "lowest 0.1581 at\nepoch 40, falling" in words(pilot, "#words"))
        assert view(pilot).query_one("#words").max_scroll_y == 0  # all of it is seen
        await pilot.press("w")
        await pilot.pause()
        assert loss.size.area > 0

    play(settings, run, act)


def test_the_axis_ends_where_a_run_has_ended(
    settings: Settings,
    make: Callable[..., Run],
    history: Callable[..., list[AnyEvent]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curve_plot, "EVERY", 0.05)
    monkeypatch.setattr(curve_plot, "SHARE", 1.0)
    run = make()
    log = EventWriter(run.events)
    for event in history([1.0] * 6):
        log.append(msgspec.structs.replace(event, epochs=50) if isinstance(event, RunStarted) else event)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "→ " in words(pilot, "#loss"))
        log.append(RunEnded(status="stopped", reason="", step=60, epoch=6, elapsed=1.0, exit_code=0))
        view(pilot).look()
        await until(pilot, lambda: "→ 6/50" in words(pilot, "#loss"))

    play(settings, run, act)


def test_runs_that_ended_are_offered_no_more(settings: Settings, start: Start) -> None:
    first, second = start("first"), start("second")

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(view(pilot).console.live) == 2)
        await pilot.press("V", "down")
        offer = pilot.app.screen
        assert "2 runs training now" in offer.query(Lines).first().words
        last = view(pilot).console.live[1]
        os.kill(first.worker() if last.id == second.id else second.worker(), signal.SIGKILL)
        await until(pilot, lambda: "1 run training now" in offer.query(Lines).first().words)
        choices = offer.query_one(OptionList)
        assert choices.option_count == 1 and choices.highlighted == 0
        assert last.id[-4:] in str(choices.get_option_at_index(0).prompt)
        os.kill(last.worker(), signal.SIGKILL)
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))

    play(settings, first, act)


def test_a_paused_run_is_called_so_where_one_decides_about_it(settings: Settings, start: Start) -> None:
    first, second = start("first"), start("second")

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(view(pilot).console.live) == 2)
        control.send(first.control, "pause", "")
        await until(pilot, lambda: view(pilot).console.paused == {first.id})
        await pilot.press("V")
        assert "1 run training · 1 paused now" in pilot.app.screen.query(Lines).first().words
        rows = [str(option.prompt) for option in pilot.app.screen.query_one(OptionList).options]
        assert [" · paused · " in row for row in rows] == [row.startswith("first") for row in rows]
        await pilot.press("escape", "q")
        assert "1 run still trains, 1 is paused:" in pilot.app.screen.query(Lines).first().words
        await pilot.press("n", "H")
        await until(pilot, lambda: "1 run training · 1 paused" in pilot.app.screen.query_one(HeaderLine).words)

    play(settings, second, act)


def test_other_live_runs_are_a_key_away(settings: Settings, start: Start) -> None:
    older, newer = start("older"), start("newer")

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(view(pilot).console.live) == 2)
        seen = {view(pilot).watched.id}
        await until(pilot, lambda: "n next run" in pilot.app.screen.query_one(KeyFooter).words)
        await pilot.press("n")
        await until(pilot, lambda: view(pilot).watched.id not in seen)
        await until(pilot, lambda: "● training" in header(pilot))
        await pilot.press("b")
        await until(pilot, lambda: view(pilot).watched.id in seen)
        await pilot.press("]")
        await until(pilot, lambda: view(pilot).watched.id not in seen)
        await until(pilot, lambda: "● training" in header(pilot))
        await pilot.press("[")
        await until(pilot, lambda: view(pilot).watched.id in seen)

    play(settings, older, act)
    assert newer.worker() and older.worker()


def test_export_writes_a_file_and_asks_before_it_replaces_one(settings: Settings, start: Start, tmp_path: Path) -> None:
    run = start(epochs=2)
    file = tmp_path / f"{'log' * 20}.html"

    async def export(pilot: Pilot[int], to: Path | str) -> None:
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
        pilot.app.screen.query_one(Input).value = str(to)
        await pilot.press("enter")

    async def act(pilot: Pilot[int]) -> None:
        await export(pilot, " ")
        assert "write a name, or leave with esc" in pilot.app.screen.query(Lines).last().words
        await pilot.press("escape")
        await export(pilot, file)
        await until(pilot, lambda: f"Written: {file}" in [told.message for told in pilot.app._notifications])
        assert "<html" in file.read_text()
        file.write_text("mine")
        await export(pilot, file)
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("n")
        await export(pilot, file / "log.html")
        assert isinstance(pilot.app.screen, Prompt)  # what was written stays, to be mended
        assert "cannot be made" in " ".join(pilot.app.screen.query(Lines).last().words.split())
        assert file.read_text() == "mine"
        pilot.app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("r")
        await until(pilot, lambda: "<html" in file.read_text())

    play(settings, run, act)


@pytest.mark.parametrize(
    ("leave", "trouble"), [("", ""), ("", "Cannot write it: Permission denied."), ("H", ""), ("escape", "Disk full")]
)
def test_what_is_exported_is_told_until_it_is_written_and_where_one_is_by_then(
    settings: Settings, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: str, trouble: str
) -> None:
    run, done = start(), threading.Event()
    monkeypatch.chdir(tmp_path)

    def export(words: object, settings: object) -> None:
        done.wait(10)
        if trouble:
            raise InputError(trouble)

    monkeypatch.setattr(run_page, "run_command", export)

    async def act(pilot: Pilot[int]) -> None:
        pilot.app.push_screen(LiveScreen(run))
        await pilot.pause()
        live = pilot.app.screen
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
        pilot.app.screen.query_one(Input).value = f"{'folder/' * 20}log.html"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is live)
        live.say("Something else.")
        live._fall_silent()  # after a while
        message = live.query_one("#message", Lines)
        await until(pilot, lambda: message.words.startswith("Writing /") and message.words.endswith("/log.html …"))
        await pilot.press(*[leave] * bool(leave))
        done.set()

        def told() -> list[str]:
            return [*(notice.message for notice in pilot.app._notifications), *[message.words] * (not leave)]

        await until(pilot, lambda: any(words.startswith(trouble or "Written: /") for words in told()))
        if not leave:
            live._fall_silent()
            assert "Writ" not in message.words

    play(settings, run, act)


LONG = "The run ends with Slurm's allocation and [red] much more is to be said of it, more than a line holds: read on"


@pytest.mark.parametrize(("own", "warning"), [(True, LONG), (False, LONG), (True, "")])
def test_where_a_run_ends_with_the_session_it_is_said(
    settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch, own: bool, warning: str
) -> None:
    run = start()
    monkeypatch.setattr(detaching, "here", lambda: detaching.Detachment(warning=warning))

    async def act(pilot: Pilot[int]) -> None:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        said = [notification.message for notification in pilot.app._notifications]
        assert said == ([warning] if own and warning else [])

    play(settings, run, act, own=own)


def test_a_short_warning_covers_nothing(settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start()
    warning = "The run ends with this container (process 1 is [red])."
    monkeypatch.setattr(detaching, "here", lambda: detaching.Detachment(warning=warning))

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: words(pilot, "#message") == warning)
        assert not pilot.app._notifications

    play(settings, run, act, size=(60, 20), own=True)


def test_a_worker_that_waits_for_room_on_the_disk_is_told(settings: Settings, start: Start) -> None:
    run = start(epochs=1, pause=0.0, end="full")

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "! full disk" in header(pilot))
        assert "goes on once there is room" in words(pilot, "#message")
        await pilot.press("H")
        await until(pilot, lambda: pilot.app.screen.NAME == "history" and "full disk" in painted(pilot))  # type: ignore[attr-defined]

    play(settings, run, act)


def test_figures_and_words_are_copied(settings: Settings, start: Start) -> None:
    run = start(epochs=4, pause=0.005)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(view(pilot).seen.state.epochs) == 4)  # type: ignore[union-attr]
        await pilot.press("Y", "t")
        head, *rows = pilot.app.clipboard.splitlines()
        assert head.startswith("epoch\ttrain_loss\ttrain_accuracy") and [row.split("\t")[0] for row in rows] == [
            *"1234"
        ]
        assert rows[3].split("\t")[1] == "0.5"
        await pilot.press("Y", "w")
        assert "val loss: last" in pilot.app.clipboard
        await pilot.press("Y", "o")
        assert pilot.app.clipboard == "a library says [red]hello"
        await pilot.press("Y", "l")  # there is no HTML log yet
        assert isinstance(pilot.app.screen, Question)
        (run.path / "log.html").write_text("<html>")
        await pilot.press("escape", "Y", "l")
        assert pilot.app.clipboard == str(run.path / "log.html")

    play(settings, run, act)


@pytest.mark.parametrize("keys", [("d",), ("q", "enter"), ("ctrl+c", "enter"), ("ctrl+c", "ctrl+c")])
def test_leaving_leaves_the_run_alone(settings: Settings, start: Start, keys: tuple[str, ...]) -> None:
    run = start()

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)

    assert play(settings, run, act).return_code == 0
    assert run.worker() and asked(run) == []


@pytest.mark.parametrize(("answer", "stopped", "left"), [("l", False, True), ("s", True, True), ("n", False, False)])
@pytest.mark.parametrize("before", [(), ("L",)], ids=["from its view", "from the launch screen"])
def test_leaving_asks_what_becomes_of_a_run_that_was_only_watched(
    settings: Settings, start: Start, answer: str, stopped: bool, left: bool, before: tuple[str, ...]
) -> None:
    run = start()

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press(*before, "q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        assert run.id[-4:] in pilot.app.screen.query(Lines).first().words
        await pilot.press(answer)
        await pilot.pause()
        assert (pilot.app.return_code == 0) == left

    play(settings, run, act)
    assert asked(run) == ([("stop", "")] if stopped else [])


def test_a_request_that_cannot_be_written_is_said(settings: Settings, start: Start) -> None:
    run = start()

    async def act(pilot: Pilot[int]) -> None:
        run.control.mkdir()
        await pilot.press("c")
        assert "could not be written" in words(pilot, "#message")
        run.control.rmdir()

    play(settings, run, act)


def started(**changes: object) -> RunStarted:
    return RunStarted(
        environment={},
        classes=("a", "b"),
        counts={"train": (5, 5), "validation": (5, 5)},
        split="",
        selected_on_test=False,
        parameters=1,
        trained_parameters=1,
        head=(),
        batch_size=1,
        steps_per_epoch=10,
        epochs=50,
        log_every=1,
        evaluated_weights="raw",
    )


def step(number: int, loss: float | str) -> StepsLogged:
    return StepsLogged(
        step=number,
        epoch=(number + 9) // 10,
        loss=loss,  # type: ignore[arg-type]
        accuracy=0.5,
        learning_rate=1.0,
        gradient_norm=1.0,
        images_per_second=1.0,
        waiting=0.0,
        elapsed=float(number),
    )


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], "no figures yet"),
        (["nan"] * 5, "no figure that can be drawn"),
        (["inf", "-inf"], "no figure that can be drawn"),
        ([0.5, 1e300], "1 left out"),
        ([0.5], "▪"),
        ([0.7] * 40, "▪"),
        ([0.0] * 20, "▪"),
        ([1.0, "nan", 0.5, "inf", 0.25], "▪"),
    ],
)
def test_strange_curves_are_drawn_as_far_as_they_can_be(
    settings: Settings, make: Callable[..., Run], losses: list[float | str], expected: str
) -> None:
    run = make()
    log = EventWriter(run.events)
    log.append(started())
    for number, loss in enumerate(losses, 1):
        log.append(step(number, loss))

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: expected in words(pilot, "#loss"))
        bad = sum(isinstance(loss, str) for loss in losses)
        assert (f"{bad} not finite" in words(pilot, "#loss")) == bool(bad)
        await pilot.press("y", "m", "w")
        await until(pilot, lambda: "train loss:" in words(pilot, "#words"))
        assert (f"not finite in {bad} of {len(losses)} logged intervals" in words(pilot, "#words")) == bool(bad)
        await pilot.press("w")
        await until(pilot, lambda: "log " in words(pilot, "#loss"))
        if losses == [0.0] * 20:
            assert "20 not above 0" in words(pilot, "#loss")

    play(settings, run, act)


def test_hostile_text_is_shown_as_text(settings: Settings, make: Callable[..., Run]) -> None:
    evil = "[red]x[/red]\x1b[2J<b>\u202e" + "y" * 10_000
    run = make()
    run.set_labels(Labels(name=evil))
    run.worker_log.write_bytes(evil.encode() + b"\n\xff\xfe\n")
    log = EventWriter(run.events)
    log.append(msgspec.structs.replace(started(), classes=(evil, "b"), counts={"train": (50, 1), "validation": (5, 5)}))
    log.append(Notice(level="warning", topic="t", text=evil))
    log.append(
        EpochEnded(
            epoch=1,
            step=10,
            train_loss=1.0,
            train_accuracy=0.5,
            train_top5=1.0,
            val_loss=1.0,
            val_accuracy=0.5,
            val_top5=1.0,
            val_macro_f1=0.5,
            learning_rate=1.0,
            best=True,
            seconds=1.0,
            val_seconds=0.1,
            train_images_per_second=10.0,
            elapsed=10.0,
        )
    )

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("f", "o", "x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
        await pilot.press("escape", "?", "escape")
        log.append(Notice(level="error", topic="t", text=evil))
        await until(pilot, lambda: "error: [red]x[/red]␛[2J<b><U+202E>y" in words(pilot, "#message"))
        everything = "".join(lines.words for lines in view(pilot).query(Lines))
        assert "\x1b" not in everything and "\u202e" not in everything
        assert "[red]x[/red]␛[2J<b><U+202E>y" in header(pilot)

    play(settings, run, act)


def test_a_run_that_cannot_be_read_is_said_and_looked_at_again(settings: Settings, start: Start) -> None:
    run = start(pause=0.05)

    async def act(pilot: Pilot[int]) -> None:
        hidden = run.path / "hidden"
        run.events.rename(hidden)
        run.events.mkdir()
        await until(pilot, lambda: "directory" in words(pilot, "#message"))
        run.events.rmdir()
        hidden.rename(run.events)
        before = len(view(pilot).seen.state.steps)  # type: ignore[union-attr]
        await until(pilot, lambda: len(view(pilot).seen.state.steps) > before)  # type: ignore[union-attr]

    play(settings, run, act)


def test_a_run_whose_folder_is_deleted_is_said_to_be_gone(settings: Settings, start: Start) -> None:
    run = start(pause=0.05)

    async def act(pilot: Pilot[int]) -> None:
        run.path.rename(run.path.with_name("moved"))
        await until(pilot, lambda: "folder gone" in header(pilot))
        assert "was deleted or moved" in words(pilot, "#message")

    play(settings, run, act)


def test_nothing_is_painted_while_nothing_changes(settings: Settings, start: Start) -> None:
    run = start(epochs=3, pause=0.0)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "done" in header(pilot) and "┤" in words(pilot, "#loss"))
        painted: list[str] = []
        for lines in view(pilot).query(Lines):
            lines.refresh = lambda *args, name=lines.id, **more: painted.append(name)  # type: ignore[assignment,method-assign,misc]
        for _ in range(5):  # the last figures are drawn some looks after the end
            painted.clear()
            await pilot.pause(1.2)
            if not painted:
                break
        assert painted == []

    play(settings, run, act)


def test_a_run_whose_spec_cannot_be_read_is_told_of_and_not_opened(settings: Settings, start: Start) -> None:
    run, damaged = start(pause=0.05), start("damaged", pause=0.05)
    (damaged.path / "spec.toml").write_text("epochs = [")

    async def act(pilot: Pilot[int]) -> None:
        pilot.app.open("live", run=damaged)  # type: ignore[attr-defined]
        await until(pilot, lambda: bool(pilot.app._notifications))
        (told,) = pilot.app._notifications
        assert "spec.toml" in told.message and view(pilot).watched == run

    play(settings, run, act)


def test_a_run_in_the_queue_says_what_it_waits_for(settings: Settings) -> None:
    specs = [Spec(name=name, device="cpu") for name in ("trains", "waits")]
    trains, waits = (create(settings.runs_dir, spec, identity=f"own-{spec.name}") for spec in specs)
    locks = [RunLock(trains.lock), RunLock(waits.waiting_lock)]
    assert all(lock.acquire() for lock in locks)
    told = ["It asks for the processor, which trains (own-trains) has.", "Place 1 in the queue."]
    look = Looker(waits).look()
    assert [*look.waits] == told and set(told) <= set(frame(look, "", 60, 20))
    assert " H, then x " in OUT_OF_THE_QUEUE and "x" in next(row for row in ACTIONS if row.id == "unqueue").keys

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: words(pilot, "#bars").splitlines()[2:] == [*told, OUT_OF_THE_QUEUE])
        locks.pop().release()
        view(pilot).look()
        await until(pilot, lambda: len(words(pilot, "#bars").splitlines()) == 2)

    play(settings, waits, act, size=(60, 20))
    locks.pop().release()
