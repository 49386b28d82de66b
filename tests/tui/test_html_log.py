import html
import re

import msgspec
import pytest

from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.engine.runs.events import DecisionMade, Notice, RunEnded, StepsLogged, TestFigures
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.state import Fold, fold
from vislab.engine.runs.store import Labels, create
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.spec import Spec
from vislab.tui.html import curves_svg
from vislab.tui.html_log import document, write_html
from vislab.tui.html_style import DARK, LIGHT
from vislab.tui.looks import Looks, Shown
from vislab.tui.views.results import results

LOSSES = ([0.9287, 0.6703, 0.3747], [0.826, 0.8762, 0.9306], [0.8436, 0.5731, 0.3776], [0.8667, 0.8667, 0.9])
TEST = TestFigures(role="test", images=1000, loss=0.31, accuracy=0.88, top5=0.99, macro_f1=0.87, weights="raw", epoch=3)
SPEC = Spec(
    name="a run",
    dataset=Dataset(name="animals"),
    architecture=Architecture(name="lenet5"),
    origins={"seed": "command line", "device": "schema default"},
)
HOSTILE = (
    "<script>alert(1)</script>[red]x[/red]\x1b[31mESC\x1b]8;;http://evil\x07</pre></style>&amp;\"'\u202e\udcff\r\n"
    + "y" * 100_000
)


def hostile_page(history) -> str:
    spec = Spec(
        name=HOSTILE,
        recipe=HOSTILE,
        dataset=Dataset(name=HOSTILE, path=HOSTILE.replace("\udcff", ""), options={"key": HOSTILE}),
        architecture=Architecture(name=HOSTILE),
        origins={"seed": HOSTILE, "recipe": "command line"},
    )
    events = history(*LOSSES, classes=(HOSTILE, "cat", "y" * 10_000), train_counts=(500, 20, 20))
    started = msgspec.structs.replace(events[0], environment={HOSTILE: HOSTILE}, split=HOSTILE)
    decision = DecisionMade(what=HOSTILE, choice=HOSTILE, why=HOSTILE)
    notice = Notice(level="error", topic=HOSTILE, text=HOSTILE)
    ended = RunEnded(status="failed", reason=HOSTILE, step=30, epoch=3, elapsed=6.0, exit_code=1)
    labels = Labels(name=HOSTILE, tags=(HOSTILE,), note=HOSTILE)
    state = fold([started, decision, notice, *events[1:], ended])
    return document(state, spec, run_id=HOSTILE, status="failed", labels=labels)


def test_a_hostile_run_is_inert(history, parsed) -> None:
    page = hostile_page(history)
    page.encode()
    read = parsed(page)
    assert "script" not in read.tags
    assert read.tags.count("style") == 1
    assert {"a", "img"}.isdisjoint(read.tags)
    assert all(not name.startswith("on") for name, _ in read.attributes)
    assert not any(ord(character) < 32 and character != "\n" for character in page)
    assert "\u202e" not in page
    assert "<script>alert(1)</script>[red]x[/red]␛[31mESC" in read.text, "shown as it is"
    assert len(page) < 200_000, "long text is bounded"


def test_nothing_is_fetched(history, parsed) -> None:
    for page in (hostile_page(history), document(fold(history(*LOSSES)), SPEC, run_id="id", status="training")):
        links = [value for name, value in parsed(page).attributes if name in ("src", "href", "srcset", "action")]
        assert links == ["data:,"]
        style = re.search("<style>(.*?)</style>", page, re.DOTALL)
        assert style is not None
        assert "url(" not in style[1]
        assert "@import" not in style[1]
        assert "default-src 'none'" in page


def test_says_what_was_run_and_what_came_out(history, parsed) -> None:
    decision = DecisionMade(what="device", choice="cuda:1", why="the free GPU with the most memory")
    notice = Notice(level="warning", topic="data", text="3 files could not be read")
    events = history(*LOSSES, epochs=3, test_counts=(300, 300, 400), val_counts=(10, 10, 10), test=TEST)
    state = fold([events[0], decision, notice, *events[1:]])
    labels = Labels(tags=("paper",), note="the baseline")
    words = re.sub(r"\s+", " ", parsed(document(state, SPEC, run_id="7f3a", status="done", labels=labels)).text)
    for part in (
        "✔ done",
        "animals · lenet5 · scratch",
        "best epoch 3 of 3 by validation accuracy: accuracy 0.9000 [0.74, 0.97], loss 0.3776",
        "test accuracy 0.8800 [0.858, 0.899] on 1,000 images",
        "tags: paper",
        "the baseline",
        "Few validation images: 30",
        "Compare runs only on the same images",
        "val loss: last 0.3776 at epoch 3, lowest 0.3776 at epoch 3, falling",
        "★ 3 │ 0.3747 0.9306 │ 0.3776 0.9000",
        "learning_rate 0.001",
        "seed 0 command line",
        "butterfly 400 10 300",
        "cuda:1 the free GPU with the most memory",
        "torch 2.14.1",
        "warning 3 files could not be read",
        "vislab run --like 7f3a",
        'name = "animals"',
    ):
        assert part in words, part


@pytest.mark.parametrize("name", ["name", "nan", "none", "one"])
def test_any_state_of_a_run_has_a_page(history, name: str) -> None:
    state = {
        "name": Fold().state(),
        "nan": fold(history([float("nan")] * 5, val_loss=[float("inf")] * 5)),
        "none": fold(history([1.0, 0.5])[:1]),
        "one": fold(history([1.0])),
    }[name]
    assert "<h1>a run</h1>" in document(state, SPEC, run_id="id", status="died")


def test_every_colour_is_legible(contrast) -> None:
    for palette in (LIGHT, DARK):
        for name, colour in palette.items():
            if name not in ("bg", "panel", "line"):
                assert contrast(colour, palette["bg"]) >= 4.5, name
                assert contrast(colour, palette["panel"]) >= 4.5, name


def test_every_colour_that_is_used_is_defined(history) -> None:
    page = document(fold(history(*LOSSES)), SPEC, run_id="id", status="done")
    used = set(re.findall(r"var\(--(\w+)\)", page))
    slots = {f"k{slot}" for slot in range(len(curves_svg.LIGHT))}
    assert {"c2", "c3", "c4", "c5", "c8", "k0", "k1"} <= used <= set(LIGHT) | slots
    assert LIGHT.keys() == DARK.keys()
    defined = {*LIGHT.values(), *DARK.values(), *curves_svg.LIGHT, *curves_svg.DARK}
    assert set(re.findall("#[0-9a-f]{6}", page)) <= defined


def test_write_html(history, tmp_path) -> None:
    run = create(tmp_path / "runs", SPEC)
    log = EventWriter(run.events)
    for event in history(*LOSSES, test=TEST):
        log.append(event)
    log.close()
    write_html(run, tmp_path / "log.html")
    page = (tmp_path / "log.html").read_text(encoding="utf-8")
    assert "✔ done" in page
    assert html.escape(f"vislab run --like {run.id}") in page


def test_results_and_pictures_stand_in_the_page(history, parsed) -> None:
    answers = [Prediction("1.png", HOSTILE, "cat", 0.9), Prediction("2.png", "cat", "cat", 0.8)]
    dot = Shown(1, 1, b"\0\0\0", ("cat", "✔ cat 80 %"), True)
    looks = Looks([dot], [], [(dot, dot)], "Grad-CAM", [dot], ["No pictures of mistakes: gone"])
    state = fold(history(*LOSSES, test=TEST))
    page = document(
        state, SPEC, run_id="id", status="done", answered=results(Predictions(answers), (HOSTILE, "cat")), looks=looks
    )
    words = parsed(page).text
    for part in ("Results on test images", "Confusion matrix", "Most confused", "Where the model looks", "Grad-CAM"):
        assert part in words
    assert "No pictures of mistakes: gone" in words and "Worst mistakes" not in words
    assert page.count("<img") == 4 and "<script" not in page and "\u202e" not in page


def test_a_damaged_file_of_predictions_does_not_hinder(history, tmp_path) -> None:
    run = create(tmp_path / "runs", SPEC)
    (run.path / "predictions.csv").write_text("nonsense")
    write_html(run, tmp_path / "log.html", Looks(faults=["No pictures: damaged"]))
    assert "No pictures: damaged" in (tmp_path / "log.html").read_text()


def test_what_was_drawn_keeps_its_lines_and_commands_go_on_in_the_next(history) -> None:
    page = document(fold(history(*LOSSES)), SPEC, run_id="7f3a", status="done")
    parts = re.findall(r'<pre id="[^"]+"( class="wrapped")? tabindex="0" role="region" aria-label="([^"]+)"', page)
    assert [label for wrapped, label in parts if wrapped] == ["commands"]
    assert {"table of epochs", "settings", "images a class"} <= {label for wrapped, label in parts if not wrapped}
    assert "pre.wrapped { white-space: pre-wrap" in page and "pre { white-space" not in page


def test_on_paper_the_terminal_s_curves_are_left_out_and_the_spec_is_open(history) -> None:
    page = document(fold(history(*LOSSES)), SPEC, run_id="7f3a", status="done")
    assert page.count('<details class="screen">') == 1 and "<summary>Curves as in the terminal" in page
    paper = page[page.index("@media print") :]
    assert ".screen { display: none; }" in paper and "details::details-content { content-visibility: visible" in paper


def test_a_short_run_draws_its_steps_and_tells_of_its_epochs(history, parsed) -> None:
    accuracy = {10: 0.8125, 9: 0.9844}  # of single batches
    events = [
        msgspec.structs.replace(event, accuracy=accuracy.get(event.step % 10 or 10, 0.5), loss=0.0)
        if isinstance(event, StepsLogged)
        else event
        for event in history([0.8, 0.6, 0.4], [0.70, 0.80, 0.8634], [0.8, 0.7, 0.6], steps_per_epoch=10)
    ]
    words = parsed(document(fold(events), SPEC, run_id="id", status="done")).text
    assert "train, mean over each logged interval" in words, "what is drawn"
    told = "each epoch's mean train", "last 0.8634 at epoch 3, highest 0.8634 at epoch 3, rising"
    assert f"{told[0]} accuracy: {told[1]}" in words, "the line ends elsewhere"
    assert f"{told[0]} loss: last 0.4000 at epoch 3, lowest 0.4000 at epoch 3, falling" in words
    longer = parsed(document(fold(history([0.8, 0.6, 0.5, 0.4])), SPEC, run_id="id", status="done")).text
    assert "train loss: last 0.4000 at epoch 4" in longer and told[0] not in longer


def test_the_best_epoch_has_a_star_and_words_in_both_figures(history, parsed) -> None:
    page = document(fold(history([0.8, 0.6, 0.4, 0.3], None, [0.8, 0.5, 0.6, 0.7])), SPEC, run_id="id", status="done")
    assert page.count("fill:var(--c3)") == 4, "one in each legend, one in each drawing"
    words = parsed(page).text
    assert "best epoch 2: val 0.5000" in words and "best epoch 2: val 0.6667" in words
    nan = float("nan")
    for losses, accuracies, stars in (
        (None, None, 0),  # nothing is judged
        ([nan] * 2, None, 0),  # nothing can be drawn
        ([0.8, nan], [0.1, 0.9], 2),  # the accuracy alone can: in the loss no star is explained that is not there
    ):
        page = document(fold(history([0.8, 0.6], None, losses, accuracies)), SPEC, run_id="id", status="done")
        assert page.count('<svg class="curves"') == 2
        assert page.count("fill:var(--c3)") == stars


def test_curves_say_what_could_not_be_drawn(history, parsed) -> None:
    nan, large = float("nan"), 1e300
    state = fold(history([nan] * 4, [nan] * 4, [nan, large, 0.4, nan], [nan] * 4))
    words = parsed(document(state, SPEC, run_id="id", status="done")).text
    assert "! 6 not finite, 1 too large to draw" in words and "! 8 not finite" in words
    assert "val loss: last 0.4000 at epoch 3, lowest 0.4000 at epoch 3, 2 not finite, 1 too large to draw" in words
    assert "no figure that can be drawn" in words and "no figures yet" not in words
    assert "not finite" not in parsed(document(fold(history(*LOSSES)), SPEC, run_id="id", status="done")).text
