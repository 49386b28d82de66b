"""Writes presets/timm_index.csv, the table by which timm's names are known without importing timm.

Run `python -m vislab.engine.models.timm_index FILE` after a new timm: about five minutes on one core.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

COLUMNS = (
    "kind",
    "name",
    "parameters",
    "pretrained",
    "tag",
    "channels",
    "image_size",
    "mean",
    "std",
    "interpolation",
    "crop_fraction",
    "help",
)


def model_row(name: str) -> dict[str, str]:
    """One model: what it is and what its default weights were trained with.

    `parameters` counts those of the model as published, its own number of classes included. `pretrained` says whether
    timm knows weights, `tag` which of them are the default. `mean` and `std` hold one value a channel, parted by
    blanks. `image_size` is the shorter side; a crop that goes beyond the image (a few models) counts as 1.
    """
    import timm

    config = timm.get_pretrained_cfg(name)
    assert config is not None
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    channels, *sides = config.input_size
    return {
        "kind": "model",
        "name": name,
        "parameters": str(sum(parameter.numel() for parameter in model.parameters())),
        "pretrained": "true" if config.has_weights else "false",
        "tag": config.tag or "",
        "channels": str(channels),
        "image_size": str(min(sides)),
        "mean": " ".join(f"{value:.9g}" for value in config.mean),
        "std": " ".join(f"{value:.9g}" for value in config.std),
        "interpolation": config.interpolation,
        "crop_fraction": f"{min(config.crop_pct, 1.0):.9g}",
        "help": "",
    }


def optimizer_rows() -> Iterator[dict[str, str]]:
    """Every optimizer that timm makes by name, with timm's own line of help."""
    import timm.optim

    optimizers: Any = timm.optim
    for name, description in optimizers.list_optimizers(with_description=True):
        yield dict.fromkeys(COLUMNS, "") | {"kind": "optimizer", "name": name, "help": description}


def write(file: Path) -> None:
    """Write the table: all models, then all optimizers, each by name."""
    import timm

    with file.open("w", newline="", encoding="utf-8") as handle:
        table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        table.writeheader()
        for name in sorted(timm.list_models()):
            table.writerow(model_row(name))
        table.writerows(sorted(optimizer_rows(), key=lambda row: row["name"]))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
