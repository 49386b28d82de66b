from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vislab.presets.errors import InputError
from vislab.presets.settings import Settings
from vislab.tui.draft import (
    FIRST,
    Draft,
    like_run,
    problem_with,
    resolve,
    save_as_recipe,
    settable,
    value_of,
    value_problem,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "0.png")
    return tmp_path / "photos"


def test_the_first_draft_can_be_trained_at_once(settings) -> None:
    spec = resolve(FIRST, settings).ready
    assert spec is not None and (spec.dataset.name, spec.architecture.name) == ("digits", "lenet5")


def test_what_is_missing_is_said_in_the_words_of_the_screen(settings) -> None:
    found = resolve(Draft(), settings)
    assert found.ready is None
    assert found.problems == ("choose a data set, or a folder of images of your own", "choose an architecture")
    assert resolve(FIRST.from_recipe("study-b-transfer"), settings).problems == found.problems[:1]


def test_a_recipe_brings_everything_and_a_choice_replaces_its_part(settings) -> None:
    draft = FIRST.from_recipe("study-e-lenet5")
    spec = resolve(draft, settings).ready
    assert spec is not None and spec.recipe == "study-e-lenet5" and spec.dataset.name == "mnist"
    other = resolve(draft.choose("architecture", "resnet18"), settings).ready
    assert other is not None and other.architecture.name == "resnet18"
    assert other.strategy == spec.strategy and other.dataset == spec.dataset


@pytest.mark.parametrize(
    ("text", "name"),
    [("resnet50d", "resnet50d"), ("vit_tiny_patch16_224.augreg_in21k", "vit_tiny_patch16_224.augreg_in21k")],
)
def test_any_model_of_timm_can_be_chosen(settings, text, name) -> None:
    spec = resolve(FIRST.choose("architecture", text), settings).ready
    assert spec is not None and spec.architecture.name == name and spec.architecture.options == {"model": text}


def test_a_folder_a_hub_name_and_a_file_can_be_chosen(settings, photos) -> None:
    spec = resolve(FIRST.choose("dataset", str(photos)), settings).ready
    assert spec is not None and spec.dataset.path == str(photos) and spec.dataset.name == "photos"
    spec = resolve(FIRST.choose("dataset", "hf:uoft-cs/cifar10"), settings).ready
    assert spec is not None and spec.dataset.options == {"dataset": "uoft-cs/cifar10"}
    (photos / "mine.py").write_text("def source(root):\n    pass\n")
    spec = resolve(FIRST.choose("dataset", f"{photos}/mine.py:source"), settings).ready
    assert spec is not None and spec.dataset.source == f"{photos}/mine.py:source"
    assert "there is no file or folder" in resolve(FIRST.choose("dataset", "/no/such"), settings).problems[0]


def test_changed_settings_go_with_what_they_were_changed_for() -> None:
    draft = replace(FIRST.with_value("strategy.epochs", "5").with_value("seed", "7"), data="/x")
    assert draft.choose("strategy", "scratch") is draft
    other = draft.choose("strategy", "finetune")
    assert other.changed("strategy.epochs") is None and other.changed("seed") == "7"
    assert other.data == "/x" and other.choose("dataset", "mnist").data == ""


def test_changed_settings_come_back_with_what_they_were_changed_for(settings) -> None:
    draft = FIRST.with_value("strategy.epochs", "7").with_value("strategy.batch_size", "32").with_value("seed", "7")
    passed = draft.choose("strategy", "finetune")
    assert passed.values == (("seed", "7"),)
    back = passed.choose("strategy", "scratch")
    assert dict(back.values) == dict(draft.values) and not back.laid_by
    other = passed.with_value("strategy.epochs", "3").choose("architecture", "mlp").choose("strategy", "scratch")
    assert other.changed("strategy.epochs") == "7" and other.architecture == "mlp"
    assert other.choose("strategy", "finetune").changed("strategy.epochs") == "3"
    spec = resolve(back, settings).ready
    assert spec is not None and (spec.strategy.epochs, spec.strategy.batch_size) == (7, 32)


def test_all_is_taken_back_of_what_was_laid_by_too() -> None:
    passed = FIRST.with_value("strategy.epochs", "7").choose("strategy", "finetune").named("mine")
    assert passed.taken_back() == replace(FIRST, strategy="finetune")
    assert passed.taken_back().choose("strategy", "scratch") == FIRST


def test_settings_changed_of_a_recipes_own_part_come_back_with_it(settings) -> None:
    recipe = Draft().from_recipe("study-e-lenet5")
    draft = recipe.with_value("strategy.epochs", "7")
    back = draft.choose("strategy", "finetune", now="scratch").choose("strategy", "scratch")
    assert back.changed("strategy.epochs") == "7"
    spec, of_recipe = resolve(back, settings).ready, resolve(recipe, settings).ready
    assert spec is not None and of_recipe is not None
    assert spec.strategy == msgspec.structs.replace(of_recipe.strategy, epochs=7)
    assert back.from_recipe("study-e-alexnet") == Draft(recipe="study-e-alexnet")


@given(st.lists(st.tuples(st.sampled_from(["seed", "strategy.epochs", "device"]), st.text(max_size=5)), max_size=9))
def test_the_last_change_of_a_setting_counts_and_can_be_taken_back(changes) -> None:
    draft = FIRST
    for key, text in changes:
        draft = draft.with_value(key, text)
    assert dict(draft.values) == dict(changes) and len(draft.values) == len(dict(changes))
    for key, _ in changes:
        draft = draft.without_value(key)
    assert draft == FIRST


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("strategy.epochs", "0", "must be a whole number >= 1"),
        ("strategy.epochs", "ten", "must be a whole number >= 1"),
        ("strategy.learning_rate", "nan", "must be a number > 0"),
        ("strategy.schedule", "cosin", "did you mean 'cosine'?"),
        ("strategy.epochs", " ", "write a value"),
        ("nonsense", "1", "no such key"),
        ("strategy.epochs", "5", ""),
        ("strategy.learning_rate", ".5", ""),
        ("strategy.learning_rate", "5.", ""),
        ("preprocessing.mean", "0.5, 0.4, 0.3", ""),
    ],
)
def test_a_value_is_judged_by_itself(key, text, words) -> None:
    found = value_problem(key, text)
    assert words in found if words else found == ""


def test_a_value_is_judged_beside_the_others(settings) -> None:
    assert "below strategy.epochs" in problem_with(FIRST, "strategy.warmup_epochs", "50", settings)
    assert "timm's optimizers" in problem_with(FIRST, "strategy.optimizer", "adamww", settings)
    assert problem_with(FIRST, "strategy.warmup_epochs", "1", settings) == ""
    # A problem that was there before is not blamed on the value.
    assert problem_with(FIRST.choose("dataset", "/no"), "strategy.epochs", "2", settings) == ""


def test_every_setting_that_can_be_changed_is_offered_with_its_help(settings) -> None:
    spec = resolve(FIRST.choose("architecture", "resnet50d"), settings).ready
    assert spec is not None
    offered = {key.key: key for key in settable(spec)}
    assert {"seed", "device", "strategy.epochs", "preprocessing.image_size", "architecture.options.model"} <= set(
        offered
    )
    assert not {"name", "recipe", "dataset.name", "dataset.images", "strategy.help"} & set(offered)
    assert all(key.help for key in offered.values())
    assert [value_of(spec, key) for key in offered]  # each has a value
    assert value_of(spec, "architecture.options.model") == "resnet50d"


def test_again_but_with_something_else(settings, photos) -> None:
    run = resolve(FIRST.choose("dataset", str(photos)).with_value("strategy.epochs", "3").named("mine"), settings).ready
    assert run is not None
    again = resolve(like_run(run), settings).ready
    assert again is not None and again.strategy == run.strategy and again.dataset == run.dataset
    other = resolve(like_run(run).choose("architecture", "mlp").with_value("seed", "9"), settings).ready
    assert other is not None and other.strategy.epochs == 3 and other.architecture.name == "mlp" and other.seed == 9


@pytest.mark.parametrize("base", ["first", "recipe", "run", "timm", "folder"])
def test_what_was_chosen_can_be_saved_as_a_recipe_and_makes_the_same_run(base, settings, photos, monkeypatch) -> None:
    draft = (
        {
            "first": FIRST,
            "recipe": Draft().from_recipe("study-b-transfer").choose("dataset", str(photos)),
            "run": like_run(resolve(FIRST.with_value("strategy.batch_size", "7"), settings).spec),
            "timm": FIRST.choose("architecture", "resnet50d").choose("strategy", "transfer"),
            "folder": FIRST.choose("dataset", str(photos)),
        }[base]
        .with_value("strategy.epochs", "4")
        .with_value("preprocessing.image_size", "48")
    )
    wanted = resolve(draft, settings).ready
    assert wanted is not None
    file = save_as_recipe(draft, "my-own", settings)
    assert file.is_relative_to(settings.config_dir)
    monkeypatch.chdir("/")
    saved = resolve(Draft().from_recipe("my-own"), settings).ready
    assert saved is not None
    for section in ("dataset", "architecture", "strategy", "preprocessing"):
        assert getattr(saved, section) == getattr(wanted, section), section
    with pytest.raises(InputError, match="there already"):
        save_as_recipe(draft, "my-own", settings)


def test_what_is_not_complete_cannot_be_saved(settings) -> None:
    with pytest.raises(InputError, match="not complete"):
        save_as_recipe(Draft(), "my-own", settings)
