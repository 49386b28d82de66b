import msgspec
import pytest

from vislab.engine.analysis.comparison import look
from vislab.engine.analysis.groups import Group
from vislab.engine.runs.events import DecisionMade, TestFigures, encode
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui.views import compare, compare_report
from vislab.tui.views.text import cells

HOSTILE = "[red]\x1b[2J<script>|`名" * 3


def sentences_of(runs):
    """The same-images test of each run against the best one."""
    return compare.group_test_lines([Group((run,)) for run in runs])


@pytest.fixture
def make(tmp_path, history):
    def made(name="x", accuracies=(0.5, 0.7, 0.6), answers="", *, data="f", test=False, **keys):
        run = create(tmp_path, msgspec.convert({"name": name} | keys, Spec))
        figures = TestFigures(
            role="test", images=30, loss=0.1, accuracy=accuracies[-1], top5=1, macro_f1=1, weights="raw", epoch=1
        )
        events = [
            *history(
                [1.0] * len(accuracies),
                val_accuracy=list(accuracies),
                val_counts=(10, 10, 10),
                classes=("a", "b", HOSTILE),
                test=figures if test else None,
            ),
            DecisionMade(what="data", choice=data, why=""),
        ]
        run.events.write_bytes(b"".join(map(encode, events)))
        if answers:
            lines = [f"{i},a,{'a' if right == '1' else 'b'},0.5" for i, right in enumerate(answers)]
            (run.path / "predictions.csv").write_text("\n".join(["name,label,predicted,confidence", *lines, ""]))
        return look(run)

    return made


def test_the_table_marks_the_best_and_names_what_differs(make):
    runs = [
        make("cnn", (0.7, 0.8), "1111111000", architecture={"name": "cnn"}, strategy={"batch_size": 8}),
        make("transfer", (0.9, 0.967), "1111111110", architecture={"name": "base", "parameters": 5}, test=True),
    ]
    lines = compare.table(runs, 140)
    assert lines[1].startswith("▪  cnn") and lines[2].startswith("●  transfer")
    assert "★ 0.9670 [0.83, 0.99]" in lines[2] and "★" not in lines[1].split("[")[0]
    assert "cnn, batch_size 8" in lines[1] and "base, batch_size" in lines[2]
    assert "parameters" not in lines[2] and "test acc" in lines[0]  # the size of the network follows from its name
    assert "test acc" not in compare.table(runs[:1], 200)[0]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_everything_fits_and_nothing_hostile_comes_through(make, width):
    runs = [make(HOSTILE * 30, (0.5, 0.6), "10" * 5, dataset={"name": HOSTILE}), make(HOSTILE * 30), make("c")]
    page = compare.page(runs, width)
    assert all(cells(line) <= max(width, 60) for line in compare.table(runs, width))
    everything = "\n".join([*page, compare_report.markdown(runs), *compare.words(runs, "loss")])
    assert "\x1b" not in everything
    assert "<script>" not in compare_report.markdown(runs).replace("\\<", "")


def test_runs_of_one_name_are_told_apart_by_their_ids(make):
    runs = [make("same"), make("same"), make("other")]
    titles = compare.titles(runs)
    assert titles[2] == "other" and titles[0] == f"{runs[0].run.id[-4:]} same" != titles[1]


def test_curves_differ_by_colour_and_marker_and_can_go_by_time(make):
    runs = [make(f"r{index}") for index in range(9)]
    made = compare.curves(runs, "accuracy", "epoch")
    assert len({(curve.marker, curve.colour) for curve in made}) == 9
    assert len({curve.marker for curve in made[:8]}) == 8 and len({curve.colour for curve in made[:7]}) == 7
    assert list(made[0].xs) == [1, 2, 3] and list(made[0].ys) == [0.5, 0.7, 0.6]
    assert list(compare.curves(runs, "loss", "time")[0].xs) == [2.0, 4.0, 6.0]
    assert compare.x_range(runs, "epoch") == (1.0, 3.0) and compare.x_range(runs, "time") == (0.0, 6.0)
    assert compare.legend(made[0], "accuracy") == "r0 last 0.600 best 0.700"
    assert compare.words(runs, "accuracy")[0].startswith("▪ r0 accuracy: last 0.6000 at epoch 3, highest 0.7000")


def test_a_run_without_validation_shows_its_training(tmp_path, history):
    run = create(tmp_path, msgspec.convert({"name": "t"}, Spec))
    run.events.write_bytes(b"".join(map(encode, history([1.0, 0.5]))))
    (curve,) = compare.curves([look(run)], "loss", "epoch")
    assert curve.name == "t (train)" and list(curve.ys) == [1.0, 0.5]
    empty = look(create(tmp_path, msgspec.convert({"name": "new"}, Spec)))
    assert compare.legend(compare.curves([empty], "loss", "epoch")[0], "loss") == "new (train) no figures"
    assert compare.x_range([empty], "epoch") == (1.0, max(2.0, empty.spec.strategy.epochs and 2.0))
    assert compare.x_range([empty], "time") == (0.0, 1.0)


def test_the_same_images_test_speaks_in_sentences(make):
    runs = [make("a", (0.9,), "1" * 7 + "0"), make("b", (0.3,), "0" * 6 + "11"), make("c", (0.2,), "0" * 8)]
    lines = sentences_of(runs)
    assert lines[0].startswith("the same 8 images, each run against ▪ by McNemar's exact test (p adjusted for 2 tests")
    assert lines[1] == "only ▪ right 6, only ● right 1: p = 0.12, not shown to differ"
    assert lines[2] == "only ▪ right 7, only ▲ right 0: p = 0.031, ▪ is better on these images"
    assert sentences_of(runs[:1]) == []


def test_without_a_test_there_is_its_reason(make):
    lines = sentences_of([make("a", (0.9,), "11"), make("b", (0.3,), "111"), make("c", (0.2,))])
    assert any("● against ▪: No same-images test: the runs were judged by different images" in line for line in lines)
    assert any("▲ against ▪: No same-images test: there are no predictions" in line for line in lines)
    other = sentences_of([make("a", (0.9,), "11"), make("b", (0.3,), "11", data="g")])
    assert any("different fingerprints" in line for line in other)


def test_differences_and_classes_are_tables_or_lists(make):
    runs = [make("a", (0.9,), "1100", seed=1), make("b", (0.3,), "1111", seed=2)]
    assert compare.differences(runs) == (["setting", "▪ a", "● b"], [["seed", "1", "2"]])
    assert compare.difference_lines(runs, 80)[1].split() == ["seed", "1", "2"]
    assert compare.difference_lines(runs, 10) == ["seed", "  ▪ 1", "  ● 2"]
    assert compare.difference_lines(runs[:1] * 2, 80) == ["The settings of these runs do not differ."]
    heads, rows = compare.per_class(runs)
    assert heads[:2] == ["F1 of class", "images"] and rows[0] == ["a", "4", "0.6667", "★ 1.0000"]
    assert len(rows) == 3 and "▪" in compare.per_class_lines(runs, 24)[0]
    assert "no predictions" in compare.per_class_lines([make("c")], 80)[0]


def test_the_report_holds_everything_as_markdown(make):
    runs = [make("a|b", (0.9,), "1100", seed=1), make("*c*", (0.3,), "1111", seed=2)]
    words = compare_report.markdown(runs)
    for part in ("# Comparison of a\\|b, \\*c\\*", "| setting |", "## By class", runs[0].run.id, "McNemar"):
        assert part in words
    rows = [line for line in words.splitlines() if line.startswith("| ▪ |")]
    assert rows and rows[0].replace("\\|", "").count("|") == words.splitlines()[2].count("|")
