"""The models of timm as a table, so that their names and facts are known without importing timm."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "timm_index.csv"


@dataclass(frozen=True)
class Model:
    """One model of timm.

    Attributes:
        name: as timm calls it.
        parameters: with its ImageNet head.
        pretrained: whether weights are published.
        tag: of those weights that are loaded where none is named, such as `a1_in1k`; may be empty.
        image_size, mean, std, interpolation, crop_fraction: what those weights were trained with.
    """

    name: str
    parameters: int
    pretrained: bool
    tag: str
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_fraction: float


def find(name: str) -> Model | None:
    """The model of that name, with or without the tag of its weights (`resnet50.a1_in1k`), or None."""
    header, lines = _table()
    line = lines.get(name) or lines.get(name.partition(".")[0])
    return _model(dict(zip(header, next(csv.reader([line])), strict=True))) if line else None


def names() -> list[str]:
    """Names of all models."""
    return list(_table()[1])


@cache
def _table() -> tuple[list[str], dict[str, str]]:
    """The names of the columns, and the line of each model: as text, it takes a tenth of the memory."""
    header, *lines = FILE.read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    assert columns[:2] == ["kind", "name"]
    models = (line for line in lines if line.startswith("model,"))
    return columns, {line.split(",", 2)[1]: line for line in models}


def _model(row: dict[str, str]) -> Model:
    return Model(
        name=row["name"],
        parameters=int(row["parameters"] or 0),
        pretrained=row["pretrained"].lower() in ("true", "1", "yes"),
        tag=row["tag"],
        image_size=int(row["image_size"]),
        mean=_numbers(row["mean"]),
        std=_numbers(row["std"]),
        interpolation=row["interpolation"],
        crop_fraction=float(row["crop_fraction"]),
    )


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.replace(",", " ").replace(";", " ").split())
