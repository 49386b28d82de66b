"""How good a trained run is on labelled images; written beside the run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import torch

from vislab.engine.data import splits
from vislab.engine.data.source import Role, Source, same_classes
from vislab.engine.data.sources import open_dataset
from vislab.engine.evaluation.overlap import overlap
from vislab.engine.evaluation.report import evaluation
from vislab.engine.evaluation.trained import BATCH, Predicted, Trained, open_trained
from vislab.engine.jobs.results import write_result
from vislab.engine.runs.events import printable
from vislab.engine.runs.naming import slug
from vislab.engine.runs.store import Run
from vislab.engine.training.losses import make_loss
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset

Tell = Callable[[str, int, int], None]
_NAMED = 10


class EvaluateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run, and labelled images.

    Attributes:
        run_dir: the run.
        data_dir: the data folder.
        data: another data set than the run's own.
        split: which part of it; empty: test where there is one, else validation; of another data set, else everything.
        tta: each image counts with its mirror image.
        skip_unreadable: leave out images that cannot be read; so does a data set that says so itself.
        device: auto, cpu, mps, cuda or cuda:N.
    """

    run_dir: str
    data_dir: str
    data: Dataset | None = None
    split: Literal["", "test", "validation"] = ""
    tta: bool = False
    skip_unreadable: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class _Part:
    """Labelled images to be judged: which of a source, int64 [n], and their labels in the model's order, int64 [n]."""

    role: str
    source: Source
    indices: splits.Indices
    labels: torch.Tensor
    selected_on_test: bool = False


def answer(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Evaluate, and write results/evaluation-….json.

    Returns:
        What `evaluation` says; unreadable: name and reason of images left out; calibration: as `calibration` says, and
        whether the temperature was fitted on the evaluated images themselves; role; data: name, path and fingerprint;
        trained_on: of another data set, how many of its images the run was trained on, by the checksums of their
        pixels, None where that is not known; selected_on_test; tta; throughput: images_per_second of the model
        (transfers included, reading left out), seconds reading and computing, batch; time (seconds since 1970); file:
        where it was written, empty with not_written: why it cannot be; and which weights, as `Trained.origin` says.

    Raises:
        InputError: the run or the data cannot be opened, a class is not one of the run's, an image cannot be read.
    """
    wanted = msgspec.convert(request, EvaluateRequest)
    model = open_trained(Run(Path(wanted.run_dir)), device=wanted.device)
    data_dir = Path(wanted.data_dir)
    part = _another(wanted, model, data_dir) if wanted.data is not None else _own(model, data_dir, wanted.split)
    batch = min(BATCH, len(part.indices))
    _warm_up(model, batch)
    may_skip = wanted.skip_unreadable or (wanted.data or model.spec.dataset).skip_unreadable
    found = _judged(model, part, wanted.tta, may_skip, partial(tell, "evaluating"))
    labels = part.labels[found.kept]
    if not len(labels):
        raise InputError(f"None of the {len(part.indices)} images can be read: {found.unreadable[0]}")
    validation, why_not = _validation(wanted, model, part, data_dir)
    fitted = None
    if validation is part:
        fitted = (found.logits, part.labels[found.kept])
    elif validation is not None:
        calibrating = _judged(model, validation, wanted.tta, True, partial(tell, "calibrating"))
        fitted = (calibrating.logits, validation.labels[calibrating.kept])
    dataset = wanted.data or model.spec.dataset
    known = None
    if wanted.data is not None:
        comparing = partial(tell, "comparing with the images of the run")
        known = overlap(model.run, model.spec, part.source.images, part.indices[found.kept], comparing)
    strategy, unweighted = model.spec.strategy, [1] * len(model.classes)
    loss = make_loss(strategy, counts=unweighted, device=torch.device("cpu"), folder=model.run.code)
    same = validation is part or (known is not None and known.all_validated_on)
    content = {
        **model.origin(),
        "data": {"name": dataset.name, "path": dataset.path, "fingerprint": part.source.fingerprint()},
        "role": part.role,
        "selected_on_test": part.selected_on_test,
        "tta": wanted.tta,
        "unreadable": [{"name": image.name, "reason": image.reason} for image in found.unreadable],
        **evaluation(found.logits, labels, model.classes, loss.plain, fitted, why_not, fitted_on_evaluated=same),
        "trained_on": known.trained_on if known is not None else None,
        "throughput": {
            "images_per_second": len(labels) / found.computing,
            "of": "model",
            "reading_seconds": found.decoding,
            "computing_seconds": found.computing,
            "batch": batch,
        },
        "time": time.time(),
    }
    words: list[str] = ["evaluation"]
    if wanted.data is not None:
        words += [slug(dataset.name), content["data"]["fingerprint"][:8]]
    words += [part.role] + (["tta"] if wanted.tta else [])
    file = model.run.results / f"{'-'.join(words)}.json"
    not_written = write_result(file, printable(content))
    return content | {"file": "" if not_written else str(file), "not_written": not_written}


def _warm_up(model: Trained, batch: int) -> None:
    """The first batch takes longer, on a GPU by seconds; it is no part of the throughput."""
    side = model.spec.preprocessing.image_size
    model.logits(torch.zeros(batch, model.spec.preprocessing.channels, side, side, dtype=torch.uint8))


def _judged(model: Trained, part: _Part, tta: bool, may_skip: bool, progress: Callable[[int, int], None]) -> Predicted:
    return model.predict(part.source.images, part.indices, flip=tta, skip_unreadable=may_skip, progress=progress)


def _own(model: Trained, data_dir: Path, split: str) -> _Part:
    run = model.run
    source = open_dataset(model.spec.dataset, data_dir=data_dir, folder=run.code)
    if not run.split.is_file():
        raise InputError(f"Run {run.id} has no split.csv, so which images it was not trained on is unknown.")
    divided = splits.load(run.split, source)
    parts = {"test": divided.test, "validation": divided.validation}
    role = split or ("test" if len(divided.test) else "validation")
    if not same_classes(source.classes, model.classes):
        raise InputError(f"The data set of run {run.id} has other classes than when the run was trained.")
    if not len(parts[role]):
        held_out = [name for name, indices in parts.items() if len(indices)]
        remedy = f"--split {held_out[0]}" if held_out else "--data PATH, with images of other kinds than it has seen"
        raise InputError(f"Run {run.id} has no {role} images. Give {remedy}.")
    return _part(role, source, parts[role], source.labels, divided.selected_on_test)


def _another(wanted: EvaluateRequest, model: Trained, data_dir: Path) -> _Part:
    assert wanted.data is not None
    source = open_dataset(wanted.data, data_dir=data_dir)
    unknown = [name for name in source.classes if name not in model.classes]
    if unknown:
        some = ", ".join(unknown[:_NAMED]) + (", …" if len(unknown) > _NAMED else "")
        known = ", ".join(model.classes[:_NAMED]) + (", …" if len(model.classes) > _NAMED else "")
        raise InputError(
            f"data set {wanted.data.name} has classes that run {model.run.id} does not know: {some}. It knows: {known}"
        )
    labels = np.array([model.classes.index(name) for name in source.classes])[source.labels]
    labelled = source.labels >= 0
    roles = {"test": Role.TEST, "validation": Role.VALIDATION}
    has_test = source.roles is not None and bool((labelled & (source.roles == Role.TEST)).any())
    role = wanted.split or ("test" if has_test else "")
    if role:
        labelled = labelled & (source.roles == roles[role]) if source.roles is not None else labelled & False
    indices = np.flatnonzero(labelled).astype(np.int64)
    if not len(indices):
        raise InputError(f"data set {wanted.data.name} has no labelled {f'{role} ' if role else ''}image.")
    return _part(role or "all", source, indices, labels)


def _part(role: str, source: Source, indices: splits.Indices, labels: Any, selected_on_test: bool = False) -> _Part:
    return _Part(role, source, indices, torch.from_numpy(labels[indices].astype(np.int64)), selected_on_test)


def _validation(wanted: EvaluateRequest, model: Trained, part: _Part, data_dir: Path) -> tuple[_Part | None, str]:
    """The images that the temperature is fitted on, and why there are none."""
    if wanted.data is None and (part.role == "validation" or part.selected_on_test):
        return part, ""
    try:
        return _own(model, data_dir, "validation"), ""
    except InputError as error:
        return None, str(error)
