"""What a run said of images without labels. All text that is returned is safe."""

from collections.abc import Mapping
from typing import Any

from vislab.tui import tables
from vislab.tui.views import text
from vislab.tui.views.text import plain

ORDINALS = ("predicted", "2nd", "3rd")


def table(found: Mapping[str, Any], width: int) -> list[str]:
    """A line of titles and a line an image: its name, the likeliest classes and their probabilities.

    Args:
        found: the answer of the predict job.
    """
    titles = ["file"]
    for rank in range(_top(found)):
        titles += [ORDINALS[rank] if rank < len(ORDINALS) else f"{rank + 1}th", "probability"]
    rows = []
    for image in found["images"]:
        row = [plain(image["name"], 1000)]
        for index, share in zip(image["classes"], image["probabilities"], strict=True):
            row += [plain(found["classes"][index]), probability(share)]
        rows.append(row)
    return tables.lines(titles, rows, width, right=("probability",), whole=("probability",))


def probability(share: float | None) -> str:
    """A probability to four places; `nan` where the model gave no number."""
    return "nan" if share is None else f"{share:.4f}"


def origin(found: Mapping[str, Any]) -> str:
    """Which weights answered, and where: `run …, best-120 (raw weights, epoch 3), on cpu`."""
    flips = ", each image with its mirror image" if found["tta"] else ""
    weights = f"{plain(found['checkpoint'])} ({found['weights']} weights, epoch {found['epoch']})"
    return f"run {plain(found['run'])}, {weights}, on {plain(found['device_name'])}{flips}"


def unreadable(found: Mapping[str, Any]) -> list[str]:
    """A line for each image that could not be read, under a line that counts them; empty without any."""
    if not found["unreadable"]:
        return []
    lines = [f"{text.counted(len(found['unreadable']), 'image')} cannot be read:"]
    return lines + [f"  {plain(image['name'], 1000)}: {plain(image['reason'])}" for image in found["unreadable"]]


def _top(found: Mapping[str, Any]) -> int:
    return len(found["images"][0]["classes"]) if found["images"] else 1
