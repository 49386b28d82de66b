"""What a run answers: every key, pictures, hostile names, every size."""

import base64
import json

import pytest
from textual.widgets import Input

from vislab.engine.runs import ask
from vislab.engine.runs.events import RunEnded, encode
from vislab.engine.runs.store import delete
from vislab.presets.errors import InputError
from vislab.tui.screens import run_page
from vislab.tui.screens.results import ResultsScreen
from vislab.tui.widgets.header_line import HeaderLine
from vislab.tui.widgets.key_footer import KeyFooter

SIZES = [(80, 24), (60, 20), (200, 60)]


def words(pilot, selector):
    return pilot.app.screen.query_one(selector).words


def painted(pilot):
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.fixture
def asked(monkeypatch):
    """Answers at once, in place of the process that reads images."""
    requests = []

    def answer(self, topic, job, request, on_answer, *, on_progress=None, remember=True):
        requests.append((job, request))
        red = {"width": 8, "height": 12, "rgb": base64.b64encode(bytes([255, 0, 0]) * 96).decode()}
        answers = {
            "thumbnails": lambda: {"pictures": [red] * len(request["names"])},
            "saliency": lambda: {
                "method": "Grad-CAM",
                "pictures": [{"seen": red, "heat": red}] * len(request["names"]),
            },
            "augmented": lambda: {"pictures": [red | {"label": "cat", "partner": "[b]dog", "share": 0.7}] * 3},
        }
        on_answer(ask.Answer(topic, request, answers[job]()))

    monkeypatch.setattr(ask.Asker, "ask", answer)
    return requests


@pytest.fixture
def judged(make_run):
    rows = [(f"right {i}", "cat", "cat") for i in range(20)] + [(f"wrong {i}", "dog", "cat") for i in range(12)]
    return make_run("judged", predictions=rows)


def test_keys_lead_from_view_to_view(judged, play, settle):
    async def act(pilot):
        assert "accuracy 0.6250 [" in words(pilot, "#headline") and "on 32 test images, 12 wrong" in words(
            pilot, "#headline"
        )
        assert "precision" in words(pilot, "#main") and "horse" in words(pilot, "#main")
        await pilot.press("m")
        assert "█20" in words(pilot, "#main") and "taken for" in words(pilot, "#main")
        await pilot.press("w")
        assert "wrong 0" in words(pilot, "#main") and "mistakes" in words(pilot, HeaderLine)
        await pilot.press("o", "right", "left")  # not here
        assert "wrong 0" in words(pilot, "#main")
        await pilot.press("c")
        assert "precision" in words(pilot, "#main")
        await pilot.press("v")
        await settle(pilot)
        assert pilot.app.screen.NAME == "live"
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ResultsScreen)

    play("results", act, run=judged)


def test_a_long_name_of_a_class_leaves_room_for_how_sure_the_model_is(make_run, play, settle, asked):
    name = "a class whose name is far longer than both pictures are wide"
    run = make_run("long", predictions=[(f"{number}.png", name, name) for number in range(4)])

    async def act(pilot):
        await pilot.press("s")
        await settle(pilot)
        below = [line for line in words(pilot, "#main").splitlines() if line.startswith("✔")]
        assert below and all(line.rstrip().endswith("%") for line in below)

    play("results", act, run=run)


def test_long_names_of_classes_leave_room_beside_them(make_run, play):
    names = [f"a class whose name is far longer than one would like, the {number}th" for number in (1, 2)]
    run = make_run("long", predictions=[("a.png", *names)] * 9, classes=tuple(names))

    async def act(pilot):
        assert "9 of 9" in painted(pilot) and "100 %" in painted(pilot) and "90 %" in painted(pilot)
        assert "the 1th " in words(pilot, "#main") and "the 2th " in words(pilot, "#main")

    play("results", act, run=run, size=(120, 40))


def test_sentences_are_wrapped_where_it_is_narrow(judged, make_run, play, monkeypatch):
    trouble = "The images are not where they were when the run read them, at /data/a/long/place/photos: bring them back"

    def answer(self, topic, job, request, on_answer, *, on_progress=None, remember=True):
        on_answer(ask.Answer(topic, request, None, trouble))

    monkeypatch.setattr(ask.Asker, "ask", answer)

    async def act(pilot):
        assert "macro F1 0." in " ".join(painted(pilot).split()) and len(words(pilot, "#headline").split("\n")) == 2
        for key in "ps":
            await pilot.press(key)
            await pilot.pause()
            assert trouble in " ".join(words(pilot, "#main").split())
            assert "bring them back" in painted(pilot)

    play("results", act, run=judged, size=(60, 20))
    many = [f"a class with a long name {number}" for number in range(20)]
    crowded = make_run("crowded", predictions=[(name, name, many[0]) for name in many])

    async def confused(pilot):
        await pilot.press("m")
        await pilot.pause()
        assert "the pairs that are confused most" in " ".join(words(pilot, "#main").split())

    play("results", confused, run=crowded, size=(60, 20))


def test_pictures_come_page_by_page(judged, play, settle, asked):
    async def act(pilot):
        await pilot.press("p")
        await settle(pilot)
        assert "1 to 8 of 12 mistakes" in words(pilot, "#main") and "✖ cat" in words(pilot, "#main")
        assert words(pilot, "#main").count("▀") == 8 * 8 * 6
        assert asked[0][0] == "thumbnails" and len(asked[0][1]["names"]) == 8 and asked[0][1]["side"] == 16
        assert "→ next" in words(pilot, KeyFooter) and "← before" not in words(pilot, KeyFooter)
        await pilot.press("right")
        await settle(pilot)
        assert "9 to 12 of 12" in words(pilot, "#main") and "→ next" not in words(pilot, KeyFooter)
        assert "← before" in words(pilot, KeyFooter)
        await pilot.press("right", "left")
        await settle(pilot)
        assert "1 to 8 of 12" in words(pilot, "#main") and len(asked) == 2  # what was seen is kept
        await pilot.press("o")
        await settle(pilot)
        assert "1 to 8 of 32 images" in words(pilot, "#main")
        await pilot.press("right")
        await settle(pilot)
        assert "✔ cat" in words(pilot, "#main")

    play("results", act, run=judged)


def test_a_page_of_pictures_begins_at_its_title_and_has_room_for_the_names(judged, play, settle, asked):
    async def act(pilot):
        await pilot.press("p")
        await settle(pilot)
        main = pilot.app.screen.query_one("#main")
        assert painted(pilot).count("✖ cat") == 8 and main.max_scroll_y == 0
        await pilot.resize_terminal(60, 10)
        await settle(pilot)
        await pilot.press("end")
        assert main.scroll_y > 0
        await pilot.press("right")
        await settle(pilot)
        assert "5 to 8 of 12 mistakes" in painted(pilot)

    play("results", act, run=judged, size=(60, 20))


def test_where_the_model_looks_and_what_it_was_trained_on(judged, play, settle, asked):
    judged.split.write_text("")

    async def act(pilot):
        await pilot.press("s")
        await settle(pilot)
        said = words(pilot, "#main")
        assert "Grad-CAM for the predicted class" in said and "✖ cat" in said and "✔ cat" in said
        pairs = 4  # two beside each other, twice
        assert said.count("▀") == pairs * 2 * 8 * 6
        job, request = asked[-1]
        assert job == "saliency" and len(request["names"]) == pairs and request["device"] == "cpu"
        await pilot.press("a")
        await settle(pilot)
        said = words(pilot, "#main")
        assert said.count("▀") == 3 * 8 * 6 and "cat 70 %" in said and "[b]dog 30 %" in said
        assert asked[-1][0] == "augmented" and len(asked) == 2
        await pilot.press("s", "right", "o")  # there are no pages of these
        await settle(pilot)
        assert "Grad-CAM" in words(pilot, "#main") and len(asked) == 2  # what was seen is kept

    play("results", act, run=judged)


def test_training_images_need_no_predictions_but_data_that_were_read(make_run, play, settle, asked):
    run = make_run("unjudged")
    run.split.write_text("")

    async def act(pilot):
        await pilot.press("s")
        assert words(pilot, "#main") == ""
        await pilot.press("a")
        await settle(pilot)
        assert "▀" in words(pilot, "#main") and "No predictions" in words(pilot, "#headline")

    play("results", act, run=run)

    async def unread(pilot):
        await pilot.press("a")
        assert "a training" not in words(pilot, KeyFooter) and words(pilot, "#main") == ""

    play("results", unread, run=make_run("unread"))


def test_pictures_that_cannot_be_had_leave_their_reason(judged, play, settle, monkeypatch):
    def answer(self, topic, job, request, on_answer, *, on_progress=None, remember=True):
        pictures = [{"error": "gone"}] * len(request["names"])
        on_answer(ask.Answer(topic, request, {"pictures": pictures}))

    async def gone(pilot):
        await pilot.press("p")
        await settle(pilot)
        assert "gone" in words(pilot, "#main") and "▀" not in words(pilot, "#main")

    monkeypatch.setattr(ask.Asker, "ask", answer)
    play("results", gone, run=judged)

    def refuse(self, topic, job, request, on_answer, *, on_progress=None, remember=True):
        on_answer(ask.Answer(topic, request, None, "data set x: there is no [folder]\x1b"))

    async def refused(pilot):
        await pilot.press("p")
        await settle(pilot)
        assert "there is no [folder]␛" in words(pilot, "#main") and "…" in words(pilot, "#main")
        await pilot.press("s")
        await settle(pilot)
        assert words(pilot, "#main") == "data set x: there is no [folder]␛"

    monkeypatch.setattr(ask.Asker, "ask", refuse)
    play("results", refused, run=judged)


def test_real_pictures_come_from_the_jobs_process(make_run, play, settle):
    import time

    from PIL import Image

    run = make_run("with pictures", predictions=[("a/x.png", "a", "b")])
    folder = run.path.parent / "pictures"
    for name in ("a/x.png", "b/y.png"):
        (folder / name).parent.mkdir(parents=True)
        Image.new("RGB", (20, 20), (9, 99, 199)).save(folder / name)
    run = make_run(
        "with pictures",
        predictions=[("a/x.png", "a", "b")],
        dataset={"name": "p", "source": "vislab.engine.data.sources.folder:source", "path": str(folder)},
    )

    async def act(pilot):
        await pilot.press("p")
        until = time.monotonic() + 60
        while "▀" not in words(pilot, "#main") and time.monotonic() < until:
            await pilot.pause(0.05)
        assert words(pilot, "#main").count("▀") == 16 * 8

    play("results", act, run=run)


@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
def test_hostile_names_at_every_size(make_run, play, settle, asked, hostile, size):
    rows = [(hostile, hostile, "cat"), ("b", "cat", hostile), ("c", "cat", "cat")]
    run = make_run(hostile, predictions=rows, classes=(hostile, "cat"))

    async def act(pilot):
        for key in ("c", "m", "w", "p", "o", "s"):
            await pilot.press(key)
            await settle(pilot)
            assert "\x1b" not in painted(pilot)
        await pilot.press("w")
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert "␛[2J" in painted(pilot)

    play("results", act, size=size, run=run)


def test_wide_terminals_show_classes_and_confusions_beside_each_other(judged, play, settle):
    async def act(pilot):
        await settle(pilot)
        assert "precision" in words(pilot, "#main") and "predicted" in words(pilot, "#beside")
        line = next(line for line in painted(pilot).splitlines() if line.strip().startswith("class"))
        assert "predicted" in line
        await pilot.press("w")
        assert not pilot.app.screen.query_one("#beside").display

    play("results", act, size=(200, 60), run=judged)


def test_many_classes_are_listed_by_their_confusions(make_run, play):
    names = [f"class-{number:03d}" for number in range(100)]
    run = make_run("many", predictions=[(name, name, names[0]) for name in names], classes=tuple(names))

    async def act(pilot):
        await pilot.press("m")
        assert "no room for the confusion matrix" in words(pilot, "#main") and "class-001" in words(pilot, "#main")

    play("results", act, run=run)


def evaluated(run):
    return {
        "run": run.id,
        "weights": "best",
        "epoch": 2,
        "step": 9,
        "checkpoint": "best-9",
        "sha256": "ab",
        "tta": False,
        "data": {"name": "pets"},
        "role": "test",
        "selected_on_test": False,
        "images": 30,
        "accuracy": 0.9,
        "accuracy_interval": [0.7, 0.97],
        "top5": 1.0,
        "top5_interval": [0.8, 1.0],
        "macro_f1": 0.9,
        "weighted_f1": 0.9,
        "loss": 0.3,
        "calibration": {"error": 0.1, "bins": 15, "temperature": None, "why_not": "no", "fitted_on_evaluated": False},
        "classes": [{"name": "cat"}, {"name": "[red]dog"}],
        "confusion": [[9, 1], [2, 18]],
        "throughput": {"images_per_second": 10.0, "batch": 30, "reading_seconds": 0.1},
        "device_name": "cpu",
        "precision": "fp32",
        "time": 2e9,
    }


def test_later_evaluations_are_shown_one_after_the_other(judged, play):
    found = evaluated(judged)
    judged.results.mkdir(exist_ok=True)
    (judged.results / "evaluation-test.json").write_text(json.dumps(found))
    (judged.results / "evaluation-old.json").write_text('{"time": 1e9}')
    (judged.results / "evaluation-bad.json").write_text("{")

    async def act(pilot):
        await pilot.press("e")
        assert "evaluation-test.json" in words(pilot, "#main") and "(1 of 3" in words(pilot, "#main")
        assert "accuracy      0.9000 [0.70, 0.97]" in words(pilot, "#main") and "[red]dog" in words(pilot, "#main")
        for place in ("evaluation-old.json", "evaluation-bad.json"):
            await pilot.press("e")
            assert place in words(pilot, "#main") and "cannot be read" in words(pilot, "#main")
        await pilot.press("e", "c")
        assert "precision" in words(pilot, "#main") and "evaluation-test" not in words(pilot, "#main")

    play("results", act, run=judged)


def test_an_evaluation_is_wrapped_where_it_is_narrow(judged, play):
    judged.results.mkdir(exist_ok=True)
    found = evaluated(judged)
    found["calibration"]["why_not"] = "there are no validation images to fit it on, for the run held none out at all"
    (judged.results / "evaluation-a-name-of-a-data-set-that-is-long.json").write_text(json.dumps(found))
    (judged.results / "evaluation-test.json").write_text(json.dumps(found))

    async def act(pilot):
        await pilot.press("e")
        await pilot.pause()
        told = " ".join(painted(pilot).split())
        for whole in (
            "no temperature: there are no validation images to fit it on, for the run held none",
            "(1 of 2: e",
        ):
            assert whole in told
        assert "accuracy      0.9000 [0.70, 0.97]" in words(pilot, "#main"), "what has room stays as it is"

    for size in SIZES:
        play("results", act, run=judged, size=size)


def test_a_damaged_last_evaluation_says_so(judged, play):
    judged.results.mkdir(exist_ok=True)
    (judged.results / "test.json").write_text("{")

    async def act(pilot):
        await pilot.press("e")
        assert "test.json cannot be read: it is damaged" in words(pilot, "#main")

    play("results", act, run=judged)


def test_the_page_of_a_run_is_written(judged, make_run, play, settle, tmp_path, monkeypatch):
    file = tmp_path / "log.html"
    asked = []

    def written(words, settings):
        asked.append((words, settings.runs_dir))
        if len(asked) == 2:
            raise InputError("No room for [red].")
        file.write_text("<html>")

    monkeypatch.setattr(run_page, "run_command", written)

    async def export(pilot):
        await pilot.press("x")
        pilot.app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")

    async def act(pilot):
        for said in (f"Written: {file}", "No room for [red]."):
            replaces = file.exists()
            await export(pilot)
            await pilot.press(*["r"] * replaces)
            await settle(pilot)
            told = [notice.message for notice in pilot.app._notifications]
            assert told[-2:] == [f"Writing {file} …", said]
        assert asked[0] == (("export", "--html", str(file), "--", judged.id), judged.path.parent)

    play("results", act, run=judged)

    async def offered(pilot):
        assert "export" in {action.id for action in pilot.app.screen.actions_now()}

    play("results", offered, run=make_run("unjudged"))


def test_the_table_is_copied(judged, play):
    async def act(pilot):
        await pilot.press("Y", "t")
        assert pilot.app.clipboard.splitlines()[0].split("\t") == [
            *("class", "precision", "recall", "F1", "images", "predicted")
        ]
        assert pilot.app.clipboard.count("\n") == 4

    play("results", act, run=judged)


def test_without_predictions_there_is_a_sentence(make_run, play, history):
    run = make_run("unjudged")
    damaged = make_run("damaged")
    (damaged.path / "predictions.csv").write_text("nonsense")
    perfect = make_run("perfect", predictions=[("a", "cat", "cat")])
    gone = make_run("gone")
    delete(gone)

    async def act(pilot):
        assert "No predictions" in words(pilot, "#headline")
        await pilot.press("c", "m", "w", "p", "o", "right", "left")
        assert isinstance(pilot.app.screen, ResultsScreen) and words(pilot, "#main") == ""
        assert words(pilot, KeyFooter).endswith("q quit  : find  ? help")
        for key in ("?", ":", "Y"):
            await pilot.press(key)
            assert not isinstance(pilot.app.screen, ResultsScreen), key
            await pilot.press("escape")
        await pilot.press("q")
        assert pilot.app._exit

    play("results", act, run=run)

    async def never(pilot):
        assert "holds no images out for validation or test" in " ".join(words(pilot, "#headline").split())

    alone = make_run("alone", ())
    ended = RunEnded(status="done", reason="", step=9, epoch=1, elapsed=61.0, exit_code=0)
    alone.events.write_bytes(b"".join(map(encode, history([1.0], ended=ended))))
    play("results", never, run=alone)

    async def said(pilot):
        assert "damaged" in words(pilot, "#headline")

    play("results", said, run=damaged)

    async def deleted(pilot):
        assert "it was deleted or moved" in " ".join(words(pilot, "#headline").split())

    play("results", deleted, run=gone)

    async def nothing_wrong(pilot):
        await pilot.press("w")
        assert "Every image is judged right" in words(pilot, "#main")
        await pilot.press("p")
        assert "o shows them" in words(pilot, "#main")

    play("results", nothing_wrong, run=perfect)


@pytest.mark.parametrize(("size", "begun"), [((60, 20), "accuracy 0.6250 on"), ((80, 24), "accuracy 0.6250 [0.")])
def test_above_pictures_it_is_said_that_the_best_epoch_was_selected_on_the_images(make_run, play, asked, size, begun):
    rows = [(f"right {i}", "cat", "cat") for i in range(20)] + [(f"wrong {i}", "dog", "cat") for i in range(12)]
    run = make_run("chosen", predictions=rows, selected_on_test=True)

    async def act(pilot):
        assert "the best epoch was selected on them" in " ".join(words(pilot, "#headline").split())
        for key in "psa":
            await pilot.press(key)
            line = words(pilot, "#headline")
            assert line.startswith(begun) and line.endswith("on 32 test images, selected on them")

    play("results", act, run=run, size=size)
