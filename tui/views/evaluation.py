"""What an evaluation found. All text that is returned is safe."""

from collections.abc import Mapping
from typing import Any

from vislab.tui.views import text
from vislab.tui.views.predicted import origin
from vislab.tui.views.results import Results, class_lines, confused_lines, heat_map, of_matrix
from vislab.tui.views.text import plain

CONFUSIONS = 10
"""Pairs of classes that are listed."""


def page(found: Mapping[str, Any], width: int) -> list[str]:
    """The lines that are shown: weights, data, figures, calibration, classes, confusion matrix, speed.

    Args:
        found: the answer of the evaluate job, its confusion matrix as a `Matrix`.
    """
    counted = answers(found)
    lines = [origin(found), _data(found), *warning(found), ""]
    lines += [*_figures(found), *_calibration(found), ""]
    lines += [*class_lines(counted, width), ""]
    drawn = heat_map(counted, width)
    lines += ["".join(cell.words for cell in row).rstrip() for row in drawn]
    lines += [""] if drawn else []
    return [*lines, *confused_lines(counted, width, CONFUSIONS), "", speed(found)]


def summary(found: Mapping[str, Any]) -> list[str]:
    """`page` without classes and confusions: weights and data, figures with intervals, calibration, speed."""
    return [
        f"{origin(found)}: {_data(found)}",
        *warning(found),
        ", ".join(" ".join(line.split()) for line in _figures(found)),
        *_calibration(found),
        speed(found),
    ]


def warning(found: Mapping[str, Any]) -> list[str]:
    """That the run was trained on some of these images, which makes its figures worthless; empty where it was not."""
    if not (known := found.get("trained_on")):
        return []
    return [
        f"warning: the run was trained on {text.count(known)} of these {text.counted(found['images'], 'image')}: the "
        "figures do not tell how good it is on images that it has not seen"
    ]


def answers(found: Mapping[str, Any]) -> Results:
    """Classes and confusions of an evaluation, whose single predictions are not known."""
    classes = tuple(row["name"] for row in found["classes"])
    return of_matrix(found["confusion"], classes)


def speed(found: Mapping[str, Any]) -> str:
    """Images a second, on what."""
    measured = found["throughput"]
    of = " through the head alone, the rest from stored features," if measured.get("of") == "head" else ""
    read = measured["reading_seconds"]
    reading = "the images were read before" if read is None else f"reading the images took {text.duration(read)}"
    return (
        f"{text.rate(measured['images_per_second'])} images/s{of} on {plain(found['device_name'])} in batches of "
        f"{measured['batch']}, {plain(found['precision'])}; {reading}"
    )


def _data(found: Mapping[str, Any]) -> str:
    role = "all labelled images" if found["role"] == "all" else f"the {found['role']} images"
    selected = "; the best epoch was selected on them" if _selected(found) else ""
    return f"{role} of {plain(found['data']['name'])}: {text.count(found['images'])}{selected}"


def _selected(found: Mapping[str, Any]) -> bool:
    return bool(found["selected_on_test"]) or bool(found["calibration"]["fitted_on_evaluated"])


def _figures(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, key in (("accuracy", "accuracy"), ("top-5", "top5")):
        rows.append(f"{name:<13} {text.accuracy(found[key])} {text.interval(*found[f'{key}_interval'])}")
    rows += [
        f"{name:<13} {text.accuracy(found[key])}"
        for name, key in (("macro F1", "macro_f1"), ("weighted F1", "weighted_f1"))
    ]
    losses = {"loss": text.loss(found["loss"])}
    if "cross_entropy" in found and (told := text.loss(found["cross_entropy"])) not in losses.values():
        losses["cross-entropy"] = told
    return [*rows, *(f"{name:<13} {told}" for name, told in losses.items())]


def _calibration(found: Mapping[str, Any]) -> list[str]:
    told = found["calibration"]
    before = f"expected calibration error {text.accuracy(told['error'])} ({told['bins']} bins)"
    if told["temperature"] is None:
        return [f"{before}; no temperature: {plain(told['why_not'], 1000)}"]
    images = text.counted(told["fitted_images"], "validation image")
    same = ", which are the images evaluated" if told["fitted_on_evaluated"] else ""
    unscaled = f" (without {text.loss(found['cross_entropy'])})" if "cross_entropy" in found else ""
    scaled = text.loss(told["loss_scaled"])
    return [
        f"{before}; {text.accuracy(told['error_scaled'])} and cross-entropy {scaled}{unscaled} at temperature "
        f"{told['temperature']:.3g}, fitted on {images}{same}"
    ]
