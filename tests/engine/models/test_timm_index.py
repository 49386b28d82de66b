"""The table of timm's names agrees with the timm that is installed."""

import csv
from pathlib import Path

import pytest

from vislab import presets
from vislab.engine.models import timm_index

FILE = Path(presets.__file__).parent / "timm_index.csv"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with FILE.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_table_is_well_formed(rows: list[dict[str, str]]) -> None:
    assert tuple(rows[0]) == timm_index.COLUMNS
    names = [(row["kind"], row["name"]) for row in rows]
    assert len(set(names)) == len(names)
    models = [row for row in rows if row["kind"] == "model"]
    optimizers = [row for row in rows if row["kind"] == "optimizer"]
    assert len(models) + len(optimizers) == len(rows)
    assert len(models) > 1000 and len(optimizers) > 50
    for row in models:
        assert int(row["parameters"]) > 0 and int(row["image_size"]) > 0, row
        assert row["pretrained"] in ("true", "false"), row
        assert len(row["mean"].split()) == len(row["std"].split()) == int(row["channels"]), row
        assert all(float(value) > 0 for value in row["std"].split()), row
        assert row["interpolation"] in ("nearest", "bilinear", "bicubic"), row
        assert 0 < float(row["crop_fraction"]) <= 1, row
    assert all(row["help"] for row in optimizers)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_689_512),
        ("deit_small_patch16_224", 22_050_664),
        ("tf_efficientnet_lite0", 4_652_008),
        ("coatnet_0_rw_224", 27_435_562),
        ("mixer_b16_224", 59_880_472),
    ],
)
def test_rows_agree_with_timm(rows: list[dict[str, str]], name: str, parameters: int) -> None:
    row = next(row for row in rows if row["kind"] == "model" and row["name"] == name)
    assert row == timm_index.model_row(name)
    assert int(row["parameters"]) == parameters


def test_optimizers_agree_with_timm(rows: list[dict[str, str]]) -> None:
    table = {row["name"]: row["help"] for row in rows if row["kind"] == "optimizer"}
    now = {row["name"]: row["help"] for row in timm_index.optimizer_rows()}
    assert now.items() >= {name: text for name, text in table.items() if name in now}.items()
    assert {"sgd", "adam", "adamw", "lamb", "rmsprop"} <= table.keys() & now.keys()
