"""New presets: written where they are found again, checked before."""

import resource
from pathlib import Path

import pytest

from vislab.presets.errors import InputError
from vislab.presets.library import ResolveError, list_presets, new_preset, parse_sets, resolve, show
from vislab.presets.settings import load_settings


def origin(name: str) -> str:
    return show(name)[0].origin


def test_a_strategy_like_another(user: Path) -> None:
    values = parse_sets(["strategy.epochs=7", "strategy.augment=horizontal_flip", "preprocessing.image_size=32"])
    file = new_preset("strategies", "quick", like="scratch", values=values, help="A quick one")
    assert file == user / "presets/strategies/quick.toml"
    spec = resolve(dataset="digits", architecture="lenet5", strategy="quick")
    assert (spec.strategy.epochs, spec.strategy.schedule) == (7, "cosine")
    assert spec.strategy.augment == ("horizontal_flip",)
    assert spec.preprocessing.image_size == 32
    assert spec.origins["strategy.epochs"] == f"strategy preset quick ({file})"
    info = next(info for info in list_presets("strategies") if info.name == "quick")
    assert (info.help, info.origin) == ("A quick one", str(file))


def test_a_number_may_begin_or_end_with_its_point(user: Path) -> None:
    values = parse_sets(
        ["strategy.learning_rate=.5", "strategy.momentum=.5e-1", "preprocessing.mean=.5, 1., 0", "name=.5"]
    )
    assert values["strategy.learning_rate"] == 0.5 and values["strategy.momentum"] == 0.05
    assert values["preprocessing.mean"] == (0.5, 1.0, 0.0) and values["name"] == ".5"
    assert parse_sets(["architecture.options.dropout=5."])["architecture.options.dropout"] == 5.0
    with pytest.raises(ResolveError, match="a whole number"):
        parse_sets(["strategy.epochs=5."])
    file = new_preset("strategies", "quick", like="scratch", values=parse_sets(["strategy.learning_rate=.5"]))
    assert "learning_rate = 0.5" in file.read_text()


def test_a_recipe_keeps_the_marks_of_the_one_it_is_like(user: Path) -> None:
    file = new_preset("recipes", "mine", like="study-e-lenet5", values={"strategy.epochs": 3})
    assert resolve(recipe="digits-lenet5").name == "digits-lenet5"
    rows = {row.key: row for row in show("mine")[1]}
    assert rows["strategy.epochs"].value == 3
    assert rows["strategy.epochs"].origin == f"recipe mine: ours ({file})"
    assert rows["strategy.batch_size"].origin == f"recipe mine: report ({file})"
    assert rows["strategy.batch_size"].unit == "images"


def test_a_study_and_the_project_folder() -> None:
    Path("vislab.toml").touch()
    file = new_preset("studies", "s", values={"question": "Which?", "recipes": ["digits-mlp", "digits-lenet5"]})
    assert file == Path("vislab-presets/studies/s.toml").absolute()
    assert show("s")[0].facts == {"question": "Which?", "recipes": ("digits-mlp", "digits-lenet5")}


def test_an_architecture_with_options(tmp_path: Path) -> None:
    values = {"architecture.options.padding": 0, "architecture.build": "vislab.engine.models.lenet:build"}
    file = new_preset("architectures", "tight", folder=tmp_path, values=values)
    assert file == tmp_path / "architectures/tight.toml"
    assert "padding = 0" in file.read_text()


def test_what_does_not_fit_is_refused(user: Path) -> None:
    with pytest.raises(ResolveError) as caught:
        new_preset("strategies", "x", values={"strategy.epochs": 0, "dataset.path": "y", "strategy.epoch": 3})
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="cannot name a preset"):
        new_preset("strategies", "../x")
    with pytest.raises(InputError, match="did you mean 'scratch'"):
        new_preset("strategies", "x", like="scrach")
    with pytest.raises(ResolveError, match="question"):
        new_preset("studies", "x", values={"question": 3})
    assert not (user / "presets").exists()
    new_preset("strategies", "x")
    with pytest.raises(InputError, match="is there already"):
        new_preset("strategies", "x")


def test_a_name_that_a_preset_has_already_is_refused(user: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'digits-lenet5' already, which is built in: .* such as my-digits-lenet5"):
        new_preset("recipes", "digits-lenet5", values={"seed": 7})
    first = new_preset("recipes", "my-digits-lenet5")
    with pytest.raises(InputError, match="such as my-digits-lenet5-2"):
        new_preset("recipes", "digits-lenet5")
    (tmp_path / "vislab.toml").touch()
    with pytest.raises(InputError, match=f"lies in {first}"):
        new_preset("recipes", "my-digits-lenet5", settings=load_settings(tmp_path))
    assert [file.name for file in (user / "presets/recipes").iterdir()] == ["my-digits-lenet5.toml"]


def test_a_broken_preset_is_listed_with_its_problem(user: Path) -> None:
    file = user / "presets/strategies/broken.toml"
    file.parent.mkdir(parents=True)
    file.write_text("epochs = 'x'\n")
    info = next(info for info in list_presets("strategies") if info.name == "broken")
    assert "must be a whole number" in info.problem
    with pytest.raises(ResolveError, match="must be a whole number"):
        show("broken")


def test_showing_what_is_not_there_and_what_timm_has() -> None:
    with pytest.raises(InputError, match="did you mean 'scratch'"):
        show("scrach")
    info, rows = show("resnet26d")
    assert (info.kind, info.origin, info.facts["pretrained"]) == ("architectures", "timm", True)
    assert {row.key: row.value for row in rows}["architecture.options.model"] == "resnet26d"
    assert show("study-b-cnn")[0].kind == "recipes"
    assert show("study-b-cnn", "architectures")[0].kind == "architectures"


def test_what_cannot_be_written_whole_leaves_its_name_free(user: Path) -> None:
    with pytest.raises(InputError, match=r"quick\.toml: a preset is UTF-8, which '\\udcff' is not"):
        new_preset("strategies", "quick", help="a \udcff")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        with pytest.raises(InputError, match=r"quick\.toml cannot be written: File too large"):
            new_preset("strategies", "quick")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert new_preset("strategies", "quick").is_file()
