"""The window that offers the runs that train now."""

import time
from typing import Any

import pytest
from textual.widgets import OptionList

from vislab.engine.runs.progress import Progress, write
from vislab.tui.screens.live_runs import LiveRuns
from vislab.tui.widgets.lines import Lines


def beat(run, phase: Any = "training", epoch: int = 1) -> None:
    write(run.progress_file, Progress(time=time.time(), pid=1, host="", phase=phase, epoch=epoch, epochs=9))


def painted(pilot) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (40, 12)])
def test_its_keys_are_seen_whatever_the_number_of_runs(make_run, play, size):
    runs = [make_run(f"run-{number}", end="") for number in range(6)]

    async def act(pilot):
        pilot.app.push_screen(LiveRuns(runs))
        await pilot.pause()
        assert "6 runs training now" in painted(pilot) and "↵ attach  esc not now" in painted(pilot)
        assert "run-0 · " in painted(pilot)
        await pilot.press("end")
        await pilot.pause()
        assert "run-5 · " in painted(pilot) and "↵ attach  esc not now" in painted(pilot)

    play("settings", act, size=size)


def test_epochs_go_on_and_what_stays_is_not_painted(make_run, play, settle, monkeypatch):
    runs = [make_run(name, end="") for name in ("first", "second")]
    monkeypatch.setattr("vislab.engine.runs.run_directory.holder", lambda path: 1)
    for run in runs:
        beat(run)

    async def act(pilot):
        window = LiveRuns(runs)
        pilot.app.push_screen(window)
        await pilot.press("down")
        choices = window.query_one(OptionList)
        refreshed = []
        monkeypatch.setattr(choices, "refresh", lambda *_, **__: refreshed.append(choices))
        monkeypatch.setattr(window.query(Lines).first(), "refresh_line", lambda y: refreshed.append(y))
        window.look()
        await settle(pilot)
        assert not refreshed
        beat(runs[0], epoch=4)
        beat(runs[1], "paused")
        window.look()
        await settle(pilot)
        assert refreshed and choices.highlighted == 1
        rows = [str(option.prompt).split("\n")[0] for option in choices.options]
        assert "first · epoch 4/9 · " in rows[0] and "second · epoch 1/9 · paused" in rows[1]
        assert window.query(Lines).first().words == "1 run training · 1 paused now"
        pilot.app.pop_screen()
        window._show(runs, [], 0)  # a look that was under way: nothing is left to show it on

    play("settings", act)
