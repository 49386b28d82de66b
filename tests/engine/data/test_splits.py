from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vislab.engine.data.source import ArrayImages, Role, Source
from vislab.engine.data.splits import Split, load, make_split, save
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy
from vislab.presets.split_text import split_shares


def make_source(labels, roles=None, groups=None) -> Source:
    labels = np.asarray(labels, dtype=np.int64)
    classes = tuple(f"class {i}" for i in range(max(int(labels.max()) + 1, 1)))
    return Source(
        classes=classes,
        labels=labels,
        images=ArrayImages({"all": np.zeros((len(labels), 1, 1, 1), dtype=np.uint8)}),
        roles=None if roles is None else np.asarray(roles, dtype=np.int8),
        groups=None if groups is None else np.asarray(groups),
    )


def parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def assert_partition(pieces: list[np.ndarray], whole: np.ndarray) -> None:
    for piece in pieces:
        assert piece.dtype == np.int64
        assert (np.diff(piece) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate(pieces)), whole)


def assert_stratified(source: Source, pieces: list[np.ndarray], shares: list[float]) -> None:
    pool = np.concatenate(pieces)
    for label in np.unique(source.labels[pool]):
        total = (source.labels[pool] == label).sum()
        for piece, share in zip(pieces, shares, strict=True):
            assert abs((source.labels[piece] == label).sum() - share * total) < 1


class_sizes = st.lists(st.integers(4, 40), min_size=2, max_size=8)
seeds = st.integers(0, 2**63 - 1)


@st.composite
def labels(draw, sizes=class_sizes):
    counts = draw(sizes)
    ordered = np.repeat(np.arange(len(counts)), counts)
    return ordered[np.random.default_rng(draw(st.integers(0, 99))).permutation(len(ordered))]


@settings(max_examples=60, deadline=None)
@given(labels(), st.sampled_from(["80/20", "50/50", "80/10/10", "34/33/33", "60.5/20/19.5"]), seeds)
def test_a_ratio_divides_into_a_stratified_partition(labels, ratio, seed) -> None:
    source = make_source(labels)
    split = make_split(source, Strategy(split=ratio), seed)
    pieces = [piece for piece in parts(split) if len(piece)]
    shares = [float(share) for share in split_shares(ratio)]
    assert_partition(parts(split), np.arange(len(labels)))
    assert_stratified(source, parts(split)[: len(shares)], shares)
    assert len(pieces) <= len(shares)
    assert set(np.unique(labels)) == set(np.unique(source.labels[split.train]))
    again = make_split(source, Strategy(split=ratio), seed)
    for mine, other in zip(parts(split), parts(again), strict=True):
        np.testing.assert_array_equal(mine, other)


@settings(max_examples=30, deadline=None)
@given(labels(), seeds)
def test_totals_keep_to_the_shares_over_many_classes(labels, seed) -> None:
    split = make_split(make_source(labels), Strategy(split="80/20"), seed)
    assert abs(len(split.validation) - 0.2 * len(labels)) <= 1


@settings(max_examples=40, deadline=None)
@given(labels(st.lists(st.integers(5, 30), min_size=1, max_size=6)), st.integers(2, 5), seeds)
def test_folds_partition_the_data_and_are_stratified(labels, folds, seed) -> None:
    source = make_source(labels)
    validations = []
    for fold in range(1, folds + 1):
        split = make_split(source, Strategy(folds=folds, fold=fold), seed)
        assert_partition([split.train, split.validation], np.arange(len(labels)))
        validations.append(split.validation)
    assert_partition(validations, np.arange(len(labels)))
    assert_stratified(source, validations, [1 / folds] * folds)


@st.composite
def grouped(draw):
    group_labels = draw(st.lists(st.integers(0, 3), min_size=16, max_size=40))
    sizes = draw(st.lists(st.integers(1, 6), min_size=len(group_labels), max_size=len(group_labels)))
    # Four groups of each class, so that each division is possible.
    group_labels = [0, 1, 2, 3] * 4 + group_labels
    sizes = [3] * 16 + sizes
    return np.repeat(group_labels, sizes), np.repeat([f"patient {i}" for i in range(len(sizes))], sizes)


@settings(max_examples=40, deadline=None)
@given(
    grouped(), st.sampled_from([Strategy(split="80/20"), Strategy(split="60/20/20"), Strategy(folds=3, fold=2)]), seeds
)
def test_a_group_is_never_divided(labels_and_groups, strategy, seed) -> None:
    labels, groups = labels_and_groups
    source = make_source(labels, groups=groups)
    split = make_split(source, strategy, seed)
    assert_partition(parts(split), np.arange(len(labels)))
    owners = [set(groups[piece]) for piece in parts(split)]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]
    assert len(split.train) and len(split.validation)


def test_group_shares_are_near_where_groups_are_small() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(500), 4)
    labels = np.repeat(rng.integers(0, 5, 500), 4)
    split = make_split(make_source(labels, groups=groups), Strategy(split="80/10/10"), 1)
    for piece, share in zip(parts(split), (0.8, 0.1, 0.1), strict=True):
        for label in range(5):
            assert abs((labels[piece] == label).sum() - share * (labels == label).sum()) <= 4


def test_seeds_differ() -> None:
    source = make_source(np.arange(200) % 4)
    first, second = (make_split(source, Strategy(split="80/20"), seed) for seed in (0, 1))
    assert not np.array_equal(first.validation, second.validation)


TRAIN, VALIDATION, TEST = Role.TRAIN, Role.VALIDATION, Role.TEST


def test_official_parts_are_kept() -> None:
    roles = np.repeat([TEST, TRAIN, VALIDATION], 20)
    split = make_split(make_source(np.arange(60) % 2, roles), Strategy(), 0)
    for piece, role in zip(parts(split), (TRAIN, VALIDATION, TEST), strict=True):
        np.testing.assert_array_equal(piece, np.flatnonzero(roles == role))
    assert not split.selected_on_test


def test_official_without_validation_holds_out_a_tenth_of_train() -> None:
    roles = np.repeat([TRAIN, TEST], [100, 30])
    source = make_source(np.arange(130) % 5, roles)
    split = make_split(source, Strategy(), 0)
    np.testing.assert_array_equal(split.test, np.arange(100, 130))
    assert_partition([split.train, split.validation], np.arange(100))
    assert_stratified(source, [split.train, split.validation], [0.9, 0.1])
    assert "10 %" in split.description


def test_official_without_any_parts_is_80_20_and_says_so() -> None:
    split = make_split(make_source(np.arange(100) % 5), Strategy(), 0)
    assert (len(split.train), len(split.validation), len(split.test)) == (80, 20, 0)
    assert "no parts were published" in split.description and "80/20" in split.description


@pytest.mark.parametrize("split_by", ["official", "80/20"])
def test_validation_on_the_test_part_holds_nothing_out_of_train(split_by) -> None:
    roles = np.repeat([TRAIN, VALIDATION, TEST], [50, 10, 20])
    split = make_split(make_source(np.arange(80) % 2, roles), Strategy(split=split_by, validation="test"), 0)
    np.testing.assert_array_equal(split.train, np.arange(60))
    np.testing.assert_array_equal(split.validation, np.arange(60, 80))
    np.testing.assert_array_equal(split.test, np.arange(60, 80))
    assert split.selected_on_test
    assert "selected on the test set" in split.description


@pytest.mark.parametrize(("split_by", "train"), [("official", 80), ("80/20", 80), ("80/10/10", 90)])
def test_validation_on_a_test_part_that_was_not_published(split_by, train) -> None:
    split = make_split(make_source(np.arange(100) % 5), Strategy(split=split_by, validation="test"), 0)
    assert len(split.train) == train
    np.testing.assert_array_equal(split.validation, split.test)
    assert_partition([split.train, split.test], np.arange(100))
    assert split.selected_on_test


def test_none_trains_on_every_labelled_image() -> None:
    split = make_split(make_source([0, 1, -1, 0, 1], [TRAIN, TEST, TEST, VALIDATION, TRAIN]), Strategy(split="none"), 0)
    np.testing.assert_array_equal(split.train, [0, 1, 3, 4])
    assert len(split.validation) == len(split.test) == 0


def test_unlabelled_images_are_in_no_part() -> None:
    labels = np.r_[np.arange(40) % 2, np.full(10, -1)]
    split = make_split(make_source(labels), Strategy(split="80/10/10"), 0)
    assert_partition(parts(split), np.arange(40))


def test_two_shares_leave_the_published_test_part_and_three_do_not() -> None:
    source = make_source(np.arange(100) % 2, np.repeat([TRAIN, TEST], [80, 20]))
    two = make_split(source, Strategy(split="80/20"), 0)
    np.testing.assert_array_equal(two.test, np.arange(80, 100))
    assert len(two.validation) == 16
    three = make_split(source, Strategy(split="80/10/10"), 0)
    assert_partition(parts(three), np.arange(100))
    assert len(three.test) == 10 and three.test.min() < 80


@settings(max_examples=40, deadline=None)
@given(labels(), st.integers(1, 60), seeds)
def test_limit_thins_each_role_by_class(labels, limit, seed) -> None:
    source = make_source(labels)
    whole = make_split(source, Strategy(split="60/20/20"), seed)
    split = make_split(source, Strategy(split="60/20/20", limit=limit), seed)
    for thin, full in zip(parts(split), parts(whole), strict=True):
        assert len(thin) == min(limit, len(full))
        assert np.isin(thin, full).all()
        for label in np.unique(labels[full]):
            exact = (labels[full] == label).sum() * len(thin) / len(full)
            assert abs((labels[thin] == label).sum() - exact) < 1


def test_limit_keeps_validation_and_test_the_same_when_selected_on_test() -> None:
    source = make_source(np.arange(100) % 2, np.repeat([TRAIN, TEST], [50, 50]))
    split = make_split(source, Strategy(validation="test", limit=10), 0)
    np.testing.assert_array_equal(split.validation, split.test)
    assert len(split.test) == 10


SIX = np.arange(6) % 2


@pytest.mark.parametrize(
    ("source", "strategy", "words"),
    [
        (make_source(SIX), {"split": "80/30"}, "sums to 110 %"),
        (make_source(SIX), {"split": "80/20/0"}, "more than 0 %"),
        (make_source(SIX), {"split": "most"}, "must be official, none, or percentages"),
        (make_source(SIX), {"split": "100"}, "must be official, none, or percentages"),
        (make_source(SIX), {"folds": 3, "fold": 4}, "strategy.fold = 4"),
        (make_source(SIX), {"folds": 1}, "at least 2 folds"),
        (make_source(SIX), {"folds": 5}, '"class 0" has too few images: 3'),
        (make_source([0, 0, 0, 1]), {"split": "80/20"}, '"class 1" has too few images: 1'),
        (make_source(SIX), {"split": "none", "validation": "test"}, "no test part"),
        (make_source(SIX), {"folds": 2, "validation": "test"}, "folds"),
        (make_source(SIX, [TRAIN] * 6), {"validation": "test"}, "no labelled test images"),
        (make_source(SIX, [TEST] * 6), {}, "no labelled training image"),
        (make_source(SIX, [TEST] * 6), {"split": "80/20"}, "every labelled image is in the test part"),
        (make_source([0, 1, 1], [TRAIN, TEST, TEST]), {"split": "official", "validation": "test"}, '"class 1"'),
        (make_source([0, 0]), {"split": "90/10"}, "too few to divide into 90/10 %"),
        (make_source([-1, -1]), {}, "no labelled image"),
        (make_source(SIX, groups=["a"] * 6), {"split": "80/20"}, "1 groups cannot be divided"),
        (make_source(SIX, groups=["a", "b"] * 3), {"split": "80/20"}, "its groups all fell to other parts"),
    ],
)
def test_impossible_splits_are_named(source, strategy, words) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        make_split(source, msgspec.convert(strategy, Strategy), 0)


def test_saved_splits_load_the_same(tmp_path: Path) -> None:
    source = make_source(np.r_[np.arange(40) % 4, -1])
    for strategy in (Strategy(split="60/20/20"), Strategy(validation="test"), Strategy(split="none")):
        split = make_split(source, strategy, 3)
        save(split, tmp_path / "split.csv", source)
        loaded = load(tmp_path / "split.csv", source)
        for mine, other in zip(parts(split), parts(loaded), strict=True):
            np.testing.assert_array_equal(mine, other)
            assert other.dtype == np.int64
        assert loaded.selected_on_test == split.selected_on_test
    assert [path.name for path in tmp_path.iterdir()] == ["split.csv"]


def test_a_split_of_an_earlier_version_holds_the_bytes_of_a_class(tmp_path: Path) -> None:
    source = make_source(np.arange(40) % 4)
    path = tmp_path / "split.csv"
    save(make_split(source, Strategy(), 0), path, source)
    path.write_bytes(path.read_bytes().replace(b"class 0", b"caf\xe9"))
    assert len(load(path, replace(source, classes=(r"caf\xe9", *source.classes[1:]))).train)


def test_a_changed_data_set_is_noticed_when_a_split_is_loaded(tmp_path: Path) -> None:
    source = make_source(np.arange(40) % 4)
    path = tmp_path / "split.csv"
    save(make_split(source, Strategy(), 0), path, source)
    with pytest.raises(InputError, match="the data set has changed"):
        load(path, make_source(np.arange(20) % 4))
    with pytest.raises(InputError, match='"all/00000" was of class "class 0"'):
        load(path, replace(source, labels=(source.labels + 1) % 4))
    path.write_text("index,name,label,role\n0,all/00000\n")
    with pytest.raises(InputError, match="line 2: not a line of a split"):
        load(path, source)
