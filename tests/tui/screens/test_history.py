"""The list of runs: every key, hostile names, every size, live runs, thousands of runs."""

import asyncio
import itertools
import os
import threading
import time

import pytest
from textual.widgets import Input

from vislab.engine.runs import queue
from vislab.engine.runs import start as starting
from vislab.engine.runs.events import encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import Labels, Run, all_runs, create
from vislab.engine.runs.studies import Record, save
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui import copying, run_watch
from vislab.tui.app import Console
from vislab.tui.packed import Packed
from vislab.tui.run_watch import RunWatch
from vislab.tui.screens import history as history_screen
from vislab.tui.screens import sized_runs
from vislab.tui.screens.dialog import Prompt, Question
from vislab.tui.screens.help import HelpLines
from vislab.tui.screens.history import REFRESH_EVERY, HistoryScreen
from vislab.tui.screens.ordered_runs import FilterLine
from vislab.tui.screens.palette import Palette
from vislab.tui.views import history
from vislab.tui.widgets.header_line import HeaderLine
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.run_list import ListHead, RunList


def names(pilot):
    return [listed.name for listed in pilot.app.screen.query_one(RunList).rows]


def current(pilot):
    return pilot.app.screen.query_one(RunList).current.name


def words(pilot, selector):
    return pilot.app.screen.query_one(selector).words


def footer(pilot):
    return pilot.app.screen.query_one(KeyFooter).words


def painted(pilot):
    """The whole screen as text."""
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in pilot.app.screen._compositor.render_strips()
    )


async def write(pilot, text):
    """Fill the field of a prompt."""
    assert isinstance(pilot.app.screen, Prompt)
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


@pytest.fixture
def three(make_run):
    """Made in this order: the last is the newest."""
    runs = [
        make_run("low", (0.1, 0.2), seed=1, labels=Labels(tags=("x",))),
        make_run("high", (0.5, 0.9), seed=2, end="stopped", strategy={"learning_rate": 0.5}),
        make_run("middle", (0.5, 0.6), seed=3, end="failed", reason="out of memory"),
    ]
    for number, run in enumerate(runs):
        os.utime(run.path / "spec.toml", (1_700_000_000 + 86400 * number,) * 2)
        (run.path / "summary.json").unlink(missing_ok=True)
    return runs


def test_the_newest_run_comes_first_and_a_failure_says_why(three, play):
    async def act(pilot):
        assert names(pilot) == ["middle", "high", "low"]
        assert "3 runs" in words(pilot, HeaderLine)
        screen = painted(pilot)
        assert "✖" in screen and "out of memory" in screen and "started▼" in screen
        assert three[2].id in words(pilot, "#details")

    play("history", act)


def test_figures_of_test_images_are_marked_and_the_mark_is_explained(three, make_run, play, settle):
    make_run("chosen", (0.5, 0.8), selected_on_test=True)

    async def act(pilot):
        await settle(pilot)
        lines = painted(pilot).splitlines()
        assert "† of test images" in lines[0] and "val acc" not in lines[2] and " acc " in lines[2]
        marked = [line for line in lines[3:] if "†" in line]
        assert len(marked) == 1 and "chosen" in marked[0] and "0.8000†" in marked[0]
        await pilot.press("?")
        assert "they chose the best epoch as well" in " ".join(words(pilot, "HelpLines").split())
        await pilot.press("escape", "/", *"high", "enter")
        assert "†" not in painted(pilot) and "val acc" in painted(pilot)

    play("history", act)


def test_without_runs_it_says_so(play):
    async def act(pilot):
        assert "no runs in" in words(pilot, "#details") and "0 runs" in words(pilot, HeaderLine)
        await pilot.press("down", "up", "space", "a", "v", "right", "u", "D", "t", "enter", "=")
        assert isinstance(pilot.app.screen, HistoryScreen)
        assert "mark" not in footer(pilot)

    play("history", act)


def test_a_runs_folder_that_cannot_be_read_is_said_and_can_be_left(play, monkeypatch):
    def closed(folder):
        raise InputError("The runs folder cannot be read.")

    monkeypatch.setattr("vislab.engine.runs.store.ids", closed)

    async def act(pilot):
        assert "The runs folder cannot be read." in words(pilot, "#details")
        assert pilot.app._timer is not None, "it looks again"
        await pilot.press("ctrl+c")

    assert play("history", act).return_code == 0


def test_keys_move_the_cursor(three, play):
    async def act(pilot):
        seen = []
        for key in ("down", "j", "j", "k", "up", "end", "home", "pagedown", "pageup"):
            await pilot.press(key)
            seen.append(current(pilot))
        assert seen == ["high", "low", "low", "high", "middle", "low", "middle", "low", "middle"]

    play("history", act)


def test_sorting_by_columns_figures_and_settings(three, play, settle):
    async def act(pilot):
        await pilot.press("right")  # from started to name
        assert names(pilot) == ["high", "low", "middle"] and "name▲" in words(pilot, ListHead)
        await pilot.press("v")
        assert names(pilot) == ["middle", "low", "high"]
        await pilot.press("left", "v")
        assert names(pilot) == ["low", "high", "middle"]
        for asked, found in (
            ("val", ["high", "middle", "low"]),
            ("-seed", ["low", "high", "middle"]),
            ("strategy.learning_rate", ["high", "middle", "low"]),
            ("size", None),
        ):
            await pilot.press("s")
            await write(pilot, asked)
            await settle(pilot)
            assert found is None or names(pilot) == found, asked
        assert "▼size" in words(pilot, ListHead)
        await pilot.press("s")
        await write(pilot, "nonsense")
        assert isinstance(pilot.app.screen, Prompt) and "there is no nonsense" in painted(pilot)
        await write(pilot, "val")
        assert "▼val " in words(pilot, ListHead)
        await pilot.press("s")
        await write(pilot, "test")
        assert "▼test " in words(pilot, ListHead) and "test ac" not in words(pilot, ListHead)
        await pilot.press("s", "escape")
        await pilot.click(ListHead, offset=(words(pilot, ListHead).index("val acc"), 0))
        assert names(pilot) == ["high", "middle", "low"]

    play("history", act)


def test_the_filter(three, play):
    async def act(pilot):
        await pilot.press("/", *"val>0.5 -status")
        assert names(pilot) == ["middle", "high"]
        await pilot.press(*":failed")
        assert names(pilot) == ["high"] and "1 of 3 runs" in words(pilot, HeaderLine)
        await pilot.press("enter", "space")  # letters and keys are commands again
        assert "1 marked" in words(pilot, HeaderLine)
        await pilot.press("/", *" sttus:x")
        assert "there is no sttus" in words(pilot, "#details") and names(pilot) == ["high"]
        await pilot.press("escape")
        pilot.app.screen.query_one(Input).value = "zzz"
        await pilot.pause()
        assert names(pilot) == [] and "no run fits" in words(pilot, "#details")
        await pilot.press("down", "space", "enter")
        assert isinstance(pilot.app.screen, HistoryScreen)

    play("history", act)


def test_marks(three, play):
    async def act(pilot):
        assert "= compare" not in footer(pilot)
        await pilot.press("=")
        assert "space marks a run" in words(pilot, "#details")
        await pilot.press("space")
        assert current(pilot) == "high" and "= compare" in footer(pilot)  # the marked one and the one under the cursor
        await pilot.press("space")
        assert "2 marked" in words(pilot, HeaderLine) and painted(pilot).count("▸") == 2
        assert footer(pilot).startswith("esc unmark  ↵ open  space mark  = compare  t tag  D delete…")
        await pilot.press("a")
        assert "3 marked" in words(pilot, HeaderLine)
        await pilot.press("a")
        assert "marked" not in words(pilot, HeaderLine)
        await pilot.press("space", "escape")
        assert "marked" not in words(pilot, HeaderLine) and isinstance(pilot.app.screen, HistoryScreen)
        assert "1 run unmarked" in words(pilot, "#details") and "unmark" not in footer(pilot)

    play("history", act)


def test_nothing_is_done_with_marked_runs_that_the_filter_hides(three, play, settle, settings):
    async def act(pilot):
        await pilot.press("/", *"high|middle", "enter", "a")
        field = pilot.app.screen.query_one(Input)
        field.value = "high|low"
        await pilot.pause()
        assert "2 marked (1 hidden by the filter)" in words(pilot, HeaderLine)
        await pilot.press("D")
        await settle(pilot)
        asked = pilot.app.screen.query_one(Lines).words
        assert "Delete 1 run" in asked and three[1].id in asked and three[2].id not in asked
        await pilot.press("escape", "Y", "i")
        assert pilot.app.clipboard == three[1].id
        field.value = "low"
        await pilot.pause()
        assert "2 marked (2 hidden by the filter)" in words(pilot, HeaderLine)
        await pilot.press("t")
        await write(pilot, "new")
        await pilot.press("D")
        await settle(pilot)
        assert three[0].id in painted(pilot) and three[1].id not in painted(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert {run.id for run in all_runs(settings.runs_dir)} == {three[1].id, three[2].id}
        assert not three[1].labels().tags

    play("history", act)


def test_the_question_before_deleting_names_the_runs(make_run, play, settle):
    runs = [make_run(f"run-{number}") for number in range(7)]

    async def act(pilot):
        await pilot.press("a", "D")
        await settle(pilot)
        asked = pilot.app.screen.query_one(Lines).words
        assert "Delete 7 runs" in asked and sum(run.id in asked for run in runs) == 5 and "and 2 more" in asked
        await pilot.press("escape", "t")
        assert "and 2 more" in painted(pilot)

    play("history", act)


def test_help_palette_and_leaving_work_where_no_run_is_shown(play, make_run, settle):
    async def act(pilot):
        for key, window in (("?", "HelpScreen"), (":", "Palette")):
            await pilot.press(key)
            assert type(pilot.app.screen).__name__ == window
            await pilot.press("escape")
        assert footer(pilot).endswith("q quit  : find  ? help")
        await pilot.press("q")
        assert pilot.app._exit

    play("history", act)

    async def filtered(pilot):
        await pilot.press("/", *"zzz", "enter")
        assert names(pilot) == []
        await act(pilot)

    make_run()
    play("history", filtered)


def test_help_names_the_keys_of_the_list_and_no_others(three, play):
    async def act(pilot):
        for key in ("?", "h"):
            await pilot.press(key)
            told = pilot.app.screen.query_one(HelpLines).words
            for line in (
                "↑ k       the run above",
                "home      the first run",
                "←         Sort by the column before.",
                "= c       Compare the marked runs, two or more, those that the",  # though none is marked yet
            ):
                assert line in told
            assert "croll" not in told and "ctrl+" not in told and told.count("←") == 1
            await pilot.press("escape")

    play("history", act)


def test_letters_stand_for_the_signs(three, play, settle):
    async def act(pilot):
        await pilot.press("i", *"middle|high", "enter", "m", "m", "c")
        await settle(pilot)
        assert pilot.app.screen.NAME == "compare"
        await pilot.press("?")
        told = pilot.app.screen.query_one(HelpLines).words
        assert "↑ k       the run above" in told and "croll" not in told
        await pilot.press("escape", "F")
        assert isinstance(pilot.app.screen, Palette)

    play("history", act)


def test_a_filter_by_size_counts_all_sizes_and_again_when_a_run_has_grown(three, play, settle):
    (three[0].path / "log.html").write_bytes(b"x" * 2_000_000)

    async def act(pilot):
        await pilot.press("/", *"size>1MB", "enter")
        await settle(pilot)
        assert names(pilot) == ["low"]
        lock = RunLock(three[1].lock)
        assert lock.acquire()
        (three[1].path / "log.html").write_bytes(b"x" * 2_000_000)
        pilot.app.live = (three[1],)
        pilot.app.screen.live_runs_changed()
        await settle(pilot)
        assert names(pilot) == ["high", "low"]
        lock.release()

    play("history", act)


def test_filter_and_order_are_there_again_when_one_comes_back(three, play, settle):
    async def act(pilot):
        await pilot.press("/", *"high|low", "enter", "s")
        await write(pilot, "-val")
        assert names(pilot) == ["low", "high"]
        await pilot.press("L", "H")
        await settle(pilot)
        assert names(pilot) == ["low", "high"] and pilot.app.screen.query_one(Input).value == "high|low"

    play("history", act)


def test_a_message_goes_after_a_while_and_when_one_leaves(three, play, settle):
    async def act(pilot):
        screen = pilot.app.screen
        screen.say("done")
        await pilot.press("S", "escape")
        screen.show()
        assert three[2].id in words(pilot, "#details")
        screen.say("done")
        assert words(pilot, "#details") == "done"
        screen._say_no_more()
        assert three[2].id in words(pilot, "#details")

    play("history", act)


def test_a_reason_that_is_cut_ends_with_an_ellipsis_beside_the_scrollbar_too(make_run, play):
    for number in range(4):
        make_run(f"run-{number}", (), end="failed", reason="word " * 40)

    async def act(pilot):
        reasons = [line for line in painted(pilot).splitlines() if "word word" in line]
        assert pilot.app.screen.run_list.max_scroll_y
        assert reasons and all("…" in line for line in reasons)

    play("history", act, size=(80, 10))


def test_equals_compares_the_marked_runs_whether_the_filter_shows_them_or_not(three, play, settle):
    async def act(pilot):
        await pilot.press("space", "space")
        pilot.app.screen.query_one(Input).value = "zzz"
        await pilot.pause()
        assert "2 marked (2 hidden by the filter)" in words(pilot, HeaderLine) and "= compare" in footer(pilot)
        await pilot.press("=")
        await settle(pilot)
        assert pilot.app.screen.NAME == "compare"
        assert painted(pilot).index("1  middle") < painted(pilot).index("2  high")
        assert "middle" in painted(pilot) and "high" in painted(pilot) and " low" not in painted(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HistoryScreen)

    play("history", act)


def test_more_runs_than_can_be_compared_are_refused_with_their_number(three, make_run, play, monkeypatch, settings):
    monkeypatch.setattr(history_screen, "MOST_COMPARED", 2)

    async def act(pilot):
        await pilot.press("a", "=")
        assert isinstance(pilot.app.screen, HistoryScreen)
        assert "3 runs are marked, and at most 2 are compared here" in painted(pilot)
        pilot.app.screen.query_one(Input).value = "zzz"
        await pilot.pause()
        pilot.app.screen.say("")
        await pilot.press("=")
        assert "3 runs are marked, and at most 2 are compared here" in painted(pilot), "of an empty list too"

    play("history", act)
    (make_run("damaged").path / "spec.toml").write_text("damaged [")

    async def damaged(pilot):
        await pilot.press("a", "=")
        assert "3 marked runs can be read, and at most 2 are compared here" in " ".join(painted(pilot).split())

    play("history", damaged)
    save(settings.runs_dir, Record(name="a [big] one", runs=tuple(run.id for run in three)))

    async def study(pilot):
        await pilot.press("C", "enter")
        assert isinstance(pilot.app.screen, HistoryScreen)
        words = " ".join(painted(pilot).split())
        told = "study a [big] one has 3 runs, and at most 2 are compared here; all of them:"
        assert f"{told} vislab compare --study 'a [big] one'" in words

    play("history", study)


def test_enter_opens_results_of_what_is_done_and_else_the_live_view(make_run, play, settle):
    make_run("judged", predictions=[("a", "cat", "dog")])
    make_run("stopped", end="stopped")

    async def act(pilot):
        for name, screen in (("judged", "results"), ("stopped", "live")):
            while current(pilot) != name:
                await pilot.press("down" if current(pilot) == "stopped" else "up")
            await pilot.press("enter")
            await settle(pilot)
            assert screen == pilot.app.screen.NAME
            await pilot.press("escape")
        await pilot.click(RunList, offset=(10, 0), times=2)
        assert pilot.app.screen.NAME == "live"

    play("history", act)


def test_again_but_opens_the_launch_screen_from_the_run(three, play, monkeypatch):
    async def act(pilot):
        opened = []
        monkeypatch.setattr(pilot.app, "offers", lambda name: name == "launch")
        monkeypatch.setattr(pilot.app, "open", lambda name, **words: opened.append((name, words)))
        await pilot.press("n")
        assert [(name, words["like"].id) for name, words in opened] == [("launch", three[2].id)]
        monkeypatch.setattr(pilot.app, "offers", lambda name: False)
        await pilot.press("n")
        assert len(opened) == 1

    play("history", act)


def test_tags_name_and_note(three, play, settle):
    middle = three[2]

    async def act(pilot):
        await pilot.press("t")
        await write(pilot, "a, b, a")
        await settle(pilot)
        assert middle.labels().tags == ("a", "b") and "tags: a, b" in words(pilot, "#details")
        await pilot.press("r")
        await write(pilot, " [mine] ")
        await settle(pilot)
        assert middle.labels().name == "[mine]" and current(pilot) == "[mine]"
        await pilot.press("e")
        await write(pilot, "why")
        await settle(pilot)
        assert middle.labels() == Labels(name="[mine]", tags=("a", "b"), note="why")
        await pilot.press("a", "t")
        await write(pilot, "all, -x, -a")
        await settle(pilot)
        assert [run.labels().tags for run in three] == [("all",), ("all",), ("b", "all")]
        for key in ("t", "r", "e"):
            await pilot.press(key, "escape")
        await settle(pilot)
        assert middle.labels() == Labels(name="[mine]", tags=("b", "all"), note="why")

    play("history", act)


def test_a_label_that_is_only_looked_at_stays_as_it_is(make_run, play, settle):
    labels = Labels(name="n" * 300, tags=("two words", "b"), note="one\ntwo\n" + "long " * 300)
    run = make_run("first")
    run.set_labels(labels)

    async def act(pilot):
        for key in ("t", "r", "e"):
            await pilot.press(key, "enter")
            await settle(pilot)
        assert run.labels() == labels
        await pilot.press("t", "end", *", c", "enter")
        await settle(pilot)
        assert run.labels().tags == ("two words", "b", "c")

    play("history", act)


@pytest.mark.parametrize("key", ["escape", "enter"])
def test_labels_are_not_written_where_no_tag_was_given_for_several_runs(three, play, settle, monkeypatch, key):
    written = []
    monkeypatch.setattr("vislab.engine.runs.store.Run.set_labels", lambda run, labels: written.append(run.id))

    async def act(pilot):
        await pilot.press("a", "t", key)
        await settle(pilot)
        assert not written and pilot.app.screen.NAME == "history"

    play("history", act)


def test_labels_that_cannot_be_written_are_said(three, play, settle, monkeypatch):
    def full(self, labels):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vislab.engine.runs.store.Run.set_labels", full)

    async def act(pilot):
        await pilot.press("r")
        await write(pilot, "x")
        await settle(pilot)
        assert "No space left" in words(pilot, "#details")

    play("history", act)


def test_a_list_that_takes_long_to_show_is_looked_at_less_often(three, play, settle, monkeypatch):
    async def act(pilot):
        screen, looks, clock = pilot.app.screen, [], itertools.count(0, 0.02)
        monkeypatch.setattr(screen, "_look_again", lambda: looks.append(1))
        monkeypatch.setattr(time, "thread_time", lambda: next(clock))
        screen._take(screen.Read([]))
        pause = screen._next_look - time.monotonic()
        assert pause > 0.02 / 0.005 - 1
        (timer,) = [timer for timer in screen._timers if timer._interval == REFRESH_EVERY]
        timer._callback()
        assert not looks
        screen._next_look = 0.0
        timer._callback()
        assert looks

    play("history", act)


def test_labels_that_were_edited_by_hand_meanwhile_are_what_is_changed(three, play, settle):
    async def act(pilot):
        for run in three:
            (run.path / "labels.toml").write_text('note = "one\\ntwo"\n')
        await pilot.press("e")
        assert pilot.app.screen.query_one(Input).value == "one⏎two"
        await pilot.press("end", "!", "enter")
        await settle(pilot)
        assert sorted(run.labels().note for run in three) == ["one\ntwo", "one\ntwo", "one\ntwo!"]

    play("history", act)


def test_labels_that_cannot_be_read_are_not_replaced(three, play, settle):
    async def act(pilot):
        for run in three:
            (run.path / "labels.toml").write_text('name = "mine"\nnote = "unfinished\n')
        for key in "rte":
            await pilot.press(key)
            assert not isinstance(pilot.app.screen, Prompt), "before it is written in vain"
            assert "labels.toml cannot be read" in words(pilot, "#details")
            pilot.app.screen.say("")
        (three[0].path / "labels.toml").unlink()
        await pilot.press("a", "t")
        await write(pilot, "x")
        await settle(pilot)
        assert words(pilot, "#details").startswith("2 of 3 runs not changed:")
        assert three[0].labels().tags == ("x",), "the others are tagged"
        assert all("mine" in (run.path / "labels.toml").read_text() for run in three[1:])

    play("history", act)


def test_a_long_note_is_edited_whole_or_not_at_all(three, play, settle):
    async def act(pilot):
        note = "one line\n" * 300
        for run in three:
            run.set_labels(Labels(note=note))
        await pilot.press("e", "end", "!", "enter")
        await settle(pilot)
        assert sorted(run.labels().note for run in three) == [note, note, note + "!"]
        for run in three:
            run.set_labels(Labels(note=10 * note))
        await pilot.press("e")
        assert not isinstance(pilot.app.screen, Prompt)
        assert "27,000 characters are too many for this line; edit" in words(pilot, "#details")

    play("history", act)


def test_the_other_runs_are_listed_while_a_long_log_is_read(make_run, play, settle, monkeypatch):
    make_run("short")
    long = make_run("long")
    read, go_on = run_watch.look, threading.Event()

    async def act(pilot):
        monkeypatch.setattr(run_watch, "_to_read", lambda run: 100 * (run.id == long.id))
        monkeypatch.setattr(run_watch, "look", lambda run: (run.id != long.id or go_on.wait(10)) and read(run))
        await pilot.app.push_screen(HistoryScreen())
        while not names(pilot):
            await pilot.pause()
        assert names(pilot) == ["short"] and words(pilot, HeaderLine).endswith("1 run, reading …")
        go_on.set()
        await settle(pilot)
        assert sorted(names(pilot)) == ["long", "short"] and words(pilot, HeaderLine).endswith("2 runs")

    play("history", act)


def test_deleting_asks_once_and_can_be_refused(three, play, settle, settings):
    async def act(pilot):
        await pilot.press("D")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Question) and three[2].id in pilot.app.screen.query_one(Lines).words
        await pilot.press("n")
        await settle(pilot)
        assert len(all_runs(settings.runs_dir)) == 3
        await pilot.press("space", "space", "D")
        await settle(pilot)
        assert "2 runs" in pilot.app.screen.query_one(Lines).words
        await pilot.press("y")
        await settle(pilot)
        assert names(pilot) == ["low"] and [run.id for run in all_runs(settings.runs_dir)] == [three[0].id]
        assert "marked" not in words(pilot, HeaderLine)

    play("history", act)


def test_no_question_comes_after_the_marks_were_taken_away(three, play, settle, monkeypatch):
    counted = threading.Event()

    async def act(pilot):
        monkeypatch.setattr(Run, "size", lambda run: counted.wait(10) and 1)
        await pilot.press("a", "D")
        assert "counting what 3 runs take up" in words(pilot, "#details")
        pilot.app.screen.action_back()  # as the mouse may do; keys wait for the question
        counted.set()
        await settle(pilot)
        assert isinstance(pilot.app.screen, HistoryScreen) and "nothing is deleted" in words(pilot, "#details")
        await pilot.press("a", "D")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Question)

    play("history", act)


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
def test_tags_and_note_are_whole_where_rows_stand_empty(make_run, play, settle, size):
    note = " ".join(f"word{number}" for number in range(30))
    runs = [make_run("a-name-that-is-long", labels=Labels(tags=("x",), note=note))]

    async def act(pilot):
        await settle(pilot)
        first, *rest = words(pilot, "#details").split("\n")
        assert first.endswith(runs[0].id[-4:]) and " ".join(rest) == f"tags: x   note: {note}"
        runs.extend(make_run(f"run-{number}") for number in range(25))
        pilot.app.screen._look_again()
        await settle(pilot)
        await pilot.press("end")
        first, last = words(pilot, "#details").split("\n")
        assert last.startswith("tags: x   note: word0") and last.endswith("…")

    play("history", act, size=size)


def test_a_live_run_is_shown_followed_and_not_deleted(make_run, play, settle, history):
    run = make_run("live", (0.5,), end="")
    other = make_run("other")
    lock = RunLock(run.lock)
    assert lock.acquire()

    async def act(pilot):
        while current(pilot) != "live":
            await pilot.press("down" if current(pilot) == "other" else "up")
        assert "1 run training" in words(pilot, HeaderLine)
        assert "delete" not in footer(pilot) and "resume" not in footer(pilot)
        await pilot.press("u")
        assert "is training already; ↵ opens it" in words(pilot, "#details")
        await pilot.press("D")
        await settle(pilot)
        assert "cannot be deleted: a live one is stopped in its own view" in words(pilot, "#details")
        assert isinstance(pilot.app.screen, HistoryScreen) and run.path.exists()
        events = history([0.5, 0.4, 0.3], val_accuracy=[0.5, 0.6, 0.8])
        run.events.write_bytes(b"".join(map(encode, events)))
        pilot.app.screen._look_again()
        await settle(pilot)
        assert pilot.app.screen.query_one(RunList).current.epochs_done == 3 and "0.8000" in painted(pilot)
        lock.release()
        pilot.app.screen._look_again()
        await settle(pilot)
        assert "training" not in words(pilot, HeaderLine) and "died" in painted(pilot)

    play("history", act)
    assert other.path.exists()


def test_runs_that_come_and_go_meanwhile(three, play, settle, make_run):
    async def act(pilot):
        make_run("newcomer")
        pilot.app.screen.live_runs_changed()
        await settle(pilot)
        assert "newcomer" in names(pilot) and "4 runs" in words(pilot, HeaderLine)

    play("history", act)


def test_runs_that_are_queued_meanwhile_are_shown_so(three, play, settle, settings):
    fresh, stopped = create(settings.runs_dir, Spec(name="fresh")), three[1]

    async def act(pilot):
        assert "queued" not in words(pilot, HeaderLine) and " new  " in painted(pilot)
        locks = [RunLock(run.waiting_lock) for run in (fresh, stopped)]
        assert all(lock.acquire() for lock in locks)
        ticket = settings.runs_dir / queue.FOLDER / f"00000001-{stopped.id}"
        ticket.parent.mkdir()
        ticket.touch()
        pilot.app.screen._look_again()
        await settle(pilot)
        assert "2 queued" in words(pilot, HeaderLine) and " new  " not in painted(pilot)
        for lock in locks:
            lock.release()

    play("history", act, size=(120, 24))


def test_resume_starts_the_worker_or_says_why_not(three, play, settle, monkeypatch):
    started = []
    monkeypatch.setattr(starting, "start", lambda run, settings: started.append(run.id) or 1)

    async def act(pilot):
        await pilot.press("u")
        await settle(pilot)
        assert started == [three[2].id] and "goes on" in words(pilot, "#details")
        assert three[2].id in pilot.app.started_here

        def refuse(run, settings):
            raise InputError("no [device] is free")

        monkeypatch.setattr(starting, "start", refuse)
        await pilot.press("down", "u")
        await settle(pilot)
        assert "no [device] is free" in words(pilot, "#details")
        await pilot.press("down")
        assert "resume" not in footer(pilot)  # it is done
        await pilot.press("u")
        await settle(pilot)
        assert len(started) == 1

    play("history", act)


@pytest.mark.parametrize("fault", ["", "no [device] is free"])
def test_what_became_of_a_run_is_told_although_the_list_was_left(three, play, settle, monkeypatch, fault):
    left = threading.Event()

    def take_up(run, settings):
        left.wait(5)
        if fault:
            raise InputError(fault)

    monkeypatch.setattr(starting, "start", take_up)

    async def act(pilot):
        await pilot.app.push_screen(over := HistoryScreen())
        await settle(pilot)
        resumed = over.current.id
        await pilot.press("u", "escape")
        assert over not in pilot.app.screen_stack
        left.set()
        told = fault or f"{history.short_id(resumed)} goes on"
        await settle(pilot)
        assert told in [notice.message for notice in pilot.app._notifications]
        assert pilot.app.started_here == ({resumed} if not fault else set())

    play("settings", act)


def test_a_run_is_taken_out_of_the_queue_after_a_question(three, play, settle, monkeypatch):
    lock = RunLock(three[0].waiting_lock)
    assert lock.acquire()
    asked = []

    def cancel(run):
        asked.append(run.id)
        lock.release()

    monkeypatch.setattr(queue, "cancel", cancel)

    async def act(pilot):
        assert "take out" not in footer(pilot)
        await pilot.press("x")
        assert isinstance(pilot.app.screen, HistoryScreen)
        await pilot.press("end")
        assert "queued" in painted(pilot) and "delete" not in footer(pilot)
        assert footer(pilot).startswith("↵ open  x take out"), "on a narrow screen the first ones have room"
        assert "1 queued" in words(pilot, HeaderLine) and "training" not in words(pilot, HeaderLine)
        await pilot.press("u")
        assert "begins when its turn comes; x takes it out" in words(pilot, "#details")
        await pilot.press("D")
        assert "x takes a queued run out" in words(pilot, "#details")
        await pilot.press("x", "enter")  # the first answer leaves it alone
        assert not asked
        await pilot.press("x", "y")
        await settle(pilot)
        assert asked == [three[0].id] and "waits no more" in words(pilot, "#details")
        assert "queued" not in painted(pilot)

    play("history", act, size=(120, 24))


def test_marked_runs_are_taken_out_of_the_queue_by_one_question(three, play, settle, monkeypatch):
    locks = [RunLock(run.waiting_lock) for run in three[:2]]
    assert all(lock.acquire() for lock in locks)
    asked = []

    def cancel(run):
        asked.append(run.id)
        if run.id == three[1].id:
            raise InputError("it has begun")

    monkeypatch.setattr(queue, "cancel", cancel)

    async def act(pilot):
        await pilot.press("space", "x")
        assert isinstance(pilot.app.screen, HistoryScreen)
        await pilot.press("a", "x")
        assert isinstance(pilot.app.screen, Question) and "Take 2 runs out of the queue?" in painted(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert asked == [three[1].id, three[0].id]
        assert f"{history.short_id(three[0].id)} waits no more. it has begun" in words(pilot, "#details")

    play("history", act)


def test_a_run_that_left_the_queue_meanwhile_is_said(three, play, settle, monkeypatch):
    lock = RunLock(three[2].waiting_lock)
    assert lock.acquire()

    async def act(pilot):
        await pilot.press("x")
        lock.release()
        await pilot.press("y")
        await settle(pilot)
        assert "does not wait in the queue" in words(pilot, "#details")

    play("history", act)


def test_ids_folders_and_the_list_are_copied(three, play, settings):
    copied = settings.cache_dir / "copied.txt"

    async def act(pilot):
        for key, text in (("i", three[2].id), ("p", str(three[2].path))):
            await pilot.press("Y")
            assert isinstance(pilot.app.screen, Question)
            await pilot.press(key)
            assert pilot.app.clipboard == text == copied.read_text()
            await pilot.pause()
            details = pilot.app.screen.query_one("#details")
            assert f"alsoin{copied}" in "".join(details.words.split()) and details.size.height == len(details.lines)
        await pilot.press("a", "Y", "i")
        assert pilot.app.clipboard.split("\n") == [run.id for run in reversed(three)]
        await pilot.press("Y", "t")
        head, *rows = pilot.app.clipboard.splitlines()
        assert "val acc" in head.split("\t") and len(rows) == 3 and rows[0].split("\t")[3] == "failed"
        before = pilot.app.clipboard
        await pilot.press("Y", "escape", "Y", "n")
        assert pilot.app.clipboard == before and isinstance(pilot.app.screen, HistoryScreen)

    play("history", act, size=(80, 24))


@pytest.mark.parametrize(("size", "legend"), [((80, 24), "Runs  † of test images "), ((60, 20), "Runs  †")])
def test_what_the_mark_means_leaves_the_counts_their_room(make_run, play, settle, size, legend):
    for name in ("a", "b", "chosen"):
        make_run(name, selected_on_test=name == "chosen")

    async def act(pilot):
        await pilot.press("a", "slash", *"chosen", "enter")
        await settle(pilot)
        heading = words(pilot, "HeaderLine")
        assert heading.startswith(legend) and heading.endswith("3 marked (2 hidden by the filter) · 1 of 3 runs")

    play("history", act, size=size)


def test_copied_figures_have_no_spaces_that_keep_the_cell_of_a_mark_free(make_run, play):
    make_run("chosen", selected_on_test=True)
    make_run("other")

    async def act(pilot):
        await pilot.press("Y", "t")
        head, *rows = (line.split("\t") for line in pilot.app.clipboard.splitlines())
        column = head.index("acc")
        assert sorted(row[column] for row in rows) == ["0.7000", "0.7000†"]
        assert all(cell == cell.strip() for row in rows for cell in row)

    play("history", act)


def test_what_cannot_be_copied_is_said(three, play, settings, monkeypatch):
    settings.cache_dir.write_text("a file where the folder should be")
    monkeypatch.setattr(copying, "MOST", 10)

    async def act(pilot):
        await pilot.press("Y", "i")
        assert "too long for a clipboard" in words(pilot, "#details")
        assert "cannot be written: File exists" in " ".join(words(pilot, "#details").split())

    play("history", act, size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 60), (20, 6), (1, 1)])
def test_hostile_names_at_every_size(make_run, play, settle, hostile, size):
    labels = Labels(name=hostile, tags=(hostile,), note=hostile)
    run = make_run(hostile, end="failed", reason=hostile, labels=labels, dataset={"name": hostile})
    (make_run("damaged").path / "spec.toml").write_text("no = toml = " + hostile)

    async def act(pilot):
        await settle(pilot)
        screen = painted(pilot)
        assert "\x1b" not in screen and "\n".join(screen.splitlines()) == screen
        if size[0] >= 60:
            assert "␛[2J<script>" in screen and "[red]" in screen
        for key in ("t", "r", "e", "D"):
            await pilot.press(key)
            await settle(pilot)
            assert "\x1b" not in painted(pilot)
            await pilot.press("escape")
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert "␛[2J<script>" in painted(pilot)

    play("history", act, size=size)
    assert run.labels() == labels


def copies(first, count):
    """Older runs like `first`, called `run 0` and so on."""
    first.summary()
    cached = (first.path / "summary.json").read_text()
    for number in range(count):
        folder = first.path.parent / f"20200101-{100_000 + number}-x-{number:04x}"
        folder.mkdir()
        (folder / "spec.toml").write_text('name = "x"\n')
        (folder / "events.jsonl").hardlink_to(first.events)
        summary = cached.replace(first.id, folder.name).replace('"first"', f'"run {number}"')
        (folder / "summary.json").write_text(summary)


def test_of_thousands_of_runs_only_those_seen_are_made(make_run, play, settle, monkeypatch):
    first = make_run("first")
    copies(first, 2000)

    line = history.line

    async def act(pilot):
        await settle(pilot)
        runs = pilot.app.screen.query_one(RunList)
        assert len(runs.rows) == 2001
        made = []
        monkeypatch.setattr(history, "line", lambda *words, **more: made.append(words) or line(*words, **more))
        for step in range(20):
            await pilot.press("down" if step % 2 else "pagedown")
        # A line of text a line of the screen and a key, however many runs there are; two for lines asked for twice.
        assert 20 <= len(made) <= 20 * 2 * runs.size.height
        await pilot.press("end")
        assert current(pilot) == "run 0"

    play("history", act)


@pytest.fixture
def thousands(make_run):
    """1,001 runs: the newest one, `first`, and many like it that failed."""
    first = make_run("first", (0.5,), end="failed", reason="out of memory at micro-batch 1")
    copies(first, 1000)
    return first


@pytest.mark.parametrize("by", ["started", "name", "size"])
def test_a_run_that_changes_costs_no_look_at_thousands_of_others(thousands, make_run, play, settle, monkeypatch, by):
    run = make_run("live", (0.5,), end="")
    lock = RunLock(run.lock)
    assert lock.acquire()
    log, sized, row = run.events.read_bytes(), Run.size, Packed._row

    async def act(pilot):
        await pilot.press("s")
        await write(pilot, by)
        await settle(pilot)
        made, counted = [], []
        monkeypatch.setattr(Packed, "_row", lambda rows, place: made.append(place) or row(rows, place))
        monkeypatch.setattr(Run, "size", lambda run: counted.append(run.id) or sized(run))
        run.events.write_bytes(log + b"{}\n" * 1000)  # nothing of it is shown
        pilot.app.screen._look_again()
        await settle(pilot)
        assert 0 < len(made) < 500  # of those on the screen, and those between which it is placed
        assert set(counted) <= {run.id, thousands.id}

    play("history", act)
    lock.release()


def test_a_run_that_grows_is_counted_again_after_a_while(three, play, settle, monkeypatch):
    now, lock = [1000.0], RunLock(three[1].lock)
    assert lock.acquire()
    counted, sized = [], Run.size

    async def grows(pilot):
        with three[1].events.open("ab") as file:
            file.write(b"{}\n")
        pilot.app.screen._look_again()
        await settle(pilot)

    async def act(pilot):
        monkeypatch.setattr(sized_runs, "monotonic", lambda: now[0])
        monkeypatch.setattr(Run, "size", lambda run: counted.append(run.id) or sized(run))
        await pilot.press("s")
        await write(pilot, "size")
        await settle(pilot)
        counted.clear()
        for _ in range(5):
            await grows(pilot)
        assert counted == [three[1].id], "at once, and not at each look"
        now[0] += sized_runs.AGAIN
        lock.release()
        await grows(pilot)
        assert counted == [three[1].id] * 2

    play("history", act)


def in_sight(pilot):
    """Whether the row under the cursor is on the screen."""
    runs = pilot.app.screen.query_one(RunList)
    return f"{runs.current.name} " in painted(pilot)


@pytest.mark.parametrize("by", ["-name", "size", "-started"])
def test_after_sorting_the_cursors_run_is_seen(thousands, play, settle, by):
    async def act(pilot):
        for place in ("home", "end"):
            await pilot.press(place, "down")
            before = current(pilot)
            await pilot.press("s")
            await write(pilot, by)
            await settle(pilot)
            assert current(pilot) == before and in_sight(pilot)
            await pilot.press("v")
            assert current(pilot) == before and in_sight(pilot)

    play("history", act)


def test_after_filtering_the_cursors_run_is_seen(thousands, play, settle):
    async def act(pilot):
        await pilot.press("end", "/", *"9", "enter")
        assert current(pilot) != "first" and in_sight(pilot)
        before = current(pilot)
        await pilot.press("/", "backspace", "enter")
        assert current(pilot) == before and in_sight(pilot)

    play("history", act)


def test_a_look_does_not_scroll_back_to_the_cursor(thousands, play, settle, make_run):
    async def act(pilot):
        runs = pilot.app.screen.query_one(RunList)
        runs.scroll_to(y=500, animate=False, immediate=True)
        make_run("newcomer")
        pilot.app.screen.live_runs_changed()
        await settle(pilot)
        assert runs.scroll_offset.y == 500 and len(runs.rows) == 1002

    play("history", act)


@pytest.mark.parametrize("presses", [1, 2])
def test_marking_all_before_the_first_run_is_read(three, settings, settle, monkeypatch, presses):
    read, go_on = RunWatch.read_all, threading.Event()

    def slowly(watch):
        assert go_on.wait(10)
        yield from read(watch)

    monkeypatch.setattr(RunWatch, "read_all", slowly)
    console = Console(settings, first=lambda _: HistoryScreen())

    async def go():
        async with console.run_test(size=(80, 24)) as pilot:
            while not pilot.app.screen.query(RunList):
                await pilot.pause()
            await pilot.press(*"a" * presses)
            go_on.set()
            await settle(pilot)
            assert ("3 marked" in words(pilot, HeaderLine)) == (presses == 1), "a second time takes it back"

    asyncio.run(go())


def test_all_are_marked_once_all_are_read(thousands, settings, settle, monkeypatch):
    read, go_on = RunWatch.read_all, threading.Event()

    def slowly(watch):
        chunks = iter(read(watch))
        yield next(chunks)
        assert go_on.wait(10)
        yield from chunks

    monkeypatch.setattr(RunWatch, "read_all", slowly)
    console = Console(settings, first=lambda _: HistoryScreen())

    async def go():
        async with console.run_test(size=(80, 24)) as pilot:
            while not pilot.app.screen.query(RunList) or not names(pilot):
                await pilot.pause()
            await pilot.press("/", *"run", "enter", "a")
            assert "marked as soon as all are read" in words(pilot, "#details")
            assert "marked" not in words(pilot, HeaderLine)
            go_on.set()
            await settle(pilot)
            assert "1,000 marked" in words(pilot, HeaderLine) and "1,000 runs marked" in words(pilot, "#details")

    asyncio.run(go())


def test_a_letter_of_the_filter_is_seen_before_runs_are_chosen(three, play, settle):
    async def act(pilot):
        field, screen = pilot.app.screen.query_one(FilterLine), pilot.app.screen
        show, line, done = screen.show, field.render_line, []
        screen.show = lambda: (done.append("chosen"), show())
        field.render_line = lambda y: (done.append(field.value), line(y))[1]
        await pilot.press("/", "s")
        await settle(pilot)
        assert done.index("s") < done.index("chosen")
        screen._filter()
        assert done.count("chosen") == 1, "nothing is typed since"
        with field.prevent(Input.Changed):
            field.value = "high"
        screen._filter_soon()
        screen.action_leave_field()  # at once
        assert names(pilot) == ["high"] and done.count("chosen") == 2

    play("history", act)
