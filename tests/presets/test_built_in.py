"""Every preset that comes with vislab."""

from pathlib import Path

import pytest

from vislab.presets import keys, shelves
from vislab.presets.library import list_presets, resolve, show
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

NOBODY = Settings(Path(), Path(), Path(), config_dir=Path("/nonexistent"))
PRESETS = list_presets(settings=NOBODY)
RECIPES = [info for info in PRESETS if info.kind == "recipes"]
ROWS_OF_THE_REPORTS = {
    "study-a": ["mlp", "cnn", "deit-scratch", "deit-transfer", "deit-finetune"],
    "study-b": ["cnn", "transfer"],
    "study-c": ["cnn1", "alex1", "resnet", "rex1", "can1"],
    "study-d": ["cnn5", "resnet4", "cnn5-balanced", "resnet4-balanced"],
    "study-e": ["lenet5", "alexnet"],
}


def made(recipe: str, photos: Path) -> Spec:
    needs_images = not next(info for info in RECIPES if info.name == recipe).facts.get("dataset")
    return resolve(recipe=recipe, data=str(photos) if needs_images else "")


@pytest.mark.parametrize("info", PRESETS, ids=lambda info: f"{info.kind}/{info.name}")
def test_it_can_be_read_and_says_what_it_is_for(info) -> None:
    assert not info.problem
    assert len(info.help) > 20
    assert info.origin == "built-in"


@pytest.mark.parametrize("info", PRESETS, ids=lambda info: f"{info.kind}/{info.name}")
def test_it_can_be_shown(info) -> None:
    shown, rows = show(info.name, info.kind)
    assert shown == info
    assert rows
    assert all(row.help and row.origin for row in rows)


@pytest.mark.parametrize("recipe", [info.name for info in RECIPES])
def test_a_recipe_resolves(recipe: str, photos: Path) -> None:
    spec = made(recipe, photos)
    assert spec.name == spec.recipe == recipe
    assert spec.precision == "auto"
    assert spec.origins.keys() >= {key for key, entry in keys.KEYS.items() if not entry.open}


@pytest.mark.parametrize("study", ROWS_OF_THE_REPORTS)
def test_a_study_holds_every_row_of_its_report(study: str) -> None:
    info, _ = show(study)
    assert info.facts["question"].endswith("?")
    assert list(info.facts["recipes"]) == [f"{study}-{row}" for row in ROWS_OF_THE_REPORTS[study]]
    for recipe in info.facts["recipes"]:
        facts = show(recipe)[0].facts
        assert facts["study"] == study
        assert facts["printed"]


@pytest.mark.parametrize("recipe", [info.name for info in RECIPES if info.facts.get("study")])
def test_what_a_report_decides_is_marked(recipe: str) -> None:
    """How it is trained comes from the recipe with a mark, not from the presets below."""
    decisive = (
        "epochs",
        "batch_size",
        "optimizer",
        "learning_rate",
        "weight_decay",
        "schedule",
        "split",
        "warmup_epochs",
    )
    _, rows = show(recipe)
    origins = {row.key: row.origin for row in rows}
    for key in [*(f"strategy.{name}" for name in decisive), "preprocessing.image_size", "preprocessing.mean"]:
        assert origins[key].startswith(f"recipe {recipe}: "), key
        assert origins[key].rpartition(" ")[2] in shelves.MARKS


def test_study_e_trains_as_printed() -> None:
    spec = resolve(recipe="study-e-lenet5")
    strategy = spec.strategy
    assert (strategy.optimizer, strategy.learning_rate, strategy.schedule) == ("adam", 1e-3, "constant")
    assert (strategy.epochs, strategy.batch_size, strategy.weight_decay, strategy.clip_norm) == (10, 64, 0.0, 0.0)
    assert (strategy.split, strategy.validation, strategy.warmup_epochs) == ("official", "test", 0.0)
    assert (spec.preprocessing.mean, spec.preprocessing.std) == ((0.5,), (0.5,))
    assert (spec.preprocessing.image_size, spec.preprocessing.channels) == (28, 1)
    assert resolve(recipe="study-e-alexnet").strategy.augment == ("horizontal_flip", "random_crop(padding=4)")


def test_the_two_networks_of_study_b_see_the_same_images(photos: Path) -> None:
    own, transfer = made("study-b-cnn", photos), made("study-b-transfer", photos)
    assert own.preprocessing == transfer.preprocessing
    assert own.architecture.head == transfer.architecture.head != "none"
    assert (own.strategy.split, own.strategy.batch_size) == (transfer.strategy.split, transfer.strategy.batch_size)


def test_images_are_asked_for_where_a_recipe_has_none() -> None:
    with pytest.raises(Exception, match="recipe study-a-cnn needs images: give --data PATH"):
        resolve(recipe="study-a-cnn")
