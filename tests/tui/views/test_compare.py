import math
import tracemalloc
from dataclasses import replace

import msgspec
import pytest

from vislab.engine.analysis.comparison import look
from vislab.engine.analysis.groups import Group
from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.engine.runs.events import DecisionMade, RunEnded, TestFigures, encode
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui.views import compare, compare_legend, compare_report, compare_table, wall_time
from vislab.tui.views.run import features_words
from vislab.tui.views.spec import sections
from vislab.tui.views.text import MISSING, cells

HOSTILE = "[red]\x1b[2J<script>|`名" * 3


def sentences_of(runs):
    """The same-images test of each run against the best one."""
    return compare.group_test_lines([Group((run,)) for run in runs])


def table(runs, width):
    """A line of titles and a line a run."""
    return compare_table.lines(compare.columns([Group((run,)) for run in runs]), width)


@pytest.fixture
def make(tmp_path, history):
    def made(
        name="x",
        accuracies=(0.5, 0.7, 0.6),
        answers="",
        *,
        data="f",
        test=False,
        end="done",
        epochs=0,
        split=(),
        more=(),
        selected_on_test=False,
        **keys,
    ):
        run = create(tmp_path, msgspec.convert({"name": name} | keys, Spec))
        figures = TestFigures(
            role="test",
            images=30,
            loss=0.1,
            accuracy=accuracies[-1],
            top5=1,
            macro_f1=1,
            weights="raw",
            epoch=1,
            weighted_f1=0.9,
            calibration_error=0.25,
        )
        events = [
            *history(
                [1.0] * len(accuracies),
                val_accuracy=list(accuracies),
                val_counts=(10, 10, 10),
                classes=("a", "b", HOSTILE),
                test=figures if test else None,
                epochs=epochs,
                selected_on_test=selected_on_test,
            ),
            DecisionMade(what="data", choice=data, why=""),
            *more,
        ]
        if not test:
            last = events[-2 - len(more)]
            events.append(RunEnded(status=end, reason="", step=last.step, epoch=1, elapsed=last.elapsed, exit_code=0))
        if split:
            run.split.write_text("\n".join(["index,name,label,role", *split, ""]))
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
    lines = table(runs, 140)
    assert lines[1].startswith("▪1  cnn") and lines[2].startswith("●2  transfer")
    assert "★ 0.9670 [0.83, 0.99]" in lines[2] and "★" not in lines[1].split("[")[0]
    assert "cnn, batch_size 8" in lines[1] and "base, batch_size" in lines[2]
    assert "parameters" not in lines[2] and "test acc" in lines[0]  # the size of the network follows from its name
    assert "test acc" not in table(runs[:1], 200)[0]
    heads, rows = compare_report.csv_rows(runs)
    places = [heads.index(f"test_{name}") for name in ("macro_f1", "weighted_f1", "calibration_error")]
    assert [[row[place] for place in places] for row in rows] == [["", "", ""], ["1.0", "0.9", "0.25"]]


def test_what_nearly_all_rows_share_stands_behind_what_tells_them_apart(make):
    runs = [make("a", dataset={"name": "digits"}, strategy={"epochs": count}) for count in (3, 30, 300, 4000)]
    alike = Group((make("b", dataset={"name": "svhn"}, strategy={"epochs": 3}),))
    told = compare_table.differs_in([*(Group((run,)) for run in runs), alike])
    assert told == [*(f"epochs {count}, digits" for count in (3, 30, 300, 4000)), "epochs 3, svhn"]
    told = compare_table.differs_in([*(Group((run,)) for run in runs[:2]), alike])
    assert told == ["digits, epochs 3", "digits, epochs 30", "svhn, epochs 3"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_everything_fits_and_nothing_hostile_comes_through(make, width):
    runs = [make(HOSTILE * 30, (0.5, 0.6), "10" * 5, dataset={"name": HOSTILE}), make(HOSTILE * 30), make("c")]
    page = compare.page(runs, width)
    assert all(cells(line) <= max(width, 60) for line in table(runs, width))
    everything = "\n".join([*page, compare_report.markdown(runs), *compare.group_words(compare.arranged(runs), "loss")])
    assert "\x1b" not in everything
    assert "<script>" not in compare_report.markdown(runs).replace("\\<", "")


def test_runs_of_one_name_are_told_apart_by_their_ids(make):
    runs = [make("same"), make("same"), make("other")]
    titles = compare.titles(runs)
    assert titles[2] == "other" and titles[0] == f"{runs[0].run.id[-4:]} same" != titles[1]


def curves_of(runs, quantity):
    """A curve a run."""
    return [band.mean for band in compare.group_curves([Group((run,)) for run in runs], quantity)]


def test_curves_differ_by_colour_and_marker(make):
    runs = [make(f"r{index}") for index in range(9)]
    made = curves_of(runs, "accuracy")
    assert len({(curve.marker, curve.colour) for curve in made}) == 9
    assert len({curve.marker for curve in made}) == 9 and len({curve.colour for curve in made[:7]}) == 7
    assert list(made[0].xs) == [1, 2, 3] and list(made[0].ys) == [0.5, 0.7, 0.6]
    assert compare.x_range(runs, "epoch") == (1.0, 3.0) and compare.x_range(runs, "time") == (0.0, 6.0)
    assert compare.group_words(compare.arranged(runs), "accuracy")[0].startswith(
        "▪1 r0 accuracy: last 0.6000 at epoch 3, highest 0.7000"
    )


def test_the_curve_of_repeats_is_their_mean_and_ends_with_the_shortest(make):
    runs = [make("a", accuracies, seed=seed) for seed, accuracies in enumerate([(0.2, 0.4, 0.9), (0.4, 0.8)])]
    (band,) = compare.group_curves([Group(tuple(runs))], "accuracy")
    assert (list(band.mean.xs), list(band.mean.ys)) == ([1, 2], pytest.approx([0.3, 0.6]))
    assert (list(band.low), list(band.high), band.runs) == ([0.2, 0.4], [0.4, 0.8], 2)
    (alone,) = compare.group_curves([Group((runs[0],))], "accuracy")
    assert list(alone.mean.ys) == list(alone.low) == list(alone.high) == [0.2, 0.4, 0.9] and alone.runs == 1


def test_the_mean_of_infinite_losses_of_both_signs_is_a_gap(make):
    runs = [make("a", (0.2, loss_is)) for loss_is in (math.inf, -math.inf)]
    (band,) = compare.group_curves([Group(tuple(runs))], "loss")
    assert band.mean.ys[0] == pytest.approx(0.8) and math.isnan(band.mean.ys[1])


def test_curves_are_drawn_anew_when_an_epoch_has_ended_or_runs_stand_apart(make):
    run = make("a", (0.2, 0.4))
    longer = replace(run, state=make("a", (0.2, 0.4, 0.9)).state)
    again = replace(run, state=make("a", (0.2, 0.5)).state)  # the last epoch once more
    same, trains = replace(run, state=make("a", (0.2, 0.4)).state), replace(run, status="training")
    assert compare.drawn_of([Group((run,))]) == compare.drawn_of([Group((same,))])
    assert len({compare.drawn_of([Group((one,))]) for one in (run, longer, again, trains)}) == 4
    # One that is given another learning rate while it trains repeats the other no longer.
    assert compare.drawn_of([Group((run, same))]) != compare.drawn_of([Group((run,)), Group((same,))])


def test_a_legend_says_as_much_of_all_curves_as_has_room(make):
    runs = [make("cnn", (0.5, 0.7, 0.6)), make("transfer", (0.9, 0.95, 0.95))]
    by_epoch = curves_of(runs, "accuracy")
    points = wall_time.by_time([Group((run,)) for run in runs], by_epoch)
    forms = (
        ("1 cnn last 0.600 best 0.700 e2", "2 transfer last 0.950 best 0.950 e2"),
        ("1 last 0.600 best 0.700 e2", "2 last 0.950 best 0.950 e2"),
        ("1 best 0.700 e2", "2 best 0.950 e2"),
        ("1 cnn", "2 transfer"),
        ("1", "2"),
    )
    rooms = [sum(cells(name) + 4 for name in form) for form in forms]
    for form, room, longer in zip(forms, rooms, [200, *rooms], strict=False):
        for cells_free in (room, longer - 1):
            named = compare_legend.named(points, by_epoch, "accuracy", cells_free)
            assert tuple(curve.name for curve in named) == form
            assert [list(curve.xs) for curve in named] == [[2.0, 4.0, 6.0]] * 2
    (loss,) = compare_legend.named(*[curves_of(runs[:1], "loss")] * 2, "loss", 80)
    assert loss.name == "1 cnn last 0.400 best 0.300 e2"


def test_markers_that_repeat_are_told(make):
    runs = [make(str(batch), strategy={"batch_size": batch}) for batch in range(8, 8 + 25)]
    told = "from ▪25 on markers repeat, in other colours: the number tells rows apart"
    assert told in compare.notes(compare.arranged(runs))
    assert not any("repeat" in note for note in compare.notes(compare.arranged(runs[:24])))


def test_a_title_tells_run_by_run_what_is_missing(make, tmp_path):
    runs = [make("a", (0.5, 0.7)), make("b", (float("nan"), 0.5)), make("c", (1.0, 1.0))]
    runs.append(look(create(tmp_path, msgspec.convert({"name": "d"}, Spec))))
    accuracy, loss = (curves_of(runs, quantity) for quantity in ("accuracy", "loss"))

    def titled(curves, width=80, **more):
        return compare_legend.titled("it", curves, width, **{"x_range": (1.0, 2.0)} | more)

    assert titled(accuracy[:1]) == "it"
    assert titled(accuracy) == "it  ! ●2 1 not finite · ◆4 no figures yet"
    assert titled(accuracy, x_range=(2.0, 2.0)) == "it  ! ◆4 no figures yet"
    assert titled(loss, log_y=True) == "it  ! ●2 1 not finite · ▲3 2 not above 0 · ◆4 no figures yet"
    assert titled(loss, 40, log_y=True) == "it  ! ●2 ▲3 ◆4 incomplete"
    title = compare_legend.titled("validation loss", loss[1:2], 30, x_range=(1.0, 2.0))
    assert title == "val loss  ! ●2 1 not finite"
    names = [curve.name for curve in compare_legend.named(loss, loss, "loss", 40, log_y=True)]
    assert [name[0] for name in names] == ["1", "2"], "the others have no point"
    among = [Group((run,)) for run in runs]
    assert compare.group_words(among, "loss", log_y=True)[2].endswith("2 not above 0")
    assert "not above 0" not in compare.group_words(among, "loss")[2]


def test_figures_of_the_test_set_are_called_so(make):
    on_test = [make("a", seed=seed, selected_on_test=True) for seed in (0, 1)] + [
        make("b", selected_on_test=True, strategy={"batch_size": 8}, data="g")
    ]
    among = compare.arranged(on_test)
    assert compare.curve_title(among, "loss").startswith("test loss") and "best test acc" in compare.columns(among)
    assert "best test acc" in compare.repeats(among)[0] and not any("val" in title for title in compare.columns(among))
    assert "no star for best test acc, test loss: the runs were judged by different images" in compare.notes(among)
    assert "best test accuracy 0.7000 ± 0.0000" in compare.spread_line(on_test[:2])
    mixed = compare.arranged([*on_test, make("c", strategy={"batch_size": 4})])
    assert compare.curve_title(mixed, "loss").startswith("validation/test loss")
    assert compare.columns(mixed)["val/test loss"] == ["test 0.3000 ± 0.0000", "test 0.3000", "val 0.3000"]
    assert [cell.split()[0] for cell in compare.columns(mixed)["best val/test acc"]] == ["test", "test", "val"]
    assert compare.repeats(mixed)[1][0][-2] == "test 0.7000 [0.52, 0.83]"
    tested = compare.arranged([make("d", selected_on_test=True, test=True), make("e", test=True, seed=1)])
    assert compare.columns(tested)["test acc"] == ["0.6000†", "0.6000"]
    told = "† selected on the test set{}: figures of the best epochs are too high"
    assert told.format(" (▪1, ●2)") in compare.group_test_lines(mixed)
    assert told.format("") in compare.group_test_lines(among), "all of them"


def test_a_run_without_validation_shows_its_training(tmp_path, history):
    run = create(tmp_path, msgspec.convert({"name": "t"}, Spec))
    run.events.write_bytes(b"".join(map(encode, history([1.0, 0.5]))))
    (curve,) = curves_of([look(run)], "loss")
    assert curve.name == "1 t (train)" and list(curve.ys) == [1.0, 0.5]
    assert compare_legend.names(curve, "loss") == [
        "1 t (train) last 0.500 best 0.500 e2",
        "1 (train) last 0.500 best 0.500 e2",
        "1 (train) best 0.500 e2",
        "1 t (train)",
        "1",
    ]
    empty = look(create(tmp_path, msgspec.convert({"name": "new"}, Spec)))
    assert compare_legend.names(curves_of([empty], "loss")[0], "loss")[0] == "1 new no figures"
    assert compare.x_range([empty], "epoch") == (1.0, max(2.0, empty.spec.strategy.epochs and 2.0))
    assert compare.x_range([empty], "time") == (0.0, 1.0)


def test_the_same_images_test_speaks_in_sentences(make):
    runs = [make("a", (0.9,), "1" * 7 + "0"), make("b", (0.3,), "0" * 6 + "11"), make("c", (0.2,), "0" * 8)]
    lines = sentences_of(runs)
    assert lines[0].startswith("the same 8 images, each run against ▪1 by McNemar's exact test (p adjusted for 2 tests")
    assert lines[1] == "only ▪1 right 6, only ●2 right 1: p = 0.12, not shown to differ"
    assert lines[2] == "only ▪1 right 7, only ▲3 right 0: p = 0.031, ▪1 is better on these images"
    assert sentences_of(runs[:1]) == []


def test_without_a_test_there_is_its_reason(make):
    lines = sentences_of([make("a", (0.9,), "11"), make("b", (0.3,), "111"), make("c", (0.2,))])
    assert any("●2 against ▪1: No same-images test: the runs were judged by different images" in line for line in lines)
    assert any("▲3 against ▪1: No same-images test: there are no predictions" in line for line in lines)
    other = sentences_of([make("a", (0.9,), "11"), make("b", (0.3,), "11", data="g")])
    assert any("of ●2 has another fingerprint than that of ▪1" in line for line in other)


def test_differences_and_classes_are_tables_or_lists(make):
    runs = [make("a", (0.9,), "1100", seed=1), make("b", (0.3,), "1111", seed=2)]
    among = [Group((run,)) for run in runs]
    assert compare.differences(among) == (["setting", "▪1 a", "●2 b"], [["seed", "1", "2"]])
    assert compare.difference_lines(among, 80)[1].split() == ["seed", "1", "2"]
    assert compare.difference_lines(among, 10) == ["seed", "  ▪1 1", "  ●2 2"]
    assert compare.difference_lines(among[:1] * 2, 80) == ["The settings of these runs do not differ."]
    heads, rows = compare.per_class(runs)
    assert heads[:2] == ["F1 of class", "images"] and rows[0] == ["a", "4", "0.6667", "★ 1.0000"]
    assert len(rows) == 3 and "▪1 a" in compare.per_class_lines((heads, rows), 80)[0]
    told, _, first, *_ = narrow = compare.per_class_lines((heads, rows), 30)  # in two tables below each other
    assert told == "further down: ●2" and first.endswith("▪1") and narrow[7].endswith("●2")
    assert narrow[8].endswith("★ 1.0000") and max(map(cells, narrow)) <= 30
    assert "no predictions" in compare.per_class_lines(compare.per_class([make("c")]), 80)[0]


def test_the_report_holds_everything_as_markdown(make):
    runs = [make("a|b", (0.9,), "1100", seed=1), make("*c*", (0.3,), "1111", seed=2)]
    words = compare_report.markdown(runs)
    for part in ("# Comparison of a\\|b, \\*c\\*", "| setting |", "## By class", runs[0].run.id, "McNemar"):
        assert part in words
    rows = [line for line in words.splitlines() if line.startswith("| ▪1 |")]
    assert rows and rows[0].replace("\\|", "").count("|") == words.splitlines()[2].count("|")


def lines_of(runs):
    among = compare.arranged(runs)
    return compare_table.lines(compare.columns(among), 250), compare.notes(among)


def features(source, *, seconds=15.3, whole=0.0, **more):
    computed = {"computed": 180, "from the cache": 0}[source]
    details = {"images": 180, "computed": computed, "seconds": seconds} | ({"computing": whole} if whole else {}) | more
    return DecisionMade(what="features", choice="once per image", why="", details=details)


def test_the_pass_of_a_frozen_network_counts_in_the_total_and_is_told(make):
    cnn = make("cnn", architecture={"name": "cnn"})
    computed = make("computed", more=[features("computed")], architecture={"name": "a"})
    cached = make("cached", more=[features("from the cache", seconds=0.5, whole=9.5)], architecture={"name": "b"})
    unknown = make("old", more=[features("from the cache", seconds=0.5)], architecture={"name": "c"})
    assert [run.seconds for run in (cnn, computed, cached, unknown)] == [6.0, 21.3, 15.5, 6.5]
    (heads, *rows), notes = lines_of([cnn, computed, cached, unknown])
    assert "of it features" in heads and "★ 6.0 s" in rows[0] and "21 s" in rows[1] and "16 s" in rows[2]
    assert "of it features" not in lines_of([cnn, cnn])[0][0]
    assert not any("★" in row.split("6.0 s")[-1] for row in rows[:1])  # no speed has a star: the others' leaves it out
    assert "no star for s/epoch, img/s of ●2, ▲3, ◆4: epochs on features leave the frozen part out" in notes
    assert "●2 trains on features: its total holds 15 s for them (computed), s/epoch and img/s do not" in notes
    assert "▲3 trains on features: its total holds 9.5 s for them (from the cache), s/epoch and img/s do not" in notes
    assert any("(from the cache; what computing them took is not known)" in note for note in notes)
    assert any("medians" in note for note in notes)
    changed = make("changed", more=[features("computed", until=8)], architecture={"name": "d"})
    told = "●2 trained on features until step 8: its total holds 15 s for them (computed), s/epoch and img/s do not"
    assert told in lines_of([cnn, changed])[1]
    quick = make("quick", more=[features("from the cache", seconds=0.5, whole=0.4)])
    assert features_words(quick.state) == " + 0.5 s for features, from the cache", "known, though soon computed"
    assert features_words(computed.state) == " + 15 s for features, computed"
    assert features_words(cached.state) == " + 9.5 s for features, from the cache" and features_words(cnn.state) == ""
    (taken,) = wall_time.by_time([Group((computed,))], curves_of([computed], "accuracy"))
    assert taken.xs[0] == pytest.approx(17.3)
    assert "feature_seconds" in compare_report.csv_rows([computed])[0]


def test_only_runs_that_are_done_have_a_star_for_cost(make):
    runs = [make("a", end="failed"), make("b"), make("c", (0.5,) * 9, seed=1, architecture={"name": "c"})]
    (_, *rows), notes = lines_of(runs)
    assert "★ 6.0 s" in rows[1] and "★" not in rows[0].split("0.3000")[1]
    assert "no star for total of ▪1: not done" in "\n".join(notes) or "s/epoch, total, img/s of ▪1: not done" in str(
        notes
    )


def test_many_classes_of_several_data_sets_take_no_room_for_what_is_not_seen(make):
    def judged(run, kind, classes=1000):
        rows = [Prediction(f"{kind}{i}", f"{kind} {i}", f"{kind} {i // 2}", 0.5) for i in range(classes)]
        return replace(run, predictions=Predictions(rows), answered_on=kind)

    runs = [judged(make(kind, (0.9,)), kind) for kind in "pqrs"]
    tracemalloc.start()
    figures = compare.per_class(runs)
    made = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    lines = compare.per_class_lines(figures, 60)
    shown = [lines[place] for place in range(20)]
    drawn = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert made < 5e6, "a matrix of 4,000 classes would take 128 MB a run"
    assert drawn < 1e5, "of 8,000 lines"
    assert len(lines) > 8000 and shown[0] == "further down: ◆4" and lines[-1].startswith("no star, images beside")
    assert max(map(cells, lines[:-1])) <= 60


def test_classes_whose_names_share_a_beginning_are_told_apart(make):
    rows = [Prediction(str(i), f"class {'of many words ' * 4}{i}", "a", 0.5) for i in range(9)]
    runs = [replace(make(name, (0.9,)), predictions=Predictions(rows)) for name in "ab"]
    lines = compare.per_class_lines(compare.per_class(runs), 60)
    assert [line.split("  ")[0][-7:] for line in lines if line.startswith("class")] == [f"words {i}" for i in range(9)]


def test_figures_on_other_images_have_no_star_and_the_classes_their_own_counts(make):
    runs = [make("a", (0.9,), "1100"), make("b", (0.8,), "110", data="g", architecture={"name": "b"})]
    (_, *rows), notes = lines_of(runs)
    assert (
        "★ 0.9" not in rows[0]
        and "no star for best val acc, val loss: the runs were judged by different images" in notes
    )
    assert compare.curve_title(compare.arranged(runs), "accuracy") == "validation accuracy (different images)"
    heads, rows = compare.per_class(runs)
    assert (
        "images" not in heads and rows[0] == ["a", "0.6667 of 4", "0.8000 of 3"] and rows[1][1:] == [MISSING, MISSING]
    )
    assert "different ones" in compare.per_class_lines((heads, rows), 80)[-1]


def test_losses_of_different_functions_have_no_star(make):
    runs = [make("a", (0.9,)), make("b", (0.8,), strategy={"loss": "focal"})]
    (_, *rows), notes = lines_of(runs)
    assert "★ 0.9000" in rows[0] and "★ 0.1000" not in rows[0]
    assert "no star for val loss: the runs have different losses" in notes
    among = compare.arranged(runs)
    assert compare.curve_title(among, "loss", log=True) == "validation loss, log (different losses)"
    assert compare.curve_title(among, "accuracy") == "validation accuracy"
    smoothed = make("c", (0.8,), strategy={"label_smoothing": 0.1})  # validation reports the loss without
    assert "★ 0.1000" in lines_of([runs[0], smoothed])[0][1]


def test_images_are_the_same_by_the_rows_of_the_split(make):
    rows = ["0,x,a,validation", "1,y,a,train"]
    runs = [
        make("a", (0.9,), split=rows),
        make("b", (0.8,), split=[*rows[:1], "1,y,a,test"], architecture={"name": "b"}),
    ]
    assert runs[0].validated_on == runs[1].validated_on and "★ 0.9" in lines_of(runs)[0][1]
    other = make("c", (0.8,), split=["1,y,a,validation"], architecture={"name": "c"})
    both = make("d", (0.8,), split=["0,x,a,validation+test"], architecture={"name": "d"})
    assert len({run.validated_on for run in (*runs, other)}) == 2 and both.validated_on == runs[0].validated_on
    assert "★ 0.9" not in lines_of([*runs, other])[0][1]


def test_folds_of_one_recipe_are_not_starred_against_each_other(make):
    runs = [
        make("a", (0.7 + fold / 10,), split=[f"{fold},x{fold},a,validation"], strategy={"folds": 2, "fold": fold})
        for fold in (1, 2)
    ]
    (_, *rows), notes = lines_of(runs)
    assert not any("★ 0." in row for row in rows) and any("different images" in note for note in notes)


def test_a_mean_is_told_of_one_setting_alone_and_of_several_seeds(make):
    a, b = make("a", (0.9,)), make("b", (0.8,), architecture={"name": "b"})
    again, seed = make("a", (0.9,)), make("a", (0.7,), seed=1)
    for runs in ([a, b], [a, again], [a, again, seed]):
        assert "mean ±" not in compare_report.markdown(runs), runs
    assert "0.8000 ± 0.1414 over 2 runs" in compare_report.markdown([a, seed])
    assert [line.split("  ")[0] for line in lines_of([a, again, seed])[0]][1:] == ["▪1", "●2"]


def test_some_repeats_that_show_a_difference_settle_nothing_and_one_statement_says_so(make):
    runs = [
        make(name, (accuracy,), "1" * right + "0" * (12 - right), seed=seed, architecture={"name": name})
        for seed in (0, 1)
        for name, accuracy, right in (("a", 0.9, 12), ("b", 0.5, 2 if seed else 11))
    ]
    lines = compare.group_test_lines(compare.arranged(runs))
    assert lines[1].endswith("not settled: shown to be better is ▪1 in 1 of 2 repeats")
    assert "▪1 is not shown to be better than ●2 in each of 2 repeats." in lines[2]
    sure = [run for run in runs if run.spec.seed]
    assert compare.group_test_lines(compare.arranged(sure))[1].endswith("▪1 is better on these images")


def test_the_seeds_that_a_test_is_of_are_named_where_others_are_left_out(make):
    runs = [make("a", (0.8,), "1" * 12, seed=seed) for seed in (0, 1, 2)]
    runs += [make("b", (0.5,), "0" * 12, seed=seed, architecture={"name": "b"}) for seed in (0, 3)]
    runs += [make("c", (0.5,), "0" * 12, seed=seed, architecture={"name": "c"}) for seed in (0, 1, 2)]
    _, b, c = compare.group_test_lines(compare.arranged(runs))[:3]
    assert b.endswith("▪1 is better on these images; this is of seed 0 alone, untested: seeds 1, 2 of ▪1; seed 3 of ●2")
    assert c.endswith("▪1 is better in each of 3 repeats")
    folds = [
        make("d", (0.5,), "01", seed=seed, strategy={"folds": 2, "fold": fold}) for fold in (1, 2) for seed in (0, 1)
    ]
    other = make("e", (0.4,), "00", architecture={"name": "e"}, strategy={"folds": 2, "fold": 2})
    assert "this is of seed 0 alone, untested: seeds 0 (fold 1), 1 (fold 1), 1 (fold 2) of" in "\n".join(
        compare.group_test_lines(compare.arranged([*folds, other]))
    )


def test_seeds_that_have_read_other_data_are_told_beside_their_mean(make):
    runs = [make("a", seed=1), make("a", seed=2, data="g"), make("b", seed=1), make("b", seed=2)]
    assert [note for note in compare.notes(compare.arranged(runs)) if "same data" in note] == [
        f"the runs of ▪1 {compare_table.OTHER_DATA}"
    ]
    assert compare.spread_line(runs[:2]).endswith(f"over 2 runs; they {compare_table.OTHER_DATA}")
    assert compare.spread_line(runs[2:]).endswith("over 2 runs")


def test_rows_have_numbers_and_looks_of_their_own():
    looks = {(compare.marker(index), compare.colour(index)) for index in range(60)}
    assert len(looks) == 60 and len({compare.marker(index) for index in range(12)}) == 12
    assert len(set(compare.labels(60))) == 60 and compare.label(1) == "●2"
    sentence = f"{', '.join(compare.labels(120))} and ●0, ▪{'9' * 5000}"
    assert [found[0] for found in compare.LABEL.finditer(sentence)] == compare.labels(120)


def test_every_seed_of_a_row_is_among_what_differs(make):
    three = Group(tuple(make("a", (0.9,), seed=seed) for seed in range(3)))
    again = Group(tuple(make("b", (0.8,), seed=seed, device="cpu") for seed in range(3)))
    assert compare.differences([three, Group((make("c", (0.5,), seed=7),))])[1] == [["seed", "0, 1, 2", "7"]]
    assert compare.differences([three, again])[1] == [["device", "auto", "cpu"]]


def test_published_sizes_are_no_settings(make):
    runs = [make("a", architecture={"parameters": 61_706}), make("a", architecture={"parameters": 0})]
    assert compare.differences([Group((run,)) for run in runs])[1] == [] and "61706" not in "".join(
        str(sections(run.spec)) for run in runs
    )


def test_the_axis_of_epochs_ends_with_what_was_trained_once_the_runs_have_ended(make):
    stopped = make("a", (0.5,) * 52, end="stopped", epochs=4000)
    assert compare.x_range([stopped], "epoch") == (1.0, 52.0)
    assert compare.x_label([stopped]) == "epoch, 4,000 planned"
    assert compare.x_range([stopped], "epoch", 0) == (1.0, 4000.0) and compare.x_label([stopped], 0) == "epoch"
    assert compare.x_range([stopped], "epoch", 10) == (43.0, 52.0)
    live = replace(stopped, status="training")
    assert compare.x_range([live], "epoch") == (1.0, 75.0)
