"""What `vislab bench` found, in lines."""

from typing import Any

from vislab.tui import tables
from vislab.tui.views.text import MISSING, count, duration, plain

_SPEEDS = {
    "data": "making batches alone",
    "step": "forward, backward and optimizer on one batch",
    "full": "the run itself, without evaluation",
}
_NOTES = {
    "data": "order, pixels, augmentation, normalising",
    "rest": "figures, events, checkpoints, everything else",
}


def lines(found: dict[str, Any], width: int) -> list[str]:
    """Two tables: images a second, and where the seconds of an epoch go.

    Args:
        found: the answer of the bench job.
    """
    measured, features = found["measured"], found["features"]
    notes = _NOTES if features is None else _NOTES | {"data": "order, features"}
    speeds = [[what, count(round(found["images_per_second"][name]))] for name, what in _SPEEDS.items()]
    seconds = found["epoch_seconds"]
    whole = sum(seconds.values())
    rows = [[name, f"{each:.2f}", f"{each / whole:.1%}", notes.get(name, "")] for name, each in seconds.items()]
    apart = ""
    if seconds["rest"] < 0:  # then shares of the whole would add up to more than it
        for row in rows:
            row[2] = "–"
        rows[-1][1] = "–"
        apart = (
            f"The parts, timed one by one, took {-seconds['rest']:.2f} s longer than together in the "
            "run: other work keeps the machine busy, or the time was too short (--seconds)."
        )
    once: list[list[str]] = []
    head: list[str] = []
    if features is not None:
        speed = features["images_per_second"]
        speeds.insert(0, ["the frozen part, once per image", count(round(speed)) if speed else MISSING])
        once = [["once, before", f"{features['spent']:.2f}", "", _frozen_pass(features)]]
        head = [
            f"The head alone trains ({count(found['trained_parameters'])} parameters), on features, which the frozen "
            "part makes of each image once:",
            "all figures below but those of that pass are of the head.",
        ]
    return [
        f"{plain(found['device_name'])} ({plain(found['device'])}) · {plain(found['arithmetic'])} · batch "
        f"{count(found['batch_size'])} · {count(found['parameters'])} parameters",
        f"measured over {count(measured['updates'])} updates in {measured['seconds']:.1f} s",
        *head,
        "",
        *tables.lines(["speed", "images/s"], speeds, width, right=["images/s"], whole=["images/s"]),
        "",
        *tables.lines(
            ["of an epoch", "seconds", "share", ""],
            [*rows, ["in all", f"{whole:.2f}", "", f"{count(found['epoch_images'])} images"], *once],
            width,
            right=["seconds", "share"],
            whole=["of an epoch", "seconds", "share"],
        ),
        *([apart] if apart else []),
    ]


def _frozen_pass(features: dict[str, Any]) -> str:
    words = f"the frozen part: {count(features['images'])} images, {features['source']}"
    if features["source"] == "computed":
        return words
    took = f"in {duration(features['seconds'])}" if features["seconds"] else "in an unknown time"
    return f"{words}, computed {took}"
