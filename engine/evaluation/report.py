"""Everything that is said of a model's answers on labelled images."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from vislab.engine.analysis.intervals import wilson
from vislab.engine.analysis.per_class import class_figures, macro_f1, sparse, weighted_f1
from vislab.engine.evaluation.calibration import BINS, COOLEST, HOTTEST, calibration_error, fit_temperature
from vislab.engine.runs.events import figure
from vislab.engine.training.metrics import answers, confusion, hits

PerSample = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits float32 [N, K], labels int64 [N]) -> float32 [N]"""


def report(logits: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]) -> dict[str, Any]:
    """Figures of answers, as plain data.

    Args:
        logits: float32 [N, K], N at least one; a row with a NaN is a wrong answer in every figure.
        labels: int64 [N].
        classes: K names.

    Returns:
        images; accuracy, top5 (fractions in [0, 1]) and their Wilson intervals of 95 %; macro_f1 (over classes that
        occur or are predicted), weighted_f1 (by support); cross_entropy, mean per sample; classes: for each its
        name, precision, recall, F1 (None where there is nothing to divide by), support, how often it is predicted, and
        the interval of its recall; confusion: images by true class (rows) and predicted class (columns).
    """
    predicted = answers(logits, labels)
    top1, top5 = (int(found.sum()) for found in hits(logits, labels))
    cells = confusion(predicted, labels, len(classes)).tolist()
    rows = class_figures(sparse(cells), classes)
    images = len(labels)
    return {
        "images": images,
        "accuracy": top1 / images,
        "accuracy_interval": list(wilson(top1, images)),
        "top5": top5 / images,
        "top5_interval": list(wilson(top5, images)),
        "macro_f1": macro_f1(rows),
        "weighted_f1": weighted_f1(rows),
        "cross_entropy": figure(float(F.cross_entropy(logits.double(), labels))),
        "classes": [
            row._asdict() | {"recall_interval": list(wilson(cells[place][place], row.support))}
            for place, row in enumerate(rows)
        ],
        "confusion": cells,
    }


def evaluation(
    logits: torch.Tensor,
    labels: torch.Tensor,
    classes: tuple[str, ...],
    loss: PerSample,
    fitted_on: tuple[torch.Tensor, torch.Tensor] | None,
    why_not: str = "",
    *,
    fitted_on_evaluated: bool,
) -> dict[str, Any]:
    """What every evaluation tells, that at the end of a run and a later one.

    That is `report`; `loss`, the mean of the run's own kind, as in its epochs; and `calibration` below its key.

    Args:
        loss: of each sample, without class weights and label smoothing.
        fitted_on: logits and labels of the validation images, which the temperature is fitted on.
        why_not: why there are none.
        fitted_on_evaluated: the evaluated images are among them.
    """
    calibrated = calibration(logits, labels, fitted_on, why_not)
    return {
        **report(logits, labels, classes),
        "loss": figure(float(loss(logits, labels).double().mean())),
        "calibration": {**calibrated, "fitted_on_evaluated": fitted_on_evaluated},
    }


def calibration(
    logits: torch.Tensor,
    labels: torch.Tensor,
    validation: tuple[torch.Tensor, torch.Tensor] | None,
    why_not: str = "",
) -> dict[str, Any]:
    """Expected calibration error before and after temperature scaling.

    Args:
        logits, labels: float32 [N, K] and int64 [N] of the images that are evaluated.
        validation: the same of the images that the temperature is fitted on; None: there are none.
        why_not: the reason.

    Returns:
        bins, error; temperature, error_scaled, loss_scaled (the cross-entropy with it; None without one),
        fitted_images, why_not.
    """
    nothing = {"temperature": None, "error_scaled": None, "loss_scaled": None, "fitted_images": 0}
    if not logits.isfinite().all():
        return {"bins": BINS, "error": None, **nothing, "why_not": "the model's answers are not all finite"}
    found = {"bins": BINS, "error": calibration_error(logits, labels)}
    if validation is None or not len(validation[1]) or not validation[0].isfinite().all():
        return {**found, **nothing, "why_not": why_not or "there are no validation images"}
    temperature = fit_temperature(*validation)
    fitted_images = len(validation[1])
    if temperature is None:
        why_not = f"none makes a difference on {fitted_images} validation images, as where there is one class alone"
        return {**found, **nothing, "fitted_images": fitted_images, "why_not": why_not}
    if temperature in (COOLEST, HOTTEST):
        told = "all are right" if temperature == COOLEST else "most are wrong"
        why_not = f"on {fitted_images} validation images the fit ends at its bound, {temperature:g}, as where {told}"
        return {**found, **nothing, "fitted_images": fitted_images, "why_not": why_not}
    return {
        **found,
        "temperature": temperature,
        "error_scaled": calibration_error(logits / temperature, labels),
        "loss_scaled": figure(float(F.cross_entropy(logits.double() / temperature, labels))),
        "fitted_images": fitted_images,
        "why_not": "",
    }
