"""Runs side by side: every key, hostile names, every size."""

import gc
import shutil
import threading
import time

import pytest
from textual.widgets import Input, OptionList

from vislab.engine.analysis.predictions import Predictions
from vislab.engine.runs.ask import JobProcess
from vislab.engine.runs.events import encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import delete
from vislab.engine.runs.studies import Record, save
from vislab.presets.errors import InputError
from vislab.tui.screens import compare as compare_screen
from vislab.tui.screens.compare import LATE, CompareScreen
from vislab.tui.screens.dialog import Prompt, Question
from vislab.tui.screens.history import HistoryScreen
from vislab.tui.screens.studies import Studies
from vislab.tui.views import compare
from vislab.tui.widgets.curve_plot import CurvePlot
from vislab.tui.widgets.header_line import HeaderLine
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.run_rows import RunRows

SIZES = [(80, 24), (60, 20), (200, 60)]


def words(pilot, selector):
    return pilot.app.screen.query_one(selector).words


def painted(pilot):
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.fixture
def two(make_run):
    right = [(f"{i}", "cat", "cat") for i in range(8)]
    wrong = [(f"{i}", "cat", "dog") for i in range(7)] + [("7", "cat", "cat")]
    return [
        make_run("transfer", (0.5, 0.9), predictions=right, architecture={"name": "base"}),
        make_run("cnn", (0.4, 0.6), predictions=wrong, architecture={"name": "cnn"}, seed=4),
    ]


@pytest.mark.parametrize("size", SIZES)
def test_curves_table_and_test_are_seen_at_once(two, play, settle, size):
    async def act(pilot):
        await settle(pilot)
        screen = painted(pilot)
        for part in ("validation accuracy", "★ 0.9000", "▪", "●", "McNemar", "only ▪1 right 7", "(t time"):
            assert part in screen, part
        assert ("validation loss" in screen) == (size[0] >= 120)
        legend = ("1 transfer last 0.900 best 0.900 e2", "2 cnn last 0.600 best 0.600 e2")
        assert all(part in screen for part in legend) == (size[0] >= 80)
        assert "by epoch" in words(pilot, HeaderLine)

    play("compare", act, size=size, runs=two)


def test_answers_do_not_stay_in_memory_once_they_are_compared(two, play, settle):
    def in_memory():
        gc.collect()
        return {id(thing) for thing in gc.get_objects() if isinstance(thing, Predictions) and thing}

    before = in_memory()

    async def act(pilot):
        await settle(pilot)
        assert "only ▪1 right 7" in words(pilot, "#tests")
        assert in_memory() <= before
        await pilot.press("c")
        await settle(pilot)
        assert "cat" in words(pilot, "#page")

    play("compare", act, runs=two)


def test_copied_markdown_tells_what_the_answers_say_and_of_a_run_that_is_gone_what_is_known(two, play, settle):
    async def act(pilot):
        await settle(pilot)
        await pilot.press("Y", "m")
        copied = pilot.app.clipboard
        assert "only ▪1 right 7" in copied.replace("*", "") and "## By class" in copied
        delete(two[1])
        await pilot.press("Y", "m")
        assert "0.6000" in pilot.app.clipboard

    play("compare", act, runs=two)


def test_by_time_and_by_loss(two, play, settle):
    async def act(pilot):
        await pilot.press("t")
        await settle(pilot)
        assert "→ seconds" in words(pilot, "#first") and "by wall time" in words(pilot, HeaderLine)
        await pilot.press("l")
        await settle(pilot)
        assert "validation loss" in words(pilot, "#first")
        await pilot.press("t", "l")
        await settle(pilot)
        assert "by epoch" in words(pilot, HeaderLine) and "validation accuracy" in words(pilot, "#first")

    play("compare", act, runs=two)


def test_by_time_too_runs_that_repeat_a_setting_are_drawn_as_their_mean(make_run, play, settle):
    runs = [
        make_run("lenet5", (0.5, best), architecture={"name": "cnn"}, seed=seed) for seed, best in ((1, 0.9), (2, 0.7))
    ]
    runs.append(make_run("mlp", (0.4, 0.6), architecture={"name": "mlp"}))

    async def act(pilot):
        await settle(pilot)
        assert "1 lenet5 last 0.800 best 0.800 e2" in words(pilot, "#first")
        await pilot.press("t")
        await settle(pilot)
        told = words(pilot, "#first")
        assert "1 lenet5 last 0.800 best 0.800 e2" in told and "→ mean seconds" in told

    play("compare", act, size=(200, 60), runs=runs)


def test_zooming_by_wall_time_says_that_curves_are_by_epoch_again(two, play, settle):
    async def act(pilot):
        await pilot.press("t")
        await settle(pilot)
        await pilot.press("z")
        await settle(pilot)
        screen = pilot.app.screen
        assert "by epoch again" in screen.query_one("#said").words and "by epoch" in screen.query_one(HeaderLine).words
        screen.say("")
        await pilot.press("z")
        await settle(pilot)
        assert "again" not in screen.query_one("#said").words

    play("compare", act, runs=two)


def test_zoom_and_logarithmic_loss(make_run, play, settle):
    runs = [
        make_run(name, tuple(0.5 + epoch / 100 for epoch in range(40)), seed=seed) for seed, name in enumerate("ab")
    ]

    async def act(pilot):
        assert " 40" in words(pilot, "#first")
        await pilot.press("z")
        await settle(pilot)
        assert "11" in words(pilot, "#first").split("└")[1].split()[1]
        await pilot.press("z", "z", "z", "y")
        await settle(pilot)
        assert "validation loss, log" in words(pilot, "#first")
        await pilot.press("y")
        await settle(pilot)
        assert "log" not in words(pilot, "#first")

    play("compare", act, runs=runs)


def test_the_curves_keep_their_room_where_there_are_many_rows(make_run, play, settle):
    runs = [
        make_run(f"r{number}", predictions=[("0", "cat", "cat")], architecture={"name": f"{number}"})
        for number in range(12)
    ]

    async def act(pilot):
        await settle(pilot)
        assert pilot.app.screen.query_one("#first").size.height >= 8
        rows = pilot.app.screen.query_one(RunRows)
        seen = rows.size.height - 1
        assert f" ↓{12 - seen} " in painted(pilot)
        await pilot.press(*["down"] * 11)
        await settle(pilot)
        assert seen >= 3 and "▽12" in painted(pilot) and f" ↑{12 - seen} " in painted(pilot)
        await pilot.press("up")
        assert rows.scroll_offset.y == 12 - seen, "it was seen already"
        await pilot.click(RunRows, offset=(8, 1), times=2)
        await settle(pilot)
        assert f"Results of r{12 - seen}" in words(pilot, HeaderLine)
        await pilot.press("escape")
        notes = pilot.app.screen.query_one("#tests")
        assert pilot.app.screen.check_action("notes", ())
        for _ in range(9):
            await pilot.press("n")
            if notes.is_vertical_scroll_end:
                break
        assert "medians" in painted(pilot)
        await pilot.press("n")
        assert "medians" not in painted(pilot) and notes.scroll_offset.y == 0
        await pilot.press("w")
        assert not pilot.app.screen.check_action("notes", ())
        assert "each run against ▪1" in words(pilot, "#page") and "medians" in words(pilot, "#page")

    play("compare", act, size=(60, 20), runs=runs)


def test_pages_of_classes_differences_and_words(two, play, settle, monkeypatch):
    async def act(pilot):
        monkeypatch.setattr(compare, "per_class", None)  # of many classes it takes long: not while a key waits
        for key, parts in (
            ("c", ("F1 of class", "cat", "★ 1.0000")),
            ("v", ("architecture.name", "seed", "base")),
            ("w", ("▪1 transfer accuracy: last 0.9000", "●2 cnn loss")),
        ):
            await pilot.press(key)
            assert all(part in painted(pilot) for part in parts), key
            assert "t time/epoch" not in words(pilot, KeyFooter)
            await pilot.press("t", "l", "y", "z", "enter")  # not here
            assert isinstance(pilot.app.screen, CompareScreen)
            await pilot.press("escape")
            await settle(pilot)
            assert "McNemar" in painted(pilot)
        await pilot.press("c", "c")
        await settle(pilot)
        assert "McNemar" in painted(pilot)

    play("compare", act, runs=two)


@pytest.mark.parametrize(("key", "place"), [("end", 1000), ("pagedown", 10)])
def test_a_long_page_is_scrolled_at_once(two, play, monkeypatch, key, place):
    monkeypatch.setattr(compare, "per_class_lines", lambda *_: [f"line {number}" for number in range(1000)])

    async def act(pilot):
        await pilot.press("c")
        page, seen = pilot.app.screen.query_one("#page"), []
        pilot.app.screen.watch(page, "scroll_y", lambda y: seen.append(y), init=False)
        await pilot.press(key)
        await pilot.app.animator.wait_until_complete()
        await pilot.pause()
        assert len(seen) == 1 and min(place, page.max_scroll_y) <= seen[0], "each step would be sent to the terminal"

    play("compare", act, runs=two)


def test_a_run_that_was_deleted_meanwhile_is_not_opened(two, play, settle):
    async def act(pilot):
        delete(two[0])
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CompareScreen) and "it was deleted or moved" in words(
            pilot, "#said"
        ).replace("\n", " ")
        pilot.app.screen._say_no_more()
        assert words(pilot, "#said") == ""

    play("compare", act, runs=two)


def test_the_cursor_chooses_the_run_that_enter_opens(two, play, settle):
    async def act(pilot):
        rows = pilot.app.screen.query_one(RunRows)
        cursors = []
        for key in ("down", "down", "up", "k", "j"):
            await pilot.press(key)
            cursors.append(rows.cursor)
        assert cursors == [1, 1, 0, 0, 1]
        await pilot.press("enter")
        await settle(pilot)
        assert pilot.app.screen.NAME == "results" and "Results of cnn" in words(pilot, HeaderLine)
        await pilot.press("escape")
        await pilot.click(RunRows, offset=(8, 1), times=2)
        await settle(pilot)
        assert "Results of transfer" in words(pilot, HeaderLine)

    play("compare", act, runs=two)


def no_images(jobs, job, request):
    """What any job says of a made run, without its process."""
    raise InputError("the data set is not here")


def test_the_report_is_written_where_it_is_wanted(two, play, settle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(JobProcess, "ask", no_images)

    async def act(pilot):
        begins = {"comparison.html": "<!doctype html>", "c.md": "# Comparison of", "c.csv": "id,name"}
        for name, begin in begins.items():
            await pilot.press("x")
            assert isinstance(pilot.app.screen, Prompt)
            assert pilot.app.screen.query_one(Input).value == "comparison.html"
            pilot.app.screen.query_one(Input).value = name
            await pilot.press("enter")
            await settle(pilot)
            assert "written" in words(pilot, "#said")
            assert (tmp_path / name).read_text().lower().startswith(begin.lower())
        await pilot.press("x")
        hint = pilot.app.screen.query(Lines).last()
        assert "folder" not in hint.words
        for name in ("new/place/c.md", "\0/c.md", "x" * 300 + "/c.md"):
            pilot.app.screen.query_one(Input).value = name
            await pilot.pause()
            told = "".join(hint.words.split())
            assert (f"makesthefolder{tmp_path / 'new/place'}" in told) is name.startswith("new"), told
        pilot.app.screen.query_one(Input).value = "new/place/c.md"
        await pilot.press("enter")
        await settle(pilot)
        assert (tmp_path / "new/place/c.md").is_file()
        await pilot.press("x")
        pilot.app.screen.query_one(Input).value = "c.md/folder.md"
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, Prompt)
        assert "cannot be made: File exists" in " ".join(pilot.app.screen.query(Lines).last().words.split())
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, CompareScreen)

    play("compare", act, runs=two)


def test_a_report_replaces_a_file_only_when_told_to_and_its_ending_says_what_it_is(
    two, play, settle, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.md").write_text("mine")

    async def write(pilot, name):
        await pilot.press("x")
        pilot.app.screen.query_one(Input).value = name
        await pilot.press("enter")

    async def act(pilot):
        for name in ("cmp.pdf", "cmp"):
            await write(pilot, name)
            told = " ".join(pilot.app.screen.query(Lines).last().words.split())
            assert "end the name in .html, .htm, .csv, .md, .markdown" in told
            await pilot.press("escape")
        for key in ("n", "r"):
            await write(pilot, "c.md")
            assert isinstance(pilot.app.screen, Question)
            assert (tmp_path / "c.md").read_text() == "mine"
            await pilot.press(key)
            await settle(pilot)
        assert (tmp_path / "c.md").read_text().startswith("# Comparison of")
        assert sorted(path.name for path in tmp_path.glob("c*.*")) == ["c.md"]

    play("compare", act, runs=two)


@pytest.mark.parametrize("fault", [None, InputError("no place"), OSError(5, "no answer")])
def test_what_became_of_a_report_is_told_although_the_screen_was_left(two, play, settle, tmp_path, monkeypatch, fault):
    left = threading.Event()

    def slowly(words, settings):
        left.wait(5)
        if fault is not None:
            raise fault

    monkeypatch.setattr(compare_screen, "run_command", slowly)
    monkeypatch.chdir(tmp_path)

    async def act(pilot):
        await pilot.app.push_screen(over := CompareScreen(two))
        await settle(pilot)
        await pilot.press("x", "enter", "escape")
        assert over not in pilot.app.screen_stack
        left.set()
        await settle(pilot)
        told = f"written: {tmp_path / 'comparison.html'}" if fault is None else str(fault)
        assert told in [notice.message for notice in pilot.app._notifications]

    play("settings", act)


def test_runs_of_a_study_that_repeat_a_setting_are_one_row(make_run, play, settle, settings):
    parts = {"architecture": {"name": "cnn"}, "recipe": "study-b-cnn"}
    parts["predictions"] = [("0", "cat", "cat")]
    runs = [make_run("cnn", (0.4, 0.5 + seed / 10), seed=seed, **parts) for seed in range(3)]
    parts = {"architecture": {"name": "base"}, "recipe": "study-b-transfer"}
    for fold in (1, 2):
        strategy = {"folds": 2, "fold": fold}
        runs.append(make_run("transfer", (0.5, 0.7 + fold / 10), strategy=strategy, **parts))
    record = Record(name="study-b", question="what for?", runs=tuple(run.id for run in runs))
    save(settings.runs_dir, record)

    async def act(pilot):
        assert "Compare study study-b, 5 runs" in words(pilot, HeaderLine)
        rows = words(pilot, RunRows).split("\n")
        assert len(rows) == 3 and "0.6000 ± 0.1000" in rows[1] and "0.8500 ± 0.0707" in rows[2]
        await pilot.press("c")
        told, *table = words(pilot, "#page").split("\n")
        assert told == f"▪1 is here 1 of its 3 runs: {runs[0].id}" and table[0].startswith("●2 is here 1 of its 2 runs")
        assert table[1].startswith("F1 of class")
        await pilot.press("escape")
        await pilot.press("down", "enter")
        await settle(pilot)
        assert "transfer" in words(pilot, HeaderLine)

    play("compare", act, size=(120, 40), runs=runs, record=record)

    async def choose(pilot):
        await pilot.press("C")
        assert isinstance(pilot.app.screen, Studies)
        await pilot.press("escape", "C", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CompareScreen) and "study-b, 5 runs" in words(pilot, HeaderLine)

    play("history", choose)


@pytest.mark.parametrize("anew", [False, True])
def test_the_export_of_a_study_holds_the_runs_that_are_shown(make_run, play, settle, settings, monkeypatch, anew):
    runs = [make_run(name, recipe=f"study-b-{name}") for name in ("cnn", "transfer")]
    record = Record(name="study-b", question="what for?", runs=tuple(run.id for run in runs))
    save(settings.runs_dir, record)
    written = []
    monkeypatch.setattr("vislab.tui.screens.compare.run_command", lambda words, settings: written.append(words))

    async def act(pilot):
        await settle(pilot)
        if anew:
            save(settings.runs_dir, Record(name="study-b", question="what for?", runs=("another", "one")))
        await pilot.press("x", "enter")
        await settle(pilot)
        assert written[0][3:] == (["--", *record.runs] if anew else ["--study", "study-b"])

    play("compare", act, size=(120, 40), runs=runs, record=record)


def test_a_study_that_was_queued_recipe_by_recipe_is_found(make_run, play, settle):
    async def act(pilot):
        await pilot.press("C")
        assert isinstance(pilot.app.screen, HistoryScreen) and "no study was run here" in words(pilot, "#details")

    lonely = make_run("cnn", recipe="study-b-cnn")
    play("history", act)
    make_run("transfer", recipe="study-b-transfer")

    async def choose(pilot):
        await pilot.press("C")
        (line,) = (option.prompt.plain for option in pilot.app.screen.query_one(OptionList).options)
        assert line.startswith("study-b  2 runs, the newest of each recipe  ")
        await pilot.press("enter")
        await settle(pilot)
        assert "Compare 2 runs" in words(pilot, HeaderLine)  # they may have been made for anything
        assert pilot.app.screen._record is None

    play("history", choose)
    assert lonely.path.exists()


@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
def test_hostile_names_at_every_size(make_run, play, settle, hostile, size):
    predictions = [(hostile, hostile, "cat"), ("b", "cat", hostile)]
    runs = [
        make_run(hostile, predictions=predictions, classes=(hostile, "cat"), dataset={"name": hostile}, seed=number)
        for number in range(9)
    ]

    async def act(pilot):
        await settle(pilot)
        for key in ("c", "v", "w", "escape", "x"):
            assert "\x1b" not in painted(pilot)
            await pilot.press(key)
            await settle(pilot)
        await pilot.press("escape")
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert "\x1b" not in painted(pilot) and "␛" in painted(pilot)

    play("compare", act, size=size, runs=runs)


def test_a_run_that_has_gone_is_left_out(two, make_run, play, settle):
    gone = make_run("gone")
    delete(gone)

    async def act(pilot):
        assert "Compare 2 runs" in words(pilot, HeaderLine) and f"cannot be read: {gone.id}" in words(pilot, "#said")

    play("compare", act, runs=[*two, gone])

    async def many(pilot):
        assert words(pilot, "#said").count(gone.id) == 3 and words(pilot, "#said").endswith(", … 2 more")

    play("compare", many, size=(200, 60), runs=[*two, *[gone] * 5])

    async def nothing(pilot):
        assert "no run can be read" in words(pilot, HeaderLine)
        await pilot.press("t", "l", "y", "z", "c", "v", "w", "x", "enter")
        assert isinstance(pilot.app.screen, CompareScreen)

    play("compare", nothing, runs=[gone])


def test_runs_without_figures_are_compared_all_the_same(make_run, play, settle):
    async def act(pilot):
        await settle(pilot)
        assert "no figure that can be drawn" in painted(pilot) and "no predictions" in painted(pilot)

    play("compare", act, runs=[make_run("a", (), end=""), make_run("b", (float("nan"),), end="")])


@pytest.mark.parametrize("kind", ["lock", "waiting_lock"])
def test_a_run_that_lives_or_waits_for_its_turn_is_followed(two, make_run, play, settle, history, kind):
    live = make_run("live", (0.1,), end="")
    lock = RunLock(getattr(live, kind))
    assert lock.acquire()

    async def act(pilot):
        events = history([0.1] * 4, val_accuracy=[0.1, 0.2, 0.3, 0.95])
        live.events.write_bytes(b"".join(map(encode, events)))
        pilot.app.screen._look()
        await settle(pilot)
        assert "★ 0.9500" in painted(pilot)

    play("compare", act, runs=[*two, live])
    lock.release()


def test_curves_of_a_run_that_trains_are_drawn_at_once_for_a_person_and_at_its_end_alone(
    two, make_run, play, settle, history, monkeypatch
):
    live = make_run("live", (0.1,), end="")
    lock, drawn = RunLock(live.lock), []
    assert lock.acquire()
    monkeypatch.setattr(CurvePlot, "draw", lambda plot, *_, at_once=False, **__: drawn.append(at_once))

    async def act(pilot):
        async def at_once(do):
            drawn.clear()
            do()
            await settle(pilot)
            return set(drawn)

        screen = pilot.app.screen
        assert set(drawn) == {True}, "the first time"
        live.events.write_bytes(b"".join(map(encode, history([0.1] * 4))))
        assert await at_once(screen._look) == {False}
        assert await at_once(screen.action_log_axis) == {True}
        lock.release()
        assert await at_once(screen._look) == {True}, "the last time"

    play("compare", act, runs=[*two, live])


@pytest.mark.parametrize("width", [60, 80, 250])
def test_figures_that_the_table_has_no_room_for_are_on_the_page_of_differences(two, play, settle, width):
    async def act(pilot):
        await settle(pilot)
        table, notes = words(pilot, RunRows).splitlines()[0], words(pilot, "#tests")
        await pilot.press("v")
        page = words(pilot, "#page")
        for title in ("val loss", "s/epoch", "status"):
            assert (title in table) != (f"\n{title}" in page)
        assert ("no room for" in notes) == ("figure" in page) == (width < 250)

    play("compare", act, runs=two, size=(width, 40))


@pytest.mark.parametrize("height", [30, 38, 40, 42])
def test_the_footer_offers_more_notes_only_where_there_are(two, play, settle, height):
    async def act(pilot):
        await settle(pilot)
        footer = painted(pilot).splitlines()[-1]
        assert "classes" in footer and ("n notes" in footer) == pilot.app.screen.possible("notes")

    play("compare", act, runs=two, size=(100, height))


def test_many_runs_are_looked_at_as_seldom_as_a_look_costs(two, make_run, play, settle, history):
    live = make_run("live", (0.1,), end="")
    lock = RunLock(live.lock)
    assert lock.acquire()

    async def act(pilot):
        async def looks(cost):
            begun = time.monotonic()
            screen.post_message(screen.Looked(screen._runs, screen._among, (), ([], []), (), cost))
            await settle(pilot)
            pause = screen._next_look - begun
            live.events.write_bytes(b"".join(map(encode, history([0.1] * 4))))
            screen._look_again()
            await settle(pilot)
            return pause, len(screen._runs[-1].state.epochs) == 4

        screen = pilot.app.screen
        pause, looked = await looks(0.12)
        assert 20 <= pause < 30 and not looked
        assert (await looks(100.0))[0] == pytest.approx(LATE, abs=1)
        screen._next_look = 0.0
        screen._look_again()
        await settle(pilot)
        assert len(screen._runs[-1].state.epochs) == 4

    play("compare", act, runs=[*two, live])
    lock.release()


def test_curves_have_the_numbers_of_the_rows_when_a_run_has_gone(two, make_run, play, settle, history, monkeypatch):
    live = make_run("live", (0.1,), end="")
    lock, drawn = RunLock(live.lock), []
    assert lock.acquire()
    monkeypatch.setattr(CurvePlot, "draw", lambda plot, *_, at_once=False, **__: drawn.append(at_once))

    async def act(pilot):
        drawn.clear()
        shutil.rmtree(two[0].path)
        pilot.app.screen._look()
        await settle(pilot)
        assert set(drawn) == {True}

    play("compare", act, runs=[*two, live])
    lock.release()


def test_a_run_that_was_deleted_is_told_though_none_is_live(two, make_run, play, settle):
    async def act(pilot):
        await settle(pilot)
        shutil.rmtree(two[0].path)
        pilot.app.screen._next_look = 0.0
        pilot.app.screen._look_again()
        await settle(pilot)
        assert f"cannot be read: {two[0].id}" in painted(pilot) and "Compare 2 runs" in painted(pilot)

    play("compare", act, runs=[*two, make_run("third")])


def test_curves_of_a_run_that_ended_under_another_screen_are_drawn_when_one_comes_back(
    two, make_run, play, settle, history
):
    live = make_run("live", (0.1,), end="")
    lock = RunLock(live.lock)
    assert lock.acquire()

    async def act(pilot):
        await settle(pilot)
        compare = pilot.app.screen
        events = history([0.1] * 4, val_accuracy=[0.1, 0.2, 0.3, 0.9512])
        live.events.write_bytes(b"".join(map(encode, events)))
        lock.release()
        await pilot.press("S")
        compare._look()
        await settle(pilot)
        assert pilot.app.screen is not compare and "best 0.951" not in compare.query_one("#first").words
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.screen is compare and "best 0.951" in words(pilot, "#first")

    play("compare", act, runs=[*two, live])


def test_the_legend_names_the_runs_that_have_curves_by_number_where_names_have_no_room(make_run, play, settle):
    accuracies = [(0.5,), (), (0.6,), (0.7,), (0.8,), (0.9,)]
    runs = [make_run("long" * 8, row, architecture={"name": f"{at}"}) for at, row in enumerate(accuracies)]

    async def act(pilot):
        await settle(pilot)
        assert words(pilot, "#first").startswith("validation accuracy  ! ●2 no figures yet ")
        assert " ".join(words(pilot, "#first").splitlines()[-1].split()) == "▪ 1 ▲ 3 ◆ 4 ✚ 5 ○ 6 → epoch"

    play("compare", act, runs=runs)
