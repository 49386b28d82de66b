"""Judging weights on images that they were not trained on: after an epoch, and the best ones at the end."""

import csv
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from torch import nn

from vislab.engine.data.loading import Data, LabelledPixels
from vislab.engine.evaluation.evaluate import Figures, figures, predict_logits
from vislab.engine.evaluation.report import evaluation
from vislab.engine.runs import checkpoints, devices
from vislab.engine.runs.cells import guard
from vislab.engine.runs.events import Phase, TestFigures, figure, printable
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.store import Run
from vislab.engine.training import checkpoint
from vislab.engine.training.controls import Controls
from vislab.engine.training.endings import TrainingFailed
from vislab.engine.training.features import Features
from vislab.engine.training.losses import Loss
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.resumable import Resumable
from vislab.presets.schema.spec import Spec

DECISION = "evaluation batch"
_SMALLEST_BATCH = 256


@dataclass
class Judge:
    """Evaluates one run's weights: the moving average where there is one, else the raw ones.

    Attributes:
        batch_size: images evaluated at once; halved, and recorded, when memory runs out.
        features: of the frozen part, where only the head is to run.
    """

    run: Run
    spec: Spec
    arithmetic: Arithmetic
    device: torch.device
    reporter: Reporter
    controls: Controls
    loss: Loss
    training: Resumable
    batch_size: int = 0
    features: Features | None = None

    def __post_init__(self) -> None:
        self.batch_size = self.batch_size or max(_SMALLEST_BATCH, self.spec.strategy.decided_batch_size)

    @property
    def model(self) -> nn.Module:
        """The network whose weights are evaluated."""
        return self.training.ema.model if self.training.ema is not None else self.training.model

    def figures(self, part: LabelledPixels, phase: Phase) -> Figures:
        """Figures of the present weights. Raises as `logits`."""
        return figures(self.logits(part, phase), part.labels, self.loss.plain)

    def logits(self, part: LabelledPixels, phase: Phase) -> torch.Tensor:
        """What the present weights answer, float32 [N, K] on the CPU.

        Raises:
            Interrupted: somebody asked.
            TrainingFailed: memory ran out on a single image.
        """
        while True:
            try:
                return self._logits(part, phase)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                said = first_line(error)
                if self.batch_size == 1:
                    raise self._no_memory("evaluating single images", said) from error
            self.batch_size //= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.reporter.decide(DECISION, str(self.batch_size), f"memory ran out ({said})")

    def _no_memory(self, doing: str, said: str) -> TrainingFailed:
        return TrainingFailed(
            f"Out of memory while {doing}. What was trained is saved: free memory, or allow more of it, then vislab "
            f"resume {self.run.id}. A new run needs less with a smaller preprocessing.image_size or architecture. "
            f"({said})"
        )

    def _logits(self, part: LabelledPixels, phase: Phase) -> torch.Tensor:
        position = self.training.position

        def between(done: int, total: int) -> None:
            self.reporter.progress(phase, epoch=position.epoch, done=done, total=total, elapsed=position.elapsed)
            self.controls.check()

        if self.features is not None:
            return self.features.logits(
                self.model, phase, arithmetic=self.arithmetic, batch_size=self.batch_size, between=between
            )
        return predict_logits(
            self.model,
            part.pixels,
            preprocessing=self.spec.preprocessing,
            precision=self.arithmetic.precision,
            device=self.device,
            memory_format=self.arithmetic.layout,
            batch_size=self.batch_size,
            between=between,
        )

    def best(self, data: Data) -> TestFigures | None:
        """Judge the best weights on the test images, or on the validation images where there is no test part.

        Everything that `vislab evaluate` tells is written into the run's results. A temperature is fitted on the
        validation images.
        """
        part = data.test or data.validation
        best = next(iter(checkpoints.best(self.run.checkpoints)), None)
        if part is None or best is None:
            return None
        if fault := checkpoints.damage(best):
            self.reporter.notice("error", "checkpoint", f"The best weights ({best.name}) are damaged: {fault}.")
            return None
        try:
            tensors, _ = checkpoint.load(best)
            last = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        except (MemoryError, RuntimeError, OSError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._no_memory("loading the best weights", first_line(error)) from error
        try:
            self.model.load_state_dict(tensors.get("ema", tensors["weights"]))
            self.controls.take_paused_seconds()  # pauses before count for nothing
            begun = time.monotonic()
            found = self.figures(part, "testing")
            seconds = time.monotonic() - begun - self.controls.take_paused_seconds()
            fitted_on = data.validation
            fitted = found.logits if fitted_on is part or fitted_on is None else self.logits(fitted_on, "validation")
        finally:
            self.model.load_state_dict(last)
        told = evaluation(
            found.logits,
            part.labels,
            data.classes,
            self.loss.plain,
            (fitted, fitted_on.labels) if fitted_on is not None else None,
            fitted_on_evaluated=fitted_on is part,
        )
        result = self._result(data, found, told, best, "ema" if "ema" in tensors else "raw")
        told |= self._origin(data, best, result, seconds)
        self.reporter.persist(lambda: self._write_results(told, found, part, data.classes))
        return result

    def _result(
        self,
        data: Data,
        found: Figures,
        told: dict[str, Any],
        best: Path,
        weights: Literal["ema", "raw"],
    ) -> TestFigures:
        listed = checkpoints.manifest(best)
        assert listed is not None
        calibrated = told["calibration"]
        return TestFigures(
            role="test" if data.test is not None else "validation",
            images=found.images,
            loss=figure(found.loss),
            accuracy=found.accuracy,
            top5=found.top5,
            macro_f1=found.macro_f1,
            weights=weights,
            epoch=listed.epoch,
            weighted_f1=told["weighted_f1"],
            calibration_error=calibrated["error"],
            temperature=calibrated["temperature"],
            calibration_error_scaled=calibrated["error_scaled"],
            fitted_on_evaluated=calibrated["fitted_on_evaluated"],
        )

    def _origin(self, data: Data, best: Path, result: TestFigures, seconds: float) -> dict[str, Any]:
        """Which weights, data and device, in the words of `vislab evaluate`."""
        listed = checkpoints.manifest(best)
        assert listed is not None
        dataset = self.spec.dataset
        cuda = self.device.type == "cuda"
        name = torch.cuda.get_device_name(self.device) if cuda else devices.host().processor
        file = f"{'ema' if result.weights == 'ema' else 'weights'}.safetensors"
        return {
            "role": result.role,
            "weights": result.weights,
            "epoch": result.epoch,
            "run": self.run.id,
            "checkpoint": best.name,
            "checkpoint_files": listed.files,
            "weights_sha256": listed.files[file],
            "step": listed.step,
            "precision": self.arithmetic.precision,
            "device": str(self.device),
            "device_name": name,
            "data": {"name": dataset.name, "path": dataset.path, "fingerprint": data.fingerprint},
            "trained_on": None,  # copies of training images among them are told of when the data are read
            "selected_on_test": data.split.selected_on_test,
            "tta": False,
            "unreadable": [],
            "throughput": {
                "images_per_second": result.images / max(seconds, 1e-9),
                "of": "model" if self.features is None else "head",
                "reading_seconds": None,
                "computing_seconds": seconds,
                "batch": min(self.batch_size, result.images),
            },
            "time": time.time(),
        }

    def _write_results(
        self, told: dict[str, Any], found: Figures, part: LabelledPixels, classes: tuple[str, ...]
    ) -> None:
        write_atomically(self.run.results / f"{told['role']}.json", msgspec.json.encode(printable(told)))
        confidence = found.logits.softmax(dim=1).amax(dim=1).tolist()
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["name", "label", "predicted", "confidence"])
        rows = zip(part.names, part.labels.tolist(), found.predicted.tolist(), confidence, strict=True)
        for name, label, predicted, share in rows:
            writer.writerow([guard(name), guard(classes[label]), guard(classes[predicted]), f"{share:.6f}"])
        write_atomically(self.run.path / "predictions.csv", text.getvalue().encode("utf-8", "surrogateescape"))
