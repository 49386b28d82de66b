import html
import re

import msgspec
import pytest

from vislab.engine.analysis.comparison import look
from vislab.engine.runs.events import DecisionMade, TestFigures, encode
from vislab.engine.runs.store import Labels, create
from vislab.presets.schema.spec import Spec
from vislab.tui.html_study import document
from vislab.tui.looks import Looks, Shown

HOSTILE = "<script>alert(1)</script>[red]x[/red]\x1b[31m</table>&amp;\"'\u202e=1+1"


@pytest.fixture
def make(tmp_path, history):
    def made(name, accuracies=(0.5, 0.7, 0.6), answers="", *, test=None, device="cpu", selected_on_test=False, **keys):
        run = create(tmp_path, msgspec.convert({"name": "x"} | keys, Spec), labels=Labels(name=name))
        figures = TestFigures(
            role="test", images=30, loss=0.1, accuracy=test or 0, top5=1, macro_f1=1, weights="raw", epoch=1
        )
        events = history(
            [1.0, 0.8, 0.5][: len(accuracies)],
            val_accuracy=list(accuracies),
            val_counts=(10, 10, 10),
            classes=("a", "b", HOSTILE),
            test=figures if test else None,
            selected_on_test=selected_on_test,
        )
        events.insert(1, DecisionMade(what="device", choice=device, why=""))
        run.events.write_bytes(b"".join(map(encode, events)))
        if answers:
            rows = [f"{i},a,{'a' if right == '1' else 'b'},0.5" for i, right in enumerate(answers)]
            (run.path / "predictions.csv").write_text("\n".join(["name,label,predicted,confidence", *rows, ""]))
        return look(run)

    return made


def test_says_what_was_run_what_came_out_and_how_to_run_it_again(make, parsed) -> None:
    runs = [
        make("cnn", (0.7, 0.8), "1111111000", recipe="r-cnn", architecture={"name": "cnn"}, test=0.7),
        make("transfer", (0.9, 0.967), "1111111110", recipe="r-t", architecture={"name": "base"}, test=0.95),
    ]
    page = document(
        runs, title="Study b", question="What does a base bring?", again=["vislab study b"], printed={"r-cnn": "0.8000"}
    )
    words = re.sub(r"\s+", " ", html.unescape(parsed(page).text))
    for part in (
        "Study b",
        "What does a base bring?",
        "2 of 2 runs done",
        "★ 0.9670 [0.83, 0.99]",
        "★ 0.9500",
        "What the report printed",
        "r-cnn: 0.8000",
        "seconds an epoch",
        "the same 10 images, each run against ●2 by McNemar's exact test",
        "Few validation images: 30",
        "Too few images to tell these apart",
        "transfer accuracy: last 0.9670 at epoch 2",
        "vislab study b",
        runs[0].run.id,
    ):
        assert part in words, part
    assert "All on cpu." in words
    elsewhere = parsed(document([runs[0], make("far", device="cuda:1")])).text
    assert "cuda:1" in elsewhere and "All on" not in elsewhere
    seeds = parsed(document([runs[0], make("a", seed=0), make("a", device="cuda:1", seed=1)])).text
    assert "cpu, cuda:1" in seeds and "All on" not in seeds
    assert (
        parsed(page).tags.count("svg") == 3 * 2 + 5 * 2 + 2 * 2 + 2
    )  # figures, markers and stars of legends, heat maps


def test_seeds_are_a_row_with_mean_and_deviation_and_a_row_each(make, parsed) -> None:
    runs = [
        make("a", (0.5, accuracy), seed=seed, architecture={"name": "a"}) for seed, accuracy in enumerate((0.7, 0.9))
    ]
    page = document([*runs, make("b", (0.4,), architecture={"name": "b"})])
    words = parsed(page).text
    assert "★ 0.8000 ± 0.1414" in words and "Every run" in words and page.count('class="band') == 2
    alone = parsed(document(runs)).text
    assert "mean ± standard deviation: validation accuracy 0.8000 ± 0.1414 over 2 runs" in alone


def test_what_curves_lack_is_told_run_by_run_and_figures_of_the_test_set_are_called_so(make, parsed) -> None:
    nan = float("nan")
    runs = [
        make("a", (0.5, nan)),
        make("b", (nan, nan, 0.5), strategy={"batch_size": 8}),
        make("c", strategy={"batch_size": 4}),
    ]
    assert "! ▪1 1 not finite · ●2 2 not finite" in parsed(document(runs)).text
    words = parsed(
        document([make("d", selected_on_test=True), make("e", selected_on_test=True, strategy={"batch_size": 8})])
    ).text
    assert "best test acc" in words and "test accuracy by epoch" in words and "val acc" not in words


def test_hostile_names_are_inert_and_nothing_is_fetched(make, parsed) -> None:
    runs = [
        make(HOSTILE, answers="110", recipe=HOSTILE, dataset={"name": HOSTILE}, strategy={"name": HOSTILE}),
        make(HOSTILE * 50, (), architecture={"name": HOSTILE}),
    ]
    page = document(runs, title=HOSTILE, question=HOSTILE, again=[HOSTILE], printed={HOSTILE: HOSTILE})
    read = parsed(page)
    assert {"script", "img"}.isdisjoint(read.tags) and read.tags.count("style") == 1
    assert all(not name.startswith("on") for name, _ in read.attributes)
    assert not any(ord(character) < 32 and character != "\n" for character in page) and "\u202e" not in page
    links = [value for name, value in read.attributes if name in ("src", "href", "xlink:href")]
    assert links[0] == "data:," and links[1:] and all(re.fullmatch(r"#[a-z]+-\d+", link) for link in links[1:])
    assert "url(" not in page and "@import" not in page and "default-src 'none'" in page
    assert "<script>alert(1)</script>[red]x[/red]␛[31m" in read.text


def test_each_run_is_a_folded_section_and_the_best_is_open(make, parsed) -> None:
    runs = [
        make("a", (0.5, accuracy), "110", seed=seed, architecture={"name": "a"})
        for seed, accuracy in enumerate((0.7, 0.9))
    ]
    dot = Shown(1, 1, b"\0\0\0", ("a", "✔ a 80 %"), True)
    best = make("b", (0.4, 0.95), "111", architecture={"name": "b"}, recipe="r", test=0.9)
    page = document([*runs, best], looks={best.run.id: Looks([dot], [dot])})
    read = parsed(page)
    identities = [value for name, value in read.attributes if name == "id"]
    assert len(identities) == len(set(identities))
    assert {value[1:] for name, value in read.attributes if name == "href" and value[0] == "#"} <= set(identities)
    first, second = page.split('<div id="run-')[1:]
    assert page.count('<details class="run">') == 1 and page.count('<details class="run" open>') == 1
    assert page.index('<details class="run">') < page.index('<details class="run" open>'), "b, which is the best"
    assert first.count('aria-label="table of epochs"') == 2 and "<summary>seed 1: " in first, "of every seed"
    for part in ("Confusion matrix", "What was run", "Environment", "images a class", "accuracy curve", "Run it again"):
        assert part in first and part in second, part
    assert second.count("<img") == 2 and "Worst mistakes" in second and "<img" not in first
    assert f"vislab export {runs[0].run.id} --html FILE" in first


def test_too_few_images_are_a_finding(make, parsed) -> None:
    runs = [make(name, (0.8, 0.8, 0.8), "1111111110", architecture={"name": name}) for name in "ab"]
    words = re.sub(r"\s+", " ", parsed(document(runs)).text)
    assert words.count("Too few images to tell these apart") == 1
    assert "Too few images to tell these apart" in words.split("Findings")[2].split("What was run")[0]
