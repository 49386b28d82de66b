"""The launch screen: every key, what follows the selection, every size, hostile names."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input

from vislab.engine.data.sources.download import NotHereError
from vislab.engine.jobs import data as data_job
from vislab.engine.runs import detaching, studies
from vislab.engine.runs.ask import Answer, Asker
from vislab.engine.runs.devices import Device
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.progress import write as write_progress
from vislab.engine.runs.store import Labels, Run, all_runs, create
from vislab.engine.runs.used import Used, UsedDevices
from vislab.presets.errors import InputError
from vislab.presets.library import resolve as resolve_spec
from vislab.presets.settings import Settings, read_again
from vislab.tui import hub
from vislab.tui.app import Console
from vislab.tui.draft import FIRST, Draft, Section
from vislab.tui.screens import launch as launch_screen
from vislab.tui.screens import launching
from vislab.tui.screens.all_settings import AllSettings
from vislab.tui.screens.dialog import Prompt, Question
from vislab.tui.screens.help import HelpLines, HelpScreen
from vislab.tui.screens.launch import LaunchScreen
from vislab.tui.screens.path_prompt import PathPrompt
from vislab.tui.screens.recipes import Recipes
from vislab.tui.screens.studies import found as found_studies
from vislab.tui.views.history import short_id
from vislab.tui.widgets.field import Field
from vislab.tui.widgets.field_row import FieldRow
from vislab.tui.widgets.header_line import HeaderLine
from vislab.tui.widgets.hint_line import HintLine
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.recipe_line import RecipeLine
from vislab.tui.widgets.selection_panel import SelectionPanel, WholeSelection

Act = Callable[[Pilot[int]], Awaitable[None]]
MEMORY = {"weights": 250_000, "gradients": 250_000, "optimizer": 500_000, "activations": 5_500_000, "total": 6_500_000}
MODEL = {"parameters": 61_706, "trainable": 61_706, "multiply_adds": 400_000, "memory": MEMORY}
CPU = Device("cpu", 0, "Xeon", "", 16 * 10**9, 8 * 10**9)


class Counted(Asker):
    """Answers in a thread of the test's process: data are counted, models are not built."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def ask(self, topic, job, request, on_answer, *, on_progress=None) -> Answer | None:
        self.asked.append((job, request))

        def work() -> None:
            try:
                found = data_job.answer(dict(request), lambda *report: None) if job == "data" else MODEL
            except NotHereError as error:
                on_answer(Answer(topic, request, None, str(error)))
            except InputError as error:
                on_answer(Answer(topic, request, None, str(error), wrong_input=True))
            else:
                on_answer(Answer(topic, request, found))

        threading.Thread(target=work).start()
        return None


class Started:
    """Takes the place of starting and queueing."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, Run]] = []
        self.refuse = ""

    def starter(self, how: str) -> Callable[[Run, Settings], int]:
        def start(run: Run, settings: Settings) -> int:
            if self.refuse:
                raise InputError(self.refuse)
            self.runs.append((how, run))
            return 1

        return start


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def started(monkeypatch) -> Started:
    found = Started()
    monkeypatch.setattr(launching, "start", found.starter("start"))
    monkeypatch.setattr(launching, "enqueue", found.starter("queue"))
    return found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, count in (("cat", 40), ("dog", 4), ("[red]horse[/red]", 10), ("\x1b[31mesc", 8), ("x" * 200, 8)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number, count, 0)).save(folder / f"{number}.png")
    return tmp_path / "photos"


def play(settings: Settings, act: Act, *, size=(80, 24), like: Run | None = None, asker: Asker | None = None) -> None:
    console = Console(settings, first=lambda _: LaunchScreen(like=like) if like else LaunchScreen())
    console.asker.close()
    console.asker = asker or Counted()

    async def go() -> None:
        async with console.run_test(size=size) as pilot:
            await until(pilot, lambda: len(screen(pilot).parts.picker("architecture").choices.items) > 1000)
            await act(pilot)

    asyncio.run(go())


async def until(pilot: Pilot[int], reached: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, screen(pilot).query_one(SelectionPanel).words
        await pilot.pause(0.02)


def screen(pilot: Pilot[int]) -> LaunchScreen:
    return next(one for one in pilot.app.screen_stack if isinstance(one, LaunchScreen))


def panel(pilot: Pilot[int]) -> str:
    return " ".join(screen(pilot).query_one(SelectionPanel).words.split())


def hint(pilot: Pilot[int]) -> str:
    return screen(pilot).query_one(HintLine).words


def spec_of(pilot: Pilot[int]) -> Any:
    return screen(pilot).resolved.spec


async def chosen(pilot: Pilot[int], section: Section, name: str) -> None:
    await until(pilot, lambda: getattr(spec_of(pilot), section).name == name)


async def write(pilot: Pilot[int], text: str) -> None:
    """Write into the field that has the focus, in place of what stands there."""
    field = pilot.app.focused
    assert isinstance(field, Input)
    field.value = text[:-1]
    field.cursor_position = len(field.value)
    await pilot.press(*text[-1:])


def test_what_will_run_follows_the_selection(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "1,438 train / 359 validation" in panel(pilot))
        await until(pilot, lambda: "memory of tensors about 6.5 MB" in panel(pilot))
        assert "30 epochs × 23 steps of 64" in panel(pilot) and "0.4 M multiply-adds" in panel(pilot)
        assert "lenet5: Small greyscale images such as digits" in panel(pilot)  # when it is the right choice
        await pilot.press("down")
        await chosen(pilot, "dataset", "emnist")
        await until(pilot, lambda: "downloaded when a run needs it" in panel(pilot))
        assert "131,600 images · 47 classes" in panel(pilot) and "× – steps" in panel(pilot)
        assert "g start" in screen(pilot).query_one(KeyFooter).words  # the run will fetch it
        await pilot.press("up", "right", "down")
        await chosen(pilot, "architecture", "mlp")
        await pilot.press("right", "down")
        await chosen(pilot, "strategy", "transfer")
        assert "no weights are known for mlp" in panel(pilot)
        assert "g start" not in screen(pilot).query_one(KeyFooter).words
        await pilot.press("g", "b", "a", "w")  # not possible
        assert pilot.app.screen is screen(pilot) and not list(settings.runs_dir.glob("*"))

    play(settings, act)


def test_a_key_that_is_held_asks_once(settings) -> None:
    asker = Counted()

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "6.5 MB" in panel(pilot))
        asker.asked.clear()
        for _ in range(6):
            screen(pilot).parts.picker("dataset").choices.action_move(1)
        await chosen(pilot, "dataset", "kmnist")
        await until(pilot, lambda: "downloaded" in panel(pilot))
        assert [request["dataset"]["name"] for job, request in asker.asked if job == "data"] == ["kmnist"]

    play(settings, act, asker=asker)


def test_any_model_of_timm_is_found_by_typing(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("right", "slash", *"vit tiny", "enter")
        await until(pilot, lambda: spec_of(pilot).architecture.name.startswith("vit_"))
        await pilot.press("shift+tab")  # Enter went on to the next part
        assert "parameters; weights trained at" in hint(pilot)
        await pilot.press("escape")  # back to the list of all, nothing else
        assert pilot.app.screen is screen(pilot)
        found = spec_of(pilot).architecture.name
        await pilot.press("slash", *"zzz", "escape")
        current = screen(pilot).parts.picker("architecture").choices.current
        assert spec_of(pilot).architecture.name == found and current is not None and current.value == found
        await pilot.press("tab", "slash", *"fine", "enter")
        await chosen(pilot, "strategy", "finetune")

    play(settings, act)


def test_a_filter_that_nothing_fits_says_which_other_part_has_some(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        def says() -> str:
            choices = screen(pilot).parts.picker("dataset").choices
            return " ".join(" ".join(choices.render_line(y).text.split()) for y in range(3)).strip()

        await pilot.press("slash", *"resnet18")
        fitting = len(screen(pilot).parts.picker("architecture").choices.fitting("resnet18"))
        await until(pilot, lambda: says() == f"nothing fits here; Architecture has {fitting}")
        assert fitting > 1
        await pilot.press("escape", "slash", *"zzzz")
        await until(pilot, lambda: says() == "nothing fits")

    play(settings, act)


def test_a_folder_of_ones_own_and_what_a_colleague_would_say(settings, photos, monkeypatch) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("f", "enter")
        assert isinstance(pilot.app.screen, PathPrompt)  # it stays open: keys that follow are none of the screen below
        assert "✖ write one, or leave with esc" in pilot.app.screen.query(Lines).last().words
        await write(pilot, str(photos)[:-3])
        await pilot.press("tab", "enter")
        await chosen(pilot, "dataset", "photos")
        await until(pilot, lambda: "70 images · 5 classes" in panel(pilot))
        assert "! Imbalance 1:8: 32 of cat, 4 of dog." in panel(pilot)
        assert "\x1b" not in panel(pilot)
        box = screen(pilot).query_one(SelectionPanel)
        assert box.border_title == "What will run · 6 warnings · s shows all"
        in_view = " ".join(line.plain for line in box.lines[: box.size.height])
        assert "  cat 40  dog 4  " in in_view and "! 56 images from scratch" in in_view
        box.focus()
        await pilot.pause()
        assert "s shows all in a window" in hint(pilot)
        await pilot.press("s")
        whole = pilot.app.screen.query_one(WholeSelection)
        assert whole.border_title == "What will run · 6 warnings" and "██" in whole.words
        assert "strategy.folds = 4, and run each fold." in " ".join(whole.words.split())
        assert "no parts were published" in whole.words and "\x1b" not in whole.words
        await pilot.press("s")
        launch = screen(pilot)
        assert pilot.app.screen is launch
        await pilot.press("s")
        again = pilot.app.screen.query_one(WholeSelection)
        launch.change(launch.draft.with_value("strategy.epochs", "7"))
        await until(pilot, lambda: "7 epochs" in again.words)
        pilot.app.open("launch")
        told: list[object] = []
        monkeypatch.setattr(again, "follow", lambda *selection: told.append(selection))
        launch.change(launch.draft.without_value("strategy.epochs"))
        await until(pilot, lambda: "7 epochs" not in panel(pilot))
        assert not told  # nothing is laid out for a window that is no more
        screen(pilot).parts.picker("dataset").choices.focus()
        first = screen(pilot).parts.picker("dataset").choices.current
        assert first is not None and (first.label, first.note) == ("photos", "yours")
        # The item above asks again, beginning with the folder.
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PathPrompt))
        assert pilot.app.screen.query_one(Input).value.rstrip("/") == str(photos)
        await pilot.press("escape", "tab")
        assert spec_of(pilot).dataset.path == str(photos)
        assert screen(pilot).parts.picker("dataset").choices.current == first  # the mark is on what is chosen again

    play(settings, act)


def test_what_is_chosen_stays_marked_while_the_cursor_is_on_the_row_that_asks(settings, click) -> None:
    async def act(pilot: Pilot[int]) -> None:
        choices = screen(pilot).parts.picker("dataset").choices

        def marked() -> dict[str, str]:
            lines = [choices.render_line(y).text.strip() for y in range(choices.size.height)]
            return {line[0]: line[2:].split("  ")[0] for line in lines if line[:1] in ("▸", "✔")}

        assert marked() == {"▸": "digits"}
        await pilot.press("home")
        await until(pilot, lambda: hint(pilot).startswith("digits is chosen · ↵ chooses a folder, a table, hf:NAME or"))
        assert marked() == {"▸": "your own folder…", "✔": "digits"} and spec_of(pilot).dataset.name == "digits"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PathPrompt))
        await pilot.press("escape")
        assert marked() == {"▸": "digits"} and "chosen" not in hint(pilot)
        await pilot.press("home")
        await click(pilot, choices, 3, 0)  # the cursor is there already
        await until(pilot, lambda: isinstance(pilot.app.screen, PathPrompt))
        await pilot.press("escape")
        await click(pilot, choices, 3, 0, times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, PathPrompt))
        await pilot.press("escape")
        assert pilot.app.screen is screen(pilot)  # it asks once
        assert marked() == {"▸": "digits"} and choices.has_focus

    play(settings, act)


def test_the_mark_is_back_on_ones_own_folder_that_is_given_again(settings, photos) -> None:
    async def act(pilot: Pilot[int]) -> None:
        choices = screen(pilot).parts.picker("dataset").choices
        screen(pilot).change(FIRST.choose("dataset", str(photos)))
        await chosen(pilot, "dataset", "photos")
        await pilot.press("down")
        await until(pilot, lambda: hint(pilot).startswith("photos is chosen · ↵ chooses a folder"))
        await pilot.press("enter", "enter")
        assert pilot.app.screen is screen(pilot) and choices.current is not None
        assert choices.current.value == str(photos)

    play(settings, act)


def test_folders_of_ones_own_stay_in_the_list(settings, photos) -> None:
    other = photos.parent / "more" / "photos"
    other.parent.mkdir()
    other.symlink_to(photos)

    async def act(pilot: Pilot[int]) -> None:
        launch = screen(pilot)
        choices = launch.parts.picker("dataset").choices

        def yours() -> list[str]:
            return [item.label for item in choices.items if item.note == "yours"]

        async def give(path: Path) -> None:
            await pilot.press("f")
            await write(pilot, str(path))
            await pilot.press("enter")
            await until(pilot, lambda: spec_of(pilot).dataset.path == str(path))

        await give(photos)
        choices.take("digits")
        await until(pilot, lambda: spec_of(pilot).dataset.name == "digits")
        assert yours() == ["photos"]
        choices.focus()
        await pilot.press("f")
        await write(pilot, str(photos / "nowhere"))
        await pilot.press("enter")
        await until(pilot, lambda: yours() == ["nowhere", "photos"])  # as long as it is chosen
        await give(other)
        assert yours() == ["photos (more)", f"photos ({photos.parent.name})"]
        assert [item.value for item in choices.items[:2]] == [str(other), str(photos)]
        choices.focus()
        await pilot.press("down")
        await until(pilot, lambda: spec_of(pilot).dataset.path == str(photos))
        assert [item.value for item in choices.items[:2]] == [str(other), str(photos)]  # no row moves under the cursor
        await pilot.press("slash", *"photos", "down", "enter")
        await until(pilot, lambda: spec_of(pilot).dataset.path == str(photos))
        choices.focus()
        await pilot.press("slash", *"more", "enter")
        await until(pilot, lambda: spec_of(pilot).dataset.path == str(other))
        await pilot.press("R")
        assert len(yours()) == 2
        pilot.app.open("launch", like=create(settings.runs_dir, resolve_spec(recipe="digits-lenet5")))
        await until(pilot, lambda: bool(screen(pilot).query("#dataset")) and pilot.app.screen is not launch)
        await until(pilot, lambda: bool(screen(pilot).parts.picker("dataset").choices.items))
        again = screen(pilot).parts.picker("dataset").choices
        assert again is not choices and [item.value for item in again.items if item.note == "yours"][-1] == str(photos)

    play(settings, act)


def test_an_architecture_of_ones_own(settings, tmp_path) -> None:
    (tmp_path / "mine.py").write_text("def build(num_classes):\n    pass\n")

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("right", "f")
        await write(pilot, f"{tmp_path}/mine.py:build")
        await pilot.press("enter")
        await chosen(pilot, "architecture", "mine")
        await pilot.press("f")
        await write(pilot, f"{tmp_path}/none.py:build")
        await pilot.press("enter")
        await until(pilot, lambda: "there is no file" in panel(pilot))

    play(settings, act)


def test_a_setting_is_changed_in_place_and_judged_while_it_is_written(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        field = screen(pilot).query_one("#strategy-epochs", Field)
        field.focus()
        await pilot.pause()
        assert hint(pilot).startswith("default 30 (strategy scratch); a whole number >= 1; passes over the training")
        assert field.shown == "epochs 30"
        await pilot.press("enter")
        assert "↵ accept" in screen(pilot).query_one(KeyFooter).words
        await write(pilot, "0")
        assert "✖ must be a whole number >= 1" in hint(pilot)
        await pilot.press("enter")  # is not taken
        assert field.writing and spec_of(pilot).strategy.epochs == 30
        await write(pilot, "7")
        await pilot.press("enter")
        await until(pilot, lambda: spec_of(pilot).strategy.epochs == 7)
        assert not field.writing and field.has_focus and field.shown == "epochs 7"
        assert hint(pilot).startswith("set here; default 30 (strategy scratch); a whole number >= 1")
        await pilot.press("enter", "9", "escape")
        assert field.shown == "epochs 7" and field.has_focus
        await pilot.press("right")
        assert screen(pilot).query_one(FieldRow).current is screen(pilot).query_one("#strategy-batch-size")
        await pilot.press("left", "enter")
        await write(pilot, "")
        await pilot.press("enter")  # empty takes the change back
        await until(pilot, lambda: spec_of(pilot).strategy.epochs == 30)

    play(settings, act)


def test_help_begins_with_the_keys_of_what_has_the_focus(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("question_mark")
        lines = pilot.app.screen.query_one(HelpLines).words.splitlines()
        assert lines[0] == "Keys of what has the focus" and "Keys of the screen “launch”" in lines[2:], lines
        await pilot.press("escape", "slash", "question_mark")
        assert not isinstance(pilot.app.screen, HelpScreen), "it is a letter there"

    play(settings, act)


def test_every_setting_is_a_key_away(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("m")
        window = pilot.app.screen
        assert isinstance(window, AllSettings)
        assert "↵ change" in window.query(Lines).last().words and "? help" in window.query(Lines).last().words
        strips = window._compositor.render_strips()
        painted = ["".join(segment.text for segment in strip) for strip in strips]
        assert "g start" not in "".join(painted) and all(line[0] in "╭│╰ " for line in painted)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert "Take the change of the setting back." in pilot.app.screen.query_one(HelpLines).words
        await pilot.press("escape", "slash", *"schedule")
        assert "learning rate over the updates" in " ".join(window.query(Lines).last().words.split())
        assert "default cosine (strategy scratch)\n" in window.query(Lines).last().words
        await pilot.press("enter")
        await write(pilot, "cosin")
        assert "did you mean 'cosine'" in " ".join(window.query(Lines).last().words.split())
        await pilot.press("enter")
        assert window.draft == FIRST
        await write(pilot, "linear")
        await pilot.press("enter")
        assert window.draft.changed("strategy.schedule") == "linear"
        await pilot.press("x")
        assert window.draft == FIRST
        await pilot.press("enter")
        await write(pilot, "step")
        await pilot.press("enter", "escape")
        await until(pilot, lambda: spec_of(pilot).strategy.schedule == "step")
        assert "more (1 changed)" in screen(pilot).query_one(FieldRow).query_one(Lines).words
        await pilot.press("x")
        await until(pilot, lambda: spec_of(pilot).strategy.schedule == "cosine")

    play(settings, act)


def test_a_recipe_brings_its_parts_and_takes_the_images_that_were_chosen(settings, photos) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("f")
        await write(pilot, str(photos))
        await pilot.press("enter")
        await chosen(pilot, "dataset", "photos")
        await pilot.press("r")
        assert isinstance(pilot.app.screen, Recipes)
        await pilot.press("slash", *"b-transfer", "enter")
        await chosen(pilot, "architecture", "study-b-base")
        assert spec_of(pilot).dataset.path == str(photos)
        assert "study-b-transfer" in screen(pilot).query_one(RecipeLine).words
        await pilot.click(RecipeLine, offset=(12, 0))
        assert isinstance(pilot.app.screen, Recipes)
        await pilot.press("escape")
        await pilot.press("r", "slash", *"study-a-cnn")
        words = pilot.app.screen.query(Lines).first()
        assert words.words.rstrip().endswith("6 to 8 minutes an epoch")  # whole, and of what was found
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert words.words.rstrip().endswith("an epoch") and all(line.cell_len <= 51 for line in words.lines)
        assert words.size.height == len(words.lines)
        await pilot.press("escape", "slash", *"study-e-lenet5", "enter")
        await chosen(pilot, "dataset", "mnist")
        current = screen(pilot).parts.picker("dataset").choices.current
        assert current is not None and current.value == "mnist"
        await pilot.press("r", "home", "enter")
        await until(pilot, lambda: screen(pilot).draft == FIRST)
        screen(pilot).draft = edited = FIRST.with_value("strategy.batch_size", "3000")
        await pilot.press("r", "home", "enter")
        assert pilot.app.screen is screen(pilot) and screen(pilot).draft == edited  # there was none already
        screen(pilot).draft = FIRST
        await pilot.press("r", "escape", "r", "slash", "escape", "escape")
        assert screen(pilot).draft == FIRST and pilot.app.screen is screen(pilot)

    play(settings, act)


def test_a_study_is_queued_after_a_question(settings, started) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("r", "slash", *"study study-b", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("n")
        assert not started.runs
        await pilot.press("r", "slash", *"study study-b", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: len(started.runs) == 2)
        assert [(how, run.spec().recipe) for how, run in started.runs] == [
            ("queue", "study-b-cnn"),
            ("queue", "study-b-transfer"),
        ]

    play(settings, act)
    record = studies.load(settings.runs_dir, "study-b")
    assert record.runs == tuple(run.id for _, run in started.runs) and record.question
    assert record.command == ("vislab", "study", "study-b", "--dataset", "digits")
    again = create(settings.runs_dir, resolve_spec(recipe="study-b-cnn", dataset="digits"))
    (study,) = found_studies(settings, {"study-b-cnn": again, "study-b-transfer": started.runs[1][1]})
    assert study.noted and [run.id for run in study.runs] == [*record.runs]  # whatever was trained since


def _empty_class(folder: Path) -> tuple[Path, str]:
    (folder / "data" / "owl").mkdir(parents=True)
    (folder / "data" / "cat").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "data" / "cat" / "1.png")
    return folder / "data", 'no image in class folder "owl"'


def _missing_files(folder: Path) -> tuple[Path, str]:
    (folder / "data.csv").write_text("path,label\ngone\t.png,a\n")
    return folder / "data.csv", "1 of 1 files do not exist: gone .png (line 2)"


def _other_bytes(folder: Path) -> tuple[Path, str]:
    (folder / "data.csv").write_bytes("path,label\n".encode("utf-16"))
    return folder / "data.csv", "line 1: this is no UTF-8 text"


def _nothing(folder: Path) -> tuple[Path, str]:
    return folder / "none", "there is no file or folder"


async def ask_about_study(pilot: Pilot[int], name: str) -> str:
    """Take a study from the recipes; what is asked then."""
    await pilot.press("r", "slash", *f"study {name}", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Question))
    return " ".join(pilot.app.screen.query(Lines).first().words.split())


def test_the_question_about_a_study_says_on_which_data_its_runs_train(settings, photos, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("vislab.tui.facts.has_weights_package", lambda: False)

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "1,438 train" in panel(pilot))
        said = await ask_about_study(pilot, "study-b")
        assert "Data set of all: digits (chosen here: the recipe names none)" in said and "y queue 2 runs" not in said
        assert "! study-b-transfer: The weights " in said and "! all: " not in said
        await pilot.press("n")
        said = await ask_about_study(pilot, "study-e")
        assert "Data set of study-e-lenet5: mnist Data set of study-e-alexnet: cifar10" in said
        assert "! all: The best epoch is picked on the test set" in said and "digits" not in said
        await pilot.press("n")
        screen(pilot).change(FIRST.choose("dataset", str(photos)))
        await until(pilot, lambda: "! Imbalance 1:8: 32 of cat, 4 of dog" in panel(pilot))
        said = await ask_about_study(pilot, "study-d")  # which divides them in another way
        assert "Data set of all: photos (chosen here: the recipe names none)" in said
        assert "! study-d-cnn5, study-d-resnet4: Imbalance 1:10: 40 of cat, 4 of dog" in said

    play(settings, act)


@pytest.mark.parametrize("make", [_empty_class, _nothing])
def test_a_study_whose_runs_cannot_start_is_not_queued(settings, started, tmp_path, make) -> None:
    path, wrong = make(tmp_path)

    async def act(pilot: Pilot[int]) -> None:
        screen(pilot).change(FIRST.choose("dataset", str(path)))
        await until(pilot, lambda: wrong in panel(pilot))
        said = await ask_about_study(pilot, "study-b")
        assert said.startswith("2 runs cannot be queued: study-b-cnn, study-b-transfer")
        assert f"✖ all: {wrong}" in said
        await pilot.press("y")
        assert isinstance(pilot.app.screen, Question)
        await pilot.press("enter")
        assert pilot.app.screen is screen(pilot) and not started.runs

    play(settings, act)


@pytest.mark.parametrize(("key", "how"), [("g", "start"), ("b", "start"), ("a", "queue")])
def test_a_run_is_started_or_queued(settings, started, monkeypatch, key, how) -> None:
    warning = "Inside [red] a container"
    monkeypatch.setattr(detaching, "here", lambda: detaching.Detachment(warning=warning))

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("n", *"first try", "enter")
        await until(pilot, lambda: screen(pilot).draft.name == "first try")
        await until(pilot, lambda: "first try" in screen(pilot).query_one(RecipeLine).words)
        await pilot.press(key)
        await until(pilot, lambda: len(started.runs) == 1 and bool(pilot.app.started_here))  # type: ignore[attr-defined]
        [(did, run)] = started.runs
        assert did == how and run.spec().dataset.name == "digits" and run.labels().name == "first try"
        if key == "g":
            await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "live")
            await until(pilot, lambda: warning in pilot.app.screen.query_one("#message").words)  # type: ignore[attr-defined]
        else:
            assert pilot.app.screen is screen(pilot)
            await until(pilot, lambda: warning in [notice.message for notice in pilot.app._notifications])

    play(settings, act)


def test_a_started_run_opens_under_no_window(settings, started, monkeypatch) -> None:
    monkeypatch.setattr(detaching, "here", lambda: detaching.Detachment())

    async def act(pilot: Pilot[int]) -> None:
        screen(pilot).action_start()
        screen(pilot).action_help()  # as by a mouse, which waits for nothing
        await until(pilot, lambda: any(notice.message.startswith("Started") for notice in pilot.app._notifications))
        assert isinstance(pilot.app.screen, HelpScreen)

    play(settings, act)


def test_images_that_cannot_be_divided_stand_in_the_way(settings, tmp_path) -> None:
    (tmp_path / "one" / "cat").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "cat" / "1.png")

    async def act(pilot: Pilot[int]) -> None:
        screen(pilot).change(FIRST.choose("dataset", str(tmp_path / "one")))
        await until(pilot, lambda: '✖ class "cat" has too few images' in panel(pilot))
        assert screen(pilot).query_one(SelectionPanel).border_title.startswith("What stands in the way")
        assert "g start" not in screen(pilot).query_one(KeyFooter).words
        await pilot.press("g", "a")
        assert not list(settings.runs_dir.glob("*"))
        for number in range(2, 20):
            Image.new("RGB", (8, 8)).save(tmp_path / "one" / "cat" / f"{number}.png")
        await pilot.press("R")
        await until(pilot, lambda: "g start" in screen(pilot).query_one(KeyFooter).words)

    play(settings, act)


@pytest.mark.parametrize("make", [_empty_class, _missing_files, _other_bytes])
def test_images_that_no_run_could_read_stand_in_the_way(settings, tmp_path, make) -> None:
    path, wrong = make(tmp_path)

    async def act(pilot: Pilot[int]) -> None:
        screen(pilot).change(FIRST.choose("dataset", str(path)))
        await until(pilot, lambda: wrong in panel(pilot))
        said = panel(pilot)
        assert said.startswith("✖ ") and "; R looks again" in said and "⏎" not in said and said.count(wrong) == 1
        assert screen(pilot).query_one(SelectionPanel).border_title.startswith("What stands in the way")
        assert "counting" not in said and "g start" not in screen(pilot).query_one(KeyFooter).words
        await pilot.press("g", "b", "a")
        assert not list(settings.runs_dir.glob("*"))
        screen(pilot).change(FIRST)
        await until(pilot, lambda: "g start" in screen(pilot).query_one(KeyFooter).words)

    play(settings, act)


def notices(pilot: Pilot[int]) -> list[str]:
    return [notice.message for notice in pilot.app._notifications]


@pytest.mark.parametrize(
    ("key", "said"), [("g", "Not started"), ("b", "Not started"), ("a", "Not queued"), ("w", "Not saved")]
)
def test_a_key_that_can_do_nothing_now_says_why(settings, started, key, said) -> None:
    async def act(pilot: Pilot[int]) -> None:
        launch = screen(pilot)
        launch.change(FIRST.with_value("strategy.split", "[red]\x1b").with_value("strategy.epochs", "none"))
        await until(pilot, lambda: panel(pilot).startswith("✖"))
        assert len(launch.resolved.problems) == 2 and not notices(pilot)
        await pilot.press(key)
        (told,) = notices(pilot)
        assert told.startswith(f"{said}: ") and "strategy.split" in told and "epochs" not in told
        assert "\x1b" not in told and pilot.app.screen is launch and not started.runs
        await pilot.press("g", key)
        assert notices(pilot) == [told]  # one at a time, or they would take the room of all else
        assert f"{key} " not in launch.query_one(KeyFooter).words
        assert key not in [action.keys[0] for action in launch.actions_now()]  # nor in the palette
        assert key in [action.keys[0] for action in launch.actions_told()]  # help explains it

    play(settings, act, size=(200, 60))


def test_what_stood_in_the_way_a_moment_ago_keeps_no_run_from_its_start(settings, started, monkeypatch) -> None:
    monkeypatch.setattr(launch_screen, "_SOON", 60.0)  # seconds: the selection is not looked at before the key

    async def act(pilot: Pilot[int]) -> None:
        wrong = FIRST.with_value("strategy.split", "no")
        screen(pilot).change(wrong)
        screen(pilot).settle()
        screen(pilot).change(FIRST)
        await pilot.press("b")
        await until(pilot, lambda: bool(started.runs))
        screen(pilot).change(wrong)
        await pilot.press("b")
        assert "Not started: " in notices(pilot)[-1] and len(started.runs) == 1

    play(settings, act)


def test_a_settings_file_that_was_mended_is_read_again_when_a_run_is_to_start(
    settings, started, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    file = tmp_path / "home/vislab/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("theme = 1\n")

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("g")
        assert "Not started: " in notices(pilot)[-1] and not started.runs
        file.write_text("")
        await pilot.press("b")
        await until(pilot, lambda: bool(started.runs))

    play(read_again(settings), act)


def test_before_the_selection_is_read_a_key_says_so(settings, started, monkeypatch) -> None:
    monkeypatch.setattr(LaunchScreen, "_begin", lambda self: self._load_timm())

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("g")
        assert notices(pilot) == ["Not started: what is chosen is still being read; press the key again in a moment"]
        assert not started.runs

    play(settings, act)


def test_a_runs_folder_in_which_nothing_can_be_made_is_told_before_the_start(settings, tmp_path) -> None:
    (tmp_path / "file").touch()

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "No run can be made" in panel(pilot))
        said = " ".join(panel(pilot).split())
        assert "! No run can be made in the runs folder: " in said and "file is no folder. Choose another" in said
        await until(pilot, lambda: "1 warning" in screen(pilot).query_one(SelectionPanel).border_title)
        (tmp_path / "file").unlink()
        await pilot.press("R")
        await until(pilot, lambda: "No run can be made" not in panel(pilot))
        assert not (tmp_path / "file").exists()  # looking makes nothing

    play(replace(settings, runs_dir=tmp_path / "file" / "runs"), act)


def test_why_nothing_can_be_made_in_a_folder(tmp_path, monkeypatch) -> None:
    assert launching.unwritable(tmp_path) == launching.unwritable(tmp_path / "a" / "b") == ""
    assert not list(tmp_path.iterdir())
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    assert launching.unwritable(tmp_path / "lost" / "runs") == f"{tmp_path / 'lost'} is no folder"
    monkeypatch.setattr(launching.os, "statvfs", lambda folder: Mock(f_blocks=0, f_files=0))  # as of /proc
    assert launching.unwritable(tmp_path / "a") == f"{tmp_path} is no place for files"
    monkeypatch.setattr(launching.os, "access", lambda folder, how: False)  # the superuser may write anywhere
    assert launching.unwritable(tmp_path / "a") == f"no permission to write into {tmp_path}"


def test_a_run_that_cannot_start_is_told(settings, started) -> None:
    started.refuse = "no [bold]room[/bold] \x1b[31m left"

    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("b")
        await until(pilot, lambda: any("room" in notice.message for notice in pilot.app._notifications))
        assert "\x1b" not in "".join(notice.message for notice in pilot.app._notifications)
        assert "g start" in screen(pilot).query_one(KeyFooter).words  # may be tried again

    play(settings, act)


def test_the_queue_and_the_device_are_seen(settings, monkeypatch) -> None:
    cards = [Device("cuda", 0, "A100", "a", 80 * 10**9, 71 * 10**9), Device("cuda", 1, "A100", "b", 80 * 10**9, 0, 3)]
    monkeypatch.setattr(launching, "list_devices", lambda: [*cards, CPU])
    monkeypatch.setattr(
        launching, "choose", lambda device: type("Chosen", (), {"device": CPU if device == "cpu" else cards[0]})
    )
    monkeypatch.setattr(launching, "queued", lambda runs_dir: ["one", "two"])

    def line(pilot: Pilot[int]) -> str:
        return screen(pilot).query_one("#device", Lines).words

    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "71 of 80 GB free   (cuda:1 in use)" in line(pilot))
        assert "2 queued" in screen(pilot).query_one(HeaderLine).words
        for name in ("cuda:0", "cuda:1", "cpu", "auto"):
            await pilot.press("d")
            await until(pilot, lambda name=name: spec_of(pilot).device == name)
        await pilot.press("d", "d", "d")
        await until(pilot, lambda: "Xeon" in line(pilot))

    play(settings, act)


def test_runs_that_use_the_processor_are_told_before_the_start(settings, monkeypatch) -> None:
    names = ("one", "two", "rests")
    live = [create(settings.runs_dir, resolve_spec(recipe="digits-lenet5", name=name)) for name in names]
    write_progress(live[2].progress_file, Progress(time=0.0, pid=7, host="", phase="paused"))
    monkeypatch.setattr(launching, "list_devices", lambda: [CPU])
    monkeypatch.setattr(launching, "choose", lambda device: type("Chosen", (), {"device": CPU}))
    monkeypatch.setattr(UsedDevices, "of", lambda self, run: Used("cpu"))

    async def act(pilot: Pilot[int]) -> None:
        assert "used by" not in screen(pilot).query_one("#device", Lines).words
        assert "warning" not in str(screen(pilot).query_one(SelectionPanel).border_title)
        monkeypatch.setattr(Run, "worker", lambda self: 7)  # they begin
        pilot.app.look_for_live_runs()
        await until(pilot, lambda: "used by two (" in screen(pilot).query_one("#device", Lines).words)
        assert "1 warning" in str(screen(pilot).query_one(SelectionPanel).border_title)
        await pilot.press("s")
        said = " ".join(pilot.app.screen.query_one(WholeSelection).words.split())
        assert "! 2 runs train on this processor already: all become slower; 1 paused run keeps memory there." in said
        one, two, rests = (f"{run.spec().name} ({run.id[-4:]})" for run in live)
        assert f"used by {two}, {one} and {rests} paused" in said

    play(settings, act)


def test_weights_that_cannot_be_downloaded_are_told_before_the_start(settings, monkeypatch, tmp_path) -> None:
    answers = threading.Event()
    monkeypatch.setattr(hub, "unreachable_host", lambda: answers.wait(60) and "huggingface.co")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    draft = FIRST.choose("architecture", "resnet18").choose("strategy", "transfer")

    async def act(pilot: Pilot[int]) -> None:
        screen(pilot).change(draft)
        await until(pilot, lambda: "resnet18.a1_in1k are not in the cache: the run will download" in panel(pilot))
        answers.set()
        await until(pilot, lambda: "in the cache, and huggingface.co cannot be reached: a run that" in panel(pilot))
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        screen(pilot).change(draft.with_value("seed", "7"))
        await until(pilot, lambda: "and HF_HUB_OFFLINE forbids a download: the run will fail." in panel(pilot))

    play(settings, act, size=(120, 50))


def test_what_was_chosen_is_saved_as_a_recipe(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await pilot.press("w")
        assert isinstance(pilot.app.screen, Prompt) and "✖" not in pilot.app.screen.query(Lines).last().words
        await pilot.press("enter", "space", "enter")
        assert isinstance(pilot.app.screen, Prompt)
        assert "✖ write a name, or leave with esc" in pilot.app.screen.query(Lines).last().words
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: (settings.config_dir / "presets/recipes/mine.toml").exists())
        await pilot.press("w", *"m?")
        assert "'m?' cannot name a preset" in pilot.app.screen.query(Lines).last().words
        await pilot.press("backspace", *"ine", "enter")
        assert isinstance(pilot.app.screen, Prompt)  # it stays open, to choose another name in
        said = pilot.app.screen.query(Lines).last().words
        assert "is there already: choose another" in " ".join(said.split())
        pilot.app.screen.query_one(Input).value = "digits-lenet5"
        await pilot.press("enter")
        assert "is built in" in " ".join(pilot.app.screen.query(Lines).last().words.split())
        await pilot.press("escape")
        await pilot.press("r", "slash", *"mine", "enter")
        await until(pilot, lambda: screen(pilot).draft == Draft(recipe="mine"))

    play(settings, act)


def test_again_but_with_something_else(settings, photos) -> None:
    spec = resolve_spec(
        dataset=str(photos), architecture="resnet50d", sets=["strategy.epochs=3"], name="mine", settings=settings
    )
    run = create(settings.runs_dir, spec, labels=Labels(name="renamed since"))

    async def act(pilot: Pilot[int]) -> None:
        words = f"Again ▸ renamed since ({short_id(run.id)})  like an earlier run"
        assert screen(pilot).query_one(RecipeLine).words == words and spec_of(pilot).strategy.epochs == 3
        current = screen(pilot).parts.picker("dataset").choices.current
        assert current is not None and (current.label, current.note) == ("photos", "as before")
        await pilot.press("right", "right", "up")
        await chosen(pilot, "strategy", "gradual")
        assert spec_of(pilot).architecture.name == "resnet50d" and spec_of(pilot).dataset.path == str(photos)

    play(settings, act, like=run)


@pytest.mark.parametrize("damaged", ["spec", "log"])
def test_an_earlier_run_that_is_damaged_is_told(settings, damaged) -> None:
    sets = ["strategy.batch_size=auto"]
    run = create(settings.runs_dir, resolve_spec(dataset="digits", architecture="mlp", sets=sets, settings=settings))
    if damaged == "spec":
        (run.path / "spec.toml").write_text("broken")
    else:
        run.events.mkdir()

    async def act(pilot: Pilot[int]) -> None:
        assert screen(pilot).draft == FIRST
        await until(pilot, lambda: len(pilot.app._notifications) > 0)

    play(settings, act, like=run)


def test_settings_presets_and_data_are_read_again(settings, tmp_path, monkeypatch) -> None:
    async def act(pilot: Pilot[int]) -> None:
        file = settings.config_dir / "presets/strategies/quick.toml"
        file.parent.mkdir(parents=True)
        file.write_text("help = 'quick'\nepochs = 1\n")
        broken = settings.config_dir / "presets/datasets/broken.toml"
        broken.parent.mkdir(parents=True)
        broken.write_text("nonsense = [")
        assert "g start" not in screen(pilot).query_one(KeyFooter).words  # a file of settings that is mended by now
        await pilot.press("R")
        assert "g start" in screen(pilot).query_one(KeyFooter).words
        assert screen(pilot).settings.runs_dir == settings.runs_dir
        offered = {item.value: item.note for item in screen(pilot).parts.picker("strategy").choices.items}
        assert offered["quick"] == "1 epoch"
        notes = {item.value: item.note for item in screen(pilot).parts.picker("dataset").choices.items}
        assert notes["broken"] == "broken"
        await until(pilot, lambda: "1,438 train" in panel(pilot))

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    play(replace(settings, problems=("config.toml: cannot be read as TOML",)), act)


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 60), (120, 40)])
def test_everything_is_on_the_screen_at_every_size(settings, size) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "6.5 MB" in panel(pilot))
        launch = screen(pilot)
        for widget in launch.query("RecipeLine, Picker, SelectionPanel, FieldRow, #device, HintLine, KeyFooter"):
            region = widget.region
            assert region.height >= 1 and region.bottom <= size[1] and region.right <= size[0], widget
        assert all(launch.parts.picker(section).choices.size.height >= 4 for section in ("dataset", "strategy"))
        assert launch.query_one(SelectionPanel).size.height >= 5
        assert "g start" in launch.query_one(KeyFooter).words and "? help" in launch.query_one(KeyFooter).words
        for width, height in ((1, 1), (300, 100), (20, 5), size):
            await pilot.resize_terminal(width, height)
        await pilot.pause()
        assert "6.5 MB" in panel(pilot)

    play(settings, act, size=size)


@pytest.mark.parametrize("seed", range(1))
def test_random_keys_do_no_harm(settings, photos, started, seed) -> None:
    generator = random.Random(seed)
    names = ["up", "down", "left", "right", "enter", "escape", "tab", "shift+tab", "slash", "home", "end", "pagedown"]
    names += [*"fmrdnwxR5a.~[", "space", "backspace"]

    async def act(pilot: Pilot[int]) -> None:
        screen(pilot).change(FIRST.choose("dataset", str(photos)))
        for _ in range(90):
            await pilot.press(generator.choice(names))
        await pilot.pause()

    play(settings, act)


def test_the_resident_process_answers_for_real(settings) -> None:
    async def act(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "multiply-adds" in panel(pilot) and "of tensors about" in panel(pilot), seconds=60)

    play(settings, act, asker=Asker())
    assert not all_runs(settings.runs_dir)
