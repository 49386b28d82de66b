"""Every recipe starts and finishes an epoch, on a folder of a few pictures; its network takes images of its size."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from vislab.engine import worker
from vislab.engine.jobs import models
from vislab.engine.models.assemble import assemble
from vislab.engine.runs import store
from vislab.engine.training import checkpoint
from vislab.presets import library
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

CLASSES = ("butterfly", "cat", "horse")
IMAGES = 3  # a class
SIDE = 64
"""Pixels of an image's side at most: the same layers as at the recipe's own size, in a tenth of the time."""
RECIPES = [preset.name for preset in library.list_presets("recipes")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of classes: noise, each class with a colour of its own."""
    root = tmp_path_factory.mktemp("pictures")
    draws = np.random.default_rng(3)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir()
        for number in range(IMAGES):
            pixels = draws.integers(0, 150, (40, 48, 3), dtype=np.uint8)
            pixels[:, :, label] += 100
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        runs_dir=tmp_path / "runs",
        data_dir=tmp_path / "data",
        cache_dir=tmp_path / "cache",
        config_dir=tmp_path / "etc",
    )


def weights_for(spec: Spec, folder: Path) -> Path:
    """Weights of another seed, as if they had been trained elsewhere."""
    model = assemble(
        spec.architecture,
        num_classes=len(CLASSES),
        in_channels=spec.preprocessing.channels,
        image_size=spec.preprocessing.image_size,
        pretrained=False,
        seed=77,
    ).model
    checkpoint.save(folder / "elsewhere", kind="best", step=1, epoch=1, tensors={"weights": model.state_dict()})
    return folder / "elsewhere" / "weights.safetensors"


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_network_of_every_recipe_takes_images_of_its_size(recipe: str, pictures: Path, settings: Settings) -> None:
    spec = library.resolve(recipe=recipe, data="" if recipe.startswith("digits") else str(pictures), settings=settings)
    request = {
        "architecture": msgspec.to_builtins(spec.architecture),
        "strategy": msgspec.to_builtins(spec.strategy),
        "num_classes": len(CLASSES),
        "in_channels": spec.preprocessing.channels,
        "image_size": spec.preprocessing.image_size,
    }
    assert models.answer(request, lambda *words: None)["multiply_adds"] > 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_finishes_an_epoch(recipe: str, pictures: Path, settings: Settings, tmp_path: Path) -> None:
    sets = ["strategy.epochs=1", "strategy.warmup_epochs=0.5", "device=cpu"]  # a warm-up has to end within the run
    data = "" if recipe.startswith("digits") else str(pictures)
    spec = library.resolve(recipe=recipe, data=data, sets=sets, settings=settings)
    if spec.preprocessing.image_size > SIDE:
        sets.append(f"preprocessing.image_size={SIDE}")
        spec = library.resolve(recipe=recipe, data=data, sets=sets, settings=settings)
    if spec.strategy.pretrained:
        sets.append(f"architecture.weights={weights_for(spec, tmp_path)}")
    if spec.strategy.balance_to:
        sets.append(f"strategy.balance_to={IMAGES + 1}")
    spec = library.resolve(recipe=recipe, data=data, sets=sets, settings=settings)
    run = store.create(settings.runs_dir, spec)
    assert worker.main(run.path, settings=settings) == 0, run.state().ended
    state = run.state()
    assert [row.epoch for row in state.epochs] == [1]
    assert state.started is not None
    if not recipe.startswith("digits"):
        assert state.started.classes == CLASSES
    if spec.strategy.freeze == "backbone":
        assert 0 < state.started.trained_parameters < state.started.parameters
    else:
        assert state.started.trained_parameters == state.started.parameters
