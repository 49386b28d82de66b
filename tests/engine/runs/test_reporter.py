"""How a worker speaks."""

import os
import time

import pytest

from vislab.engine.runs import reporter as module
from vislab.engine.runs.events import RunResumed
from vislab.engine.runs.log import EventReader, EventWriter
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError


@pytest.fixture
def reporter(tmp_path):
    writer = EventWriter(tmp_path / "events.jsonl")
    yield Reporter(Run(tmp_path), writer)
    writer.close()


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves; counts how often progress.json was replaced."""

    class Clock:
        now = 1000.0
        writes = 0

    def write(path, position, write=module.write):
        Clock.writes += 1
        write(path, position)

    monkeypatch.setattr(module.time, "monotonic", lambda: Clock.now)
    monkeypatch.setattr(module, "write", write)
    return Clock


def said(reporter, tmp_path):
    return list(EventReader(tmp_path / "events.jsonl").events())


def test_events_carry_the_time_they_were_said(reporter, tmp_path):
    before = time.time()
    reporter.step = 7
    reporter.notice("warning", "data", "two images are alike")
    reporter.decide("threads", "2", "two cores", cores=2)
    notice, decision = said(reporter, tmp_path)
    assert before <= notice.time <= decision.time <= time.time()
    assert (notice.level, notice.topic, notice.text, notice.step) == ("warning", "data", "two images are alike", 7)
    assert (decision.what, decision.choice, decision.details) == ("threads", "2", {"cores": 2})


def test_the_position_is_written_at_most_twice_a_second_unless_forced(reporter, tmp_path, clock):
    for number in range(100):
        clock.now += 0.01
        reporter.progress("training", epoch=1, done=number, total=100)
    assert clock.writes == 2
    reporter.progress("validation", epoch=1, force=True)
    assert clock.writes == 3
    position = Run(tmp_path).progress()
    assert (position.phase, position.pid) == ("validation", os.getpid())


def test_the_position_is_complete(reporter, tmp_path):
    reporter.step = 12
    reporter.say(RunResumed(checkpoint="last", step=12, epochs=5, environment={}))
    reporter.progress("training", epoch=2, done=3, total=9, images_per_second=400.0, elapsed=5.5, force=True)
    position = Run(tmp_path).progress()
    assert (position.step, position.epoch, position.epochs, position.done, position.total) == (12, 2, 5, 3, 9)
    assert (position.images_per_second, position.elapsed) == (400.0, 5.5)
    assert abs(position.time - time.time()) < 60
    reporter.progress("saving", force=True)
    assert Run(tmp_path).progress().epoch == 2, "a phase that knows of no epoch leaves it"


def test_a_pause_keeps_the_position_and_the_heartbeat_and_ends_where_it_began(reporter, tmp_path, clock):
    reporter.progress("training", epoch=2, done=3, total=9, force=True)
    clock.writes = 0
    for _ in range(20):
        reporter.pause(True)
        clock.now += 0.1
    position = Run(tmp_path).progress()
    assert (position.phase, position.epoch, position.done, position.total) == ("paused", 2, 3, 9)
    assert 4 <= clock.writes <= 5
    reporter.pause(False)
    assert Run(tmp_path).progress().phase == "training"


def test_a_run_whose_folder_is_gone_does_not_go_on(tmp_path):
    (tmp_path / "run").mkdir()
    writer = EventWriter(tmp_path / "run/events.jsonl")
    reporter = Reporter(Run(tmp_path / "run"), writer)
    reporter.progress("training", force=True)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"folder of run run is gone: it was deleted or moved"):
        reporter.progress("training", force=True)
    reporter.close()
    reporter.progress("ended", force=True)  # the last words are said where somebody may find them
    reporter.notice("info", "data", "moved along")
    writer.close()
    assert not (tmp_path / "run").exists()
    assert "moved along" in (tmp_path / "elsewhere/events.jsonl").read_text()


def test_the_position_says_when_its_phase_began(reporter, tmp_path, monkeypatch):
    def at(now, phase):
        monkeypatch.setattr(module.time, "time", lambda: now)
        reporter.progress(phase, force=True)
        return Run(tmp_path).progress()

    born = time.time()
    assert at(2000.0, "starting").began <= born, "as the worker did"
    for now in (2010.0, 2020.0):
        position = at(now, "measuring")
        assert (position.time, position.began) == (now, 2010.0)
    reporter.pause(True)
    assert at(2030.0, "measuring").began == 2010.0, "a pause is no other phase"
    reporter.pause(False)
    assert at(2040.0, "training").began == 2040.0
