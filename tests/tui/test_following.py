"""What is seen of a run that trains where its lock cannot be seen; which run `vislab attach` takes."""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from vislab.engine.runs import progress
from vislab.engine.runs.events import AnyEvent, Notice, Phase
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.state import RunState, fold
from vislab.engine.runs.store import Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui import following, headless, watchers
from vislab.tui.commands import show
from vislab.tui.following import Look, Looker
from vislab.tui.live_frame import frame
from vislab.tui.living import newest_live
from vislab.tui.views import live


class Clock:
    """Clocks that stand still."""

    def __init__(self, now: float) -> None:
        self.time = self.monotonic = self.thread_time = lambda: now


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create(tmp_path / "runs", Spec(name="made"))


def test_a_run_that_trains_on_another_machine_has_not_died(run: Run, history: Callable[..., list[AnyEvent]]) -> None:
    for event in history([1.0]):
        EventWriter(run.events).append(event)
    run.lock.write_text("pid 1\nhost another\nboot another\n")
    beat = progress.Progress(time=time.time(), pid=1, host="another", phase="training", epoch=1, step=1)
    progress.write(run.progress_file, beat)
    assert run.status() == Looker(run).whole().status == "training"
    progress.write(run.progress_file, progress.Progress(time=time.time() - 90, pid=1, host="another", phase="training"))
    assert run.status() == Looker(run).whole().status == "died"


def test_the_heartbeat_of_an_earlier_worker_is_none_of_the_one_that_starts(
    run: Run, history: Callable[..., list[AnyEvent]]
) -> None:
    log = EventWriter(run.events)
    for event in history([1.0, 0.9], epochs=600):
        log.append(event)
    lock = RunLock(run.lock)
    assert lock.acquire()

    def seen(pid: int, host: str) -> Look:
        beat = progress.Progress(time=time.time(), pid=pid, host=host, phase="ended", epoch=1)
        progress.write(run.progress_file, beat)
        return Looker(run).whole()

    here = socket.gethostname()
    look = seen(os.getpid() + 1, here)
    assert look.progress is None
    whole, part = live.bars(look.state, look.progress, "starting", 80)
    assert whole[0].startswith("Run    epoch   2/600") and part[0].startswith("Start")
    assert seen(os.getpid(), here).progress is not None
    assert "now: ended, epoch 1" in "\n".join(show.page(run))
    assert seen(os.getpid() + 1, "container").progress is not None, "there it has another number than here"
    assert seen(os.getpid() + 1, here).progress is None and "now:" not in "\n".join(show.page(run))
    lock.release()


def test_a_follower_is_told_of_no_heartbeat_of_an_earlier_worker(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = RunLock(run.lock)
    assert lock.acquire()
    told: list[int | None] = []

    class Told(watchers.SilentWatcher):
        def position(self, progress: progress.Progress | None, state: RunState) -> None:
            told.append(progress and progress.pid)
            beat(os.getpid()) if len(told) == 1 else lock.release()

    def beat(pid: int) -> None:
        now = progress.Progress(time=time.time(), pid=pid, host=socket.gethostname(), phase="training")
        progress.write(run.progress_file, now)

    monkeypatch.setattr(watchers, "SilentWatcher", Told)
    beat(os.getpid() + 1)
    headless.attach(run, headless.Output(quiet=True, report=False))
    assert told == [None, os.getpid()]


def test_of_a_run_that_rests_neither_speed_nor_time_left_is_told(
    run: Run, history: Callable[..., list[AnyEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = history([1.0, 0.9], epochs=600)
    state = fold(events)
    position = {"time": 0.0, "pid": 1, "host": "", "epoch": 3, "step": 25, "done": 5, "total": 10}

    def told(phase: Phase) -> str:
        now = progress.Progress(**position, phase=phase, images_per_second=412.0, elapsed=5.0)  # type: ignore[arg-type]
        return f"{watchers.overall(now, state, 0)} {watchers.momentary(now, state)}"

    assert "left" in told("training") and "412 img/s" in told("training")
    for phase in ("paused", "full disk"):
        assert "left" not in told(phase) and "img/s" not in told(phase) and "5/10" in told(phase)
    lock, log = RunLock(run.lock), EventWriter(run.events)
    assert lock.acquire()
    for event in events:
        log.append(event)
    now = progress.Progress(**position, phase="paused", images_per_second=412.0)  # type: ignore[arg-type]
    progress.write(run.progress_file, now)
    assert "now: paused, epoch 3, step 25" in show.page(run)
    lock.release()


def test_a_page_says_for_how_long_a_worker_prepares(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = RunLock(run.lock)
    assert lock.acquire()
    beat = progress.Progress(time=1000.0, pid=os.getpid(), host=socket.gethostname(), phase="measuring", began=930.0)
    progress.write(run.progress_file, beat)
    monkeypatch.setattr(following, "time", Clock(1002.0))
    assert "now: measuring for 1:12, epoch 0, step 0" in show.page(run)
    lock.release()


def test_a_follower_says_that_a_worker_gives_no_sign_of_life(
    history: Callable[..., list[AnyEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = fold(msgspec.structs.replace(event, time=900.0) for event in history([1.0, 0.9], epochs=600))

    def told(now: float, phase: Phase = "training", host: str = socket.gethostname()) -> str:
        monkeypatch.setattr(following, "time", Clock(now))
        at = {"done": 5, "total": 10, "epoch": 3, "step": 25, "images_per_second": 412.0, "elapsed": 5.0}
        beat = progress.Progress(time=1000.0, pid=1, host=host, phase=phase, **at)  # type: ignore[arg-type]
        return f"{watchers.overall(beat, state, 0)} {watchers.momentary(beat, state)}"

    assert told(1130.0).endswith("5/10  no sign of life for 2 min")
    assert "left" not in told(1130.0) and "img/s" not in told(1130.0)
    for lively in (told(1001.0), told(1130.0, host="another")):
        assert "left" in lively and "412 img/s" in lively and "sign" not in lively
    assert "sign" not in told(1130.0, phase="full disk")
    preparing = progress.Progress(time=1000.0, pid=1, host=socket.gethostname(), phase="measuring", began=930.0)
    monkeypatch.setattr(following, "time", Clock(1002.0))
    assert watchers.momentary(preparing, state) == "for 1:12"


def test_a_worker_that_gives_no_sign_of_life_is_neither_dead_nor_said_to_go_on(
    run: Run, history: Callable[..., list[AnyEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, lock, looker, here = EventWriter(run.events), RunLock(run.lock), Looker(run), socket.gethostname()
    assert lock.acquire()
    for event in history([1.0, 0.9], epochs=600):
        log.append(msgspec.structs.replace(event, time=900.0))

    def look(now: float, beat: float, host: str = here, phase: Phase = "training") -> Look:
        monkeypatch.setattr(following, "time", Clock(now))
        at = {"done": 5, "total": 10, "epoch": 3, "step": 25, "images_per_second": 412.0, "elapsed": 5.0}
        now_there = progress.Progress(time=beat, pid=os.getpid(), host=host, phase=phase, **at)  # type: ignore[arg-type]
        progress.write(run.progress_file, now_there)
        return looker.whole()

    assert look(now=1001.0, beat=1000.0).silence == 1.0
    silent = look(now=1130.0, beat=1000.0)
    assert (silent.status, silent.silence) == ("training", 130.0)
    once = "\n".join(frame(silent, "", 80, 24)[1:3])
    assert "step   5/10: no sign of life for 2 min" in once and "left" not in once and "img/s" not in once
    page = next(line for line in show.page(run) if line.startswith("now:"))
    assert "step 25, no sign of life for 2 min" in page and "left" not in page
    assert look(now=1130.0, beat=1000.0, phase="full disk").silence == 0.0, "it can write no sign"
    assert look(now=900.0, beat=1000.0).silence == 0.0, "the clock was put back"
    # Another machine's clock may be wrong: only what is seen here counts.
    assert look(now=5000.0, beat=1001.0, host="another").silence == 0.0
    assert look(now=5100.0, beat=1001.0, host="another").silence == 100.0
    assert look(now=5200.0, beat=1002.0, host="another").silence == 0.0
    look(now=5300.0, beat=1002.0, host="another")
    assert "no sign" not in "\n".join(show.page(run))
    log.append(Notice(level="info", topic="", text="", step=25, time=5350.0))
    assert look(now=5360.0, beat=1002.0).silence == 10.0, "the log is a sign as well"
    lock.release()


def test_a_mistake_in_the_settings_hides_no_live_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vislab.toml").write_text("run_dir = 'runs'\n")
    with pytest.raises(InputError, match=r"(?s)unknown key 'run_dir'.*No run is running in "):
        newest_live(tmp_path / "runs")
    lock = RunLock(run.lock)
    assert lock.acquire()
    assert newest_live(tmp_path / "runs").id == run.id
    lock.release()


def test_who_redirects_stderr_alone_is_told_why_the_screen_stays_blank(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = RunLock(run.lock)
    assert lock.acquire()
    monkeypatch.setattr(headless, "_watch", lambda *found, **how: os.EX_OK)
    for screen, words in ((False, ""), (True, "is told on stderr, which is redirected")):
        monkeypatch.setattr(sys.stdout, "isatty", lambda screen=screen: screen)
        assert headless.attach(run, headless.Output()) == 0
        assert words in capsys.readouterr().out
        assert bool(words) == screen
    lock.release()


def test_nothing_is_told_of_a_log_that_is_half_read(run: Run, history: Callable[..., list[AnyEvent]]) -> None:
    log = EventWriter(run.events)
    for event in history([1.0, 0.9]):
        log.append(event)
    looker = Looker(run)
    bites = looker._follower._reader.bite
    looker._follower._reader.bite = lambda: bites(at_most=1)  # type: ignore[method-assign]
    assert looker.look() is None and 0 < looker.read < 1
    assert looker.whole().status == "died" and looker.read == 1
