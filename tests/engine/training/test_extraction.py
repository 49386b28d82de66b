"""The frozen part runs once an image, and training is as if it had run in every epoch."""

import errno
import shutil

import pytest

from vislab.engine.analysis.cost import feature_pass
from vislab.engine.cache import Cache
from vislab.engine.data import pixel_entries
from vislab.engine.models.split import Split
from vislab.engine.training import compiling, extraction, features
from vislab.engine.training.compile_probing import CompileChoice
from vislab.engine.training.extraction import DECISION, EACH_EPOCH, KIND, ONCE

# Batches and parts of 16 and more: there kernels round an image's features alike, whatever the batch.
WHOLE_BATCHES = {"options": {"train": 48, "validation": 16, "test": 17, "size": 16}}
TRANSFER = {"freeze": "backbone", "epochs": 2, "batch_size": 16, "ema": 0.9, "drop_rate": 0.5}
LENET = {"name": "lenet", "build": "vislab.engine.models.lenet:build"}
MAP = {"name": "map", "build": "vislab.engine.models.lenet:build", "head": "vislab.engine.models.heads:study_b"}
AUGMENT = {"augment": ["rotation(degrees=20)", "horizontal_flip"]}


@pytest.fixture
def make(make_run):
    """Makes runs of transfer; strategy and architecture over the small ones above."""

    def make(strategy=None, architecture=LENET, **keys):
        keys = {"dataset": WHOLE_BATCHES, "preprocessing": {"image_size": 16}} | keys
        return make_run(strategy=TRANSFER | (strategy or {}), architecture=architecture, **keys)

    return make


@pytest.fixture
def seen(monkeypatch):
    """Images that the frozen part saw without the head, batch by batch."""
    counts = []
    features = Split.features

    def counted(self, model, images):
        counts.append(len(images))
        return features(self, model, images)

    monkeypatch.setattr(Split, "features", counted)
    return counts


def decided(run):
    return next(made for made in reversed(run.state().decisions) if made.what == DECISION)


@pytest.fixture
def small_shards(monkeypatch):
    for module in (extraction, features):
        monkeypatch.setattr(module, "SHARD", 32)


@pytest.mark.parametrize(
    ("architecture", "precision", "memory_format"),
    [
        (LENET, "fp32", "contiguous"),
        (LENET, "bf16", "channels_last"),
        (MAP, "fp32", "channels_last"),
        (MAP, "bf16", "contiguous"),
    ],
    ids=["vector", "vector-bf16", "map", "map-bf16"],
)
def test_features_give_the_run_that_the_whole_network_gives_bit_for_bit(
    make, train, trained, seen, architecture, precision, memory_format
):
    keys = {"architecture": architecture, "precision": precision, "memory_format": memory_format}
    whole, once = make(**keys, cache_features=False), make(**keys)
    assert train(whole) == 0
    assert seen == []
    assert train(once) == 0
    assert sum(seen) == 16 + 16 + 96  # two trials of the cut; 81 images, the last batch filled up
    assert (decided(whole).choice, decided(once).choice) == (EACH_EPOCH, ONCE)
    assert decided(once).details["images"] == decided(once).details["computed"] == 81
    expected = trained(whole)
    assert trained(once) == expected
    assert expected["test"].images == 17


def test_features_differ_by_rounding_alone_where_batches_are_small(make_run, train, trained):
    keys = {"strategy": TRANSFER | {"batch_size": 8, "ema": 0.0, "drop_rate": 0.0}}  # 42 images: the last batch has two
    whole, once = make_run(**keys, cache_features=False), make_run(**keys)
    assert train(whole) == train(once) == 0
    assert decided(once).choice == ONCE
    for epochs in zip(trained(whole)["epochs"], trained(once)["epochs"], strict=True):
        assert epochs[1]["train_loss"] == pytest.approx(epochs[0]["train_loss"], rel=1e-5)
        assert epochs[1]["val_loss"] == pytest.approx(epochs[0]["val_loss"], rel=1e-5)


def test_views_are_what_the_first_epochs_would_show(make, train, trained):
    anew, views = make(AUGMENT), make(AUGMENT | {"cached_views": 2})
    again, again_whole = make(AUGMENT | {"cached_views": 1}), make(AUGMENT | {"cached_views": 1}, cache_features=False)
    for run in (anew, views, again, again_whole):
        assert train(run) == 0
    assert decided(anew).choice == EACH_EPOCH and "draws anew" in decided(anew).why
    assert decided(views).details["images"] == 2 * 48 + 16 + 17
    assert trained(views) == trained(anew)
    assert trained(again) == trained(again_whole) != trained(anew)
    for run in (again, again_whole):
        assert "another experiment" in next(said.text for said in run.state().notices if said.topic == "cached views")
    assert decided(again).details["computed"] == 0  # its view is the first of the two


def test_another_run_finds_them_in_the_cache_however_its_images_are_divided(make, train, seen):
    # No official parts: the same images, divided otherwise.
    dataset = {"options": {"train": 60, "validation": 0, "test": 0, "size": 16}}
    runs = [make({"folds": 3, "fold": fold}, dataset=dataset) for fold in (1, 2)]
    assert train(runs[0]) == 0
    seen.clear()
    assert train(runs[1]) == 0
    assert sum(seen) == 32  # to find out where to cut
    first, second = map(decided, runs)
    assert "from the cache" in second.why and "computing them all took" in second.why
    assert 0 < second.details["computing"] <= first.details["seconds"] and "computing" not in first.details
    assert feature_pass(runs[1].state()).seconds >= second.details["computing"]


def test_views_of_another_size_are_other_features_and_ones_own_augmentation_is_known_by_what_it_does(
    make, make_spec, train, tmp_path
):
    pooled = {"name": "small", "build": make_spec().architecture.build}  # its features have one shape at every size

    def computed(folder, size, axis=-1):
        file = tmp_path / folder / "mirror.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"def mirrored(images, draws):\n    return images.flip({axis})\n")
        sizes = {"image_size": size, "store_size": 16}
        strategy = {"augment": [f"{file}:mirrored"], "cached_views": 1, "epochs": 1, "drop_rate": 0.0}
        run = make(strategy, pooled, preprocessing=sizes)
        assert train(run) == 0
        return decided(run).details["computed"]

    assert computed("here", 16) == 48 + 16 + 17
    assert computed("here", 12) == 48 + 16 + 17
    assert computed("there", 16) == 0
    assert computed("there", 16, axis=-2) == 48


def test_other_weights_other_pixels_other_precision_are_other_features(make, train):
    for keys in ({}, {"seed": 1}, {"dataset": {"options": {"train": 49, "size": 16}}}, {"precision": "bf16"}):
        run = make(**keys)
        assert train(run) == 0
        assert decided(run).details["computed"] == decided(run).details["images"]


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_what_was_taken_before_an_interruption_is_not_taken_again(make, train, trained, interrupt, small_shards, how):
    whole, cut = make(cache_features=False), make()
    assert train(whole) == 0
    code = interrupt(cut, lambda phase, step, epoch, done: phase == "features" and done >= 40, how)
    assert code == (None if how == "kill" else 130)
    assert train(cut) == 0
    assert decided(cut).details["computed"] == 81 - 32
    assert trained(cut) == trained(whole)


def test_a_run_resumed_while_its_head_trains_takes_the_same_features_again(
    make, train, trained, interrupt, settings, seen
):
    whole, cut = make(cache_features=False), make(checkpoint_every="2steps")
    assert train(whole) == 0
    assert interrupt(cut, lambda phase, step, epoch, done: phase == "training" and step == 3, "kill") is None
    shutil.rmtree(settings.cache_dir)
    seen.clear()
    assert train(cut) == 0
    assert sum(seen) == 32 + 96
    assert trained(cut) == trained(whole)
    assert [made.what for made in cut.state().decisions].count(DECISION) == 1


def test_a_run_that_cannot_have_them_any_more_says_since_when(make, train, trained, interrupt, settings, monkeypatch):
    whole, cut = make(cache_features=False), make(checkpoint_every="2steps")
    assert train(whole) == 0
    assert interrupt(cut, lambda phase, step, epoch, done: phase == "training" and step == 3, "kill") is None
    before, taken = decided(cut), feature_pass(cut.state())
    shutil.rmtree(settings.cache_dir)
    object.__setattr__(settings, "memory_budget", 0)
    object.__setattr__(settings, "cache_budget", 10_000)
    steps, off = [], CompileChoice(False, "")
    monkeypatch.setattr(compiling, "_MEASURED_ON", ("cpu",))
    monkeypatch.setattr(compiling, "CompileProbe", lambda **keys: steps.append(keys["steps"]) or (lambda _: off))
    assert train(cut) == 0
    state = cut.state()
    since = state.resumes[-1].step
    assert steps == [6 - since], "compiling is judged by what is left"
    assert (before.choice, decided(cut).choice) == (ONCE, EACH_EPOCH)
    assert decided(cut).why.startswith(f"since step {since}, before which it was once per image: ")
    assert feature_pass(state) == taken._replace(until=since), "what they took is still counted"
    assert "features" not in next(made.why for made in state.decisions if made.what == "compile")
    assert trained(cut) == trained(whole)


@pytest.mark.parametrize(
    ("budget", "pixels"),
    [(0, "arrays"), (40_000, "memory")],
    ids=["no budget", "a budget for pixels, or for features"],
)
def test_features_that_do_not_fit_the_memory_are_mapped(make, train, trained, settings, small_shards, budget, pixels):
    whole, once = make(cache_features=False), make()
    assert train(whole) == 0
    object.__setattr__(settings, "memory_budget", budget)
    assert train(once) == 0
    assert next(made.choice for made in once.state().decisions if made.what == "pixels") == pixels
    found = decided(once).details
    assert found["kept"] == "memory-mapped"
    assert not budget or 20_736 < found["bytes"] < budget < found["bytes"] + 20_736
    assert trained(once) == trained(whole)


def test_a_damaged_file_is_made_again_or_done_without(make, train, trained, settings, monkeypatch):
    def read_only(cache, kind, key):
        raise OSError(errno.EROFS, "Read-only file system", str(cache.folder))

    first, second, third = make(), make(), make()
    assert train(first) == 0
    file = next((settings.cache_dir / KIND).glob("*/000000.bin"))
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    assert train(second) == 0
    assert any("damaged" in said.text for said in second.state().notices)
    assert trained(second) == trained(first)
    file.write_bytes(content)
    monkeypatch.setattr(Cache, "_remove", read_only)
    assert train(third) == 0
    assert any("the features are kept in memory only" in said.text for said in third.state().notices)
    assert trained(third) == trained(first)


@pytest.mark.parametrize("budget", [10**6, 0], ids=["memory", "mapped"])
def test_features_are_never_taken_of_damaged_pixels(make, train, trained, settings, monkeypatch, small_shards, budget):
    monkeypatch.setattr(pixel_entries, "_LOOKED_AT", 1)
    object.__setattr__(settings, "memory_budget", budget)
    larger = {"options": WHOLE_BATCHES["options"] | {"size": 20}}  # to be resized: pixels are kept in the cache
    first, second = make(dataset=larger), make(dataset=larger)
    assert train(first) == 0
    (file,) = (settings.cache_dir / pixel_entries.KIND).rglob(pixel_entries.PIXELS)
    whole = file.read_bytes()
    file.write_bytes(whole[:256] + bytes(255 - value for value in whole[256:]))
    shutil.rmtree(settings.cache_dir / KIND)
    assert train(second) == 0
    assert trained(second) == trained(first) and file.read_bytes() == whole
    assert sum("are damaged: they are made again" in said.text for said in second.state().notices) == 1


def test_without_a_cache_they_are_kept_in_memory_and_without_memory_not_at_all(make, train, trained, settings):
    object.__setattr__(settings, "cache_budget", 0)
    in_memory, nowhere = make(), make()
    assert train(in_memory) == 0
    assert decided(in_memory).choice == ONCE
    object.__setattr__(settings, "memory_budget", 0)
    assert train(nowhere) == 0
    assert decided(nowhere).choice == EACH_EPOCH and "budget" in decided(nowhere).why
    assert trained(in_memory) == trained(nowhere)


@pytest.mark.parametrize(
    ("strategy", "why"), [(AUGMENT, "draws anew"), ({"mixup": 0.2}, "mixup"), ({"cutmix": 1.0}, "mixup")]
)
def test_what_is_drawn_anew_each_epoch_is_not_kept_and_the_run_says_so(make, train, strategy, why):
    run = make(strategy | {"epochs": 1})
    assert train(run) == 0
    assert decided(run).choice == EACH_EPOCH and why in decided(run).why


def test_a_network_whose_whole_trains_says_nothing_of_features(make, train):
    run = make({"freeze": "none", "epochs": 1})
    assert train(run) == 0
    assert DECISION not in [made.what for made in run.state().decisions]
