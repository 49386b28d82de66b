import tomllib
from pathlib import Path

import msgspec
import pytest

import vislab.presets
from vislab.engine.code import check_options, describe
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.preprocessing import Preprocessing

PRESETS = sorted((Path(vislab.presets.__file__).parent / "datasets").glob("*.toml"))
NAMES = {"digits", "mnist", "fashionmnist", "kmnist", "emnist", "cifar10", "cifar100", "svhn", "stl10"}
NAMES |= {"flowers102", "oxfordiiitpet", "food101", "eurosat"}


def test_every_published_set_has_its_preset() -> None:
    assert {path.stem for path in PRESETS} >= NAMES


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_fits_the_schema_and_its_source_function(path: Path) -> None:
    table = tomllib.loads(path.read_text())
    preprocessing = msgspec.convert(table.pop("preprocessing"), Preprocessing)
    dataset = msgspec.convert(table, Dataset)
    assert dataset.help and dataset.images > 0 and dataset.classes > 1 and dataset.licence
    check_options(path.stem, dataset.options, describe(dataset.source))
    assert {len(preprocessing.mean), len(preprocessing.std)} == {preprocessing.channels}
