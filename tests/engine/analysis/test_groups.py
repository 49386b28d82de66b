from dataclasses import replace

import msgspec
import pytest

from vislab.engine.analysis import groups
from vislab.engine.analysis.comparison import look
from vislab.engine.analysis.same_images import images_to_show, mcnemar
from vislab.engine.runs.events import encode
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec


@pytest.fixture
def make(tmp_path, history):
    def made(name, accuracy, answers="", *, seed=0, folds=0, fold=1, first=0):
        keys = {"name": name, "seed": seed, "strategy": {"folds": folds, "fold": fold}, "architecture": {"name": name}}
        run = create(tmp_path, msgspec.convert(keys, Spec))
        figures = [] if accuracy is None else [accuracy]
        run.events.write_bytes(b"".join(map(encode, history([1.0] * len(figures), val_accuracy=figures))))
        if answers:
            rows = [f"{first + i},a,{'a' if right == '1' else 'b'},0.5" for i, right in enumerate(answers)]
            (run.path / "predictions.csv").write_text("\n".join(["name,label,predicted,confidence", *rows, ""]))
        return look(run)

    return made


def test_runs_that_differ_in_seed_and_fold_only_are_one_group_with_mean_and_deviation(make):
    runs = [make("b", 0.7, seed=1), make("a", 0.5), make("b", 0.9), make("b", None, seed=2)]
    b, a = groups.groups(runs)
    assert [run.spec.seed for run in b.runs] == [0, 1, 2] and b.repeated and not a.repeated
    spread = b.spread(lambda run: run.accuracy)
    assert (spread.mean, spread.runs) == (pytest.approx(0.8), 2)
    assert spread.deviation == pytest.approx(0.02**0.5)  # n - 1: sqrt((0.1^2 + 0.1^2) / 1)
    assert a.spread(lambda run: run.accuracy) == (0.5, None, 1)
    assert b.total(lambda run: run.accuracy) == pytest.approx(1.6)
    assert a.spread(lambda run: run.test_accuracy) is None is a.total(lambda run: run.test_accuracy)
    assert groups.winner([b, a]) == 0


def test_folds_are_put_together_and_seeds_are_tested_one_by_one(make):
    runs = []
    for name, right in (("a", "1" * 5), ("b", "0" * 5)):
        for seed in (0, 1):
            runs += [make(name, 0.9, right, seed=seed, folds=2, fold=fold, first=5 * fold) for fold in (1, 2)]
    (pair,) = groups.tests_against(groups.groups(runs), 0)
    assert [(row.repeat, row.test.images, row.test.only_a) for row in pair.tests] == [
        ((0, 0), 10, 10),
        ((1, 0), 10, 10),
    ]
    assert pair.tests[0].test.p == pytest.approx(2 * mcnemar(10, 0)) and pair.shown


def test_folds_that_judged_the_same_images_are_repeats(make):
    runs = [make(name, 0.9, "10" * 3, folds=2, fold=fold) for name in "ab" for fold in (1, 2)]
    (pair,) = groups.tests_against(groups.groups(runs), 0)
    assert [row.repeat for row in pair.tests] == [(0, 1), (0, 2)] and not pair.shown


def test_a_fold_that_one_group_lacks_does_not_count(make):
    runs = [make("a", 0.9, "11", folds=2, fold=fold, first=2 * fold) for fold in (1, 2)]
    runs += [make("b", 0.9, "11", folds=2, fold=1, first=2), make("b", None, folds=2, fold=2)]
    (pair,) = groups.tests_against(groups.groups(runs), 0)
    assert [row.test.images for row in pair.tests] == [2]
    other = [make("c", 0.9, "11", seed=7), make("c", 0.9, "11", seed=8)]
    (pair,) = groups.tests_against(groups.groups([*runs[:2], *other]), 0)
    assert "no seed and fold in common" in pair.refused and not pair.shown


def test_too_few_images_are_said_with_how_many_would_do(make):
    among = groups.groups([make("a", 0.9, "1" * 8 + "00"), make("b", 0.7, "1" * 6 + "0100"), make("c", 0.0, "0" * 10)])
    found = groups.not_told_apart(among, groups.tests_against(among, 0), "ABC")
    assert "on 10 images A is not shown to be better than B." in found.text and "--folds 5" in found.remedy
    assert f"about {images_to_show(10, 1, 0)} images would show A and B to differ" in found.text
    sure = groups.groups([make("d", 0.9, "1" * 20), make("e", 0.1, "0" * 20)])
    assert groups.not_told_apart(sure, groups.tests_against(sure, 0), "DE") is None
    assert groups.not_told_apart(sure, [], "DE") is None
    folded = groups.groups([make(name, 0.9, right, folds=2) for name, right in (("a", "11"), ("b", "10"))])
    assert "folds" not in groups.not_told_apart(folded, groups.tests_against(folded, 0), "AB").remedy


def test_other_seeds_are_advised_only_where_there_are_none(make):
    def remedy(seeds_of_a, seeds_of_b):
        runs = [make("a", 0.9, "1" * 8 + "00", seed=seed) for seed in range(seeds_of_a)]
        runs += [make("b", 0.7, "1" * 6 + "0100", seed=seed) for seed in range(seeds_of_b)]
        among = groups.groups(runs)
        return groups.not_told_apart(among, groups.tests_against(among, 0), "AB").remedy

    assert "--seeds 3" in remedy(1, 1) and "--seeds 3" in remedy(2, 1)
    assert remedy(3, 3) == "Validate on more images, on every image in turn (--folds 5)."


@pytest.mark.parametrize(("only_a", "only_b"), [(6, 1), (10, 4), (3, 2), (40, 31)])
def test_so_many_images_show_the_difference_and_half_of_them_do_not(only_a, only_b):
    needed = images_to_show(100, only_a, only_b)
    assert mcnemar(round(only_a * needed * 1.3 / 100), round(only_b * needed * 1.3 / 100)) < 0.05
    assert mcnemar(round(only_a * needed * 0.5 / 100), round(only_b * needed * 0.5 / 100)) > 0.05
    assert images_to_show(100, only_a, only_a) == 0


def test_repeats_of_one_seed_stand_alone_and_are_tested_as_others_are(make):
    runs = [make("a", 0.7, "1100"), make("a", 0.7, "1100"), make("b", 0.9, "1111")]
    among = groups.groups(runs)
    assert [len(group.runs) for group in among] == [1, 1, 1]
    assert [len(pair.tests) for pair in groups.tests_against(among, groups.winner(among))] == [1, 1]
    seeds = groups.groups([runs[0], make("a", 0.5, seed=1), runs[1]])
    assert [[run.spec.seed for run in group.runs] for group in seeds] == [[0, 1], [0]]


def test_runs_that_are_not_done_do_not_count_beside_those_that_are(make):
    stopped = replace(make("a", 0.1, seed=1), status="stopped")
    (group,) = groups.groups([replace(make("a", 0.9), status="done"), stopped])
    assert group.repeated and len(group.counted) == 1 and group.spread(lambda run: run.accuracy) == (0.9, None, 1)
    assert len(groups.groups([stopped, replace(make("a", 0.3, seed=2), status="failed")])[0].counted) == 2
    twice = groups.groups([stopped, group.first, replace(stopped, status="done")])
    assert [[run.status for run in one.runs] for one in twice] == [["done", "done"], ["stopped"]]


def test_the_others_are_tested_against_the_best_of_those_that_answered_the_same_images(make):
    answered = [make("a", 0.5, "1100"), make("b", 0.6, "1110")]
    among = groups.groups([*answered, make("stopped", 0.9), make("elsewhere", 0.95, "11", first=50)])
    assert groups.winner(among) == 1
    assert [len(pair.tests) for pair in groups.tests_against(among, 1)] == [1, 0, 0]
