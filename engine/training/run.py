"""One run from its spec to its result: data, model, optimizer, loop, last evaluation."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import nn

from vislab.engine.data.augment import Pipeline
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.loading import Data, LabelledPixels, load_data
from vislab.engine.evaluation.evaluate import Figures, figures, predict_logits
from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import Phase, RunResumed, RunStarted, TestFigures, figure
from vislab.engine.runs.extension import extensions
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run
from vislab.engine.training import checkpoint, ema, optim, precision, strategies
from vislab.engine.training.controls import Controls
from vislab.engine.training.environment import environment
from vislab.engine.training.loop import Loop, plan
from vislab.engine.training.losses import Loss, make_loss
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.precision import MEMORY_FORMATS
from vislab.engine.training.resumable import Position, Resumable
from vislab.engine.training.saving import Saver
from vislab.engine.training.step import Step
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

_SMALLEST_EVALUATION_BATCH = 256
FROZEN = "frozen part"


@dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes:
        reason: why before its plan was fulfilled; empty when it was.
        test: the last evaluation; None where there was nothing to evaluate, or no best weights.
    """

    reason: str
    test: TestFigures | None


@dataclass
class Training:
    """A run in the course of being trained.

    Args:
        before: the fold of the run's log so far; its decisions are kept when a checkpoint is resumed.
        spec: the run's spec, its own files replaced by the copies under code/.
    """

    run: Run
    spec: Spec
    settings: Settings
    device: torch.device
    reporter: Reporter
    controls: Controls
    before: RunState
    loop: Loop | None = None
    """Set when the model stands where training begins or goes on."""

    def __call__(self) -> Outcome:
        """Train to the end.

        Raises:
            Interrupted: somebody asked; call `save` to keep the state.
            TrainingFailed: the loss is not finite.
            InputError: the user can mend what is wrong.
        """
        spec = self.spec
        precision.check(spec.precision, self.device)
        checkpoint.recover(self.run.checkpoints)
        resumed_from = self._newest_whole_checkpoint()
        fresh = resumed_from is None
        data = self._load_data(fresh=fresh)
        self.reporter.progress("building", force=True)
        # A checkpoint holds all weights: what they were once made from may be gone by now.
        assembled = self._assemble(data, pretrained=spec.strategy.pretrained and fresh)
        model = assembled.model.to(self.device).to(memory_format=MEMORY_FORMATS[spec.memory_format])
        loop = self._loop(data, assembled, model, fresh=fresh)
        frozen = self._go_on(resumed_from, loop) if resumed_from else self._begin(data, assembled, loop)
        self.loop = loop
        reason = loop.run()
        if frozen != self._frozen_hash(loop):
            self.reporter.notice("error", FROZEN, "The frozen part has changed while training. This is a fault.")
        test = self._final_evaluation(data, loop)
        loop.saver.full()
        loop.saver.keep(1)
        return Outcome(reason, test)

    @property
    def position(self) -> Position | None:
        """Where the training stands; None before it began or went on."""
        return self.loop.training.position if self.loop is not None else None

    def save(self) -> None:
        """Save everything a resume needs, after an interruption."""
        if self.loop is not None:
            self.reporter.progress("saving", force=True)
            self.loop.take_learning_rate()
            self.loop.saver.full()

    def _newest_whole_checkpoint(self) -> Path | None:
        faults = []
        for folder in checkpoints.full(self.run.checkpoints):
            if not (fault := checkpoints.damage(folder)):
                break
            faults.append(f"Checkpoint {folder.name} is damaged ({fault})")
        else:
            folder = None
        instead = f"checkpoint {folder.name} is used" if folder else "the run starts again from the beginning"
        for fault in faults:
            self.reporter.notice("warning", "checkpoint", f"{fault}; {instead}.")
        return folder

    def _load_data(self, *, fresh: bool) -> Data:
        if fresh:
            self.run.split.unlink(missing_ok=True)
        data = load_data(
            self.spec,
            data_dir=self.settings.data_dir,
            split_file=self.run.split,
            code=self.run.code,
            progress=lambda done, total: self.reporter.progress("reading data", done=done, total=total),
            check=self.controls.check,
        )
        if fresh:
            self.reporter.decide("data", data.fingerprint, "fingerprint of the data set")
            self._tell_store_size(data)
        elif data.fingerprint != self._decided("data"):
            self.reporter.notice(
                "warning",
                "data",
                "The data set is not the one that the run began with (another fingerprint): figures before and after "
                "this point are not of the same images.",
            )
        return data

    def _decided(self, what: str) -> str:
        choices = [decision.choice for decision in self.before.decisions if decision.what == what]
        return choices[-1] if choices else ""

    def _tell_store_size(self, data: Data) -> None:
        stored, wanted = data.train.pixels.shape[-1], self.spec.preprocessing.image_size
        if stored != wanted:
            self.reporter.notice(
                "info",
                "preprocessing",
                f"Training pixels are kept at {stored} x {stored} and cropped to {wanted}: random resized crops come "
                f"from these squares, not from the originals, so very small crops are softer than they could be.",
            )

    def _assemble(self, data: Data, *, pretrained: bool) -> Assembled:
        spec = self.spec
        return assemble(
            spec.architecture,
            num_classes=len(data.classes),
            in_channels=spec.preprocessing.channels,
            image_size=spec.preprocessing.image_size,
            pretrained=pretrained,
            drop_rate=spec.strategy.drop_rate,
            drop_path=spec.strategy.drop_path,
            seed=spec.seed,
            folder=self.run.code,
            runs_dir=self.settings.runs_dir,
        )

    def _loop(self, data: Data, assembled: Assembled, model: nn.Module, *, fresh: bool) -> Loop:
        spec, strategy = self.spec, self.spec.strategy
        optimizer = optim.make_optimizer(strategy, model, assembled.groups, self.device)
        training = Resumable(
            model=model,
            optimizer=optimizer,
            scaler=precision.scaler(spec.precision, self.device),
            ema=ema.ExponentialMovingAverage(model, strategy.ema) if strategy.ema else None,
            interval=Accumulator(self.device),
            epoch=Accumulator(self.device),
        )
        loss = make_loss(strategy, counts=list(data.counts["train"]), device=self.device, folder=self.run.code)
        batches = TrainingBatches(
            data.train.pixels,
            data.train.labels,
            preprocessing=spec.preprocessing,
            pipeline=Pipeline(
                () if strategy.augment == "none" else strategy.augment,
                image_size=spec.preprocessing.image_size,
                folder=self.run.code,
            ),
            seed=spec.seed,
            batch_size=strategy.batch_size,
            mixup=strategy.mixup,
            cutmix=strategy.cutmix,
            device=self.device,
            memory_format=MEMORY_FORMATS[spec.memory_format],
        )
        if fresh:
            self._record_decisions(assembled, optimizer)
        return Loop(
            strategy=strategy,
            plan=plan(strategy, batches.steps_per_epoch, extensions(self.before)),
            assembled=assembled,
            training=training,
            step=Step(
                loss=loss,
                seed=spec.seed,
                device=self.device,
                precision=spec.precision,
                accumulate=strategy.accumulate,
                clip_norm=strategy.clip_norm,
                minimum_learning_rate=strategy.minimum_learning_rate,
            ),
            batches=batches,
            validate=self._validator(data.validation, training, loss),
            saver=Saver(self.run.checkpoints, training, self.reporter, spec.checkpoint_every),
            controls=self.controls,
            reporter=self.reporter,
        )

    def _validator(self, part: LabelledPixels | None, training: Resumable, loss: Loss) -> Callable[[], Figures] | None:
        if part is None:
            return None
        return lambda: self._evaluate(training.ema.model if training.ema else training.model, part, loss, "validation")

    def _evaluate(self, model: nn.Module, part: LabelledPixels, loss: Loss, phase: Phase) -> Figures:
        spec = self.spec
        position = self.position
        assert position is not None

        def between(done: int, total: int) -> None:
            self.reporter.progress(phase, epoch=position.epoch, done=done, total=total, elapsed=position.elapsed)
            self.controls.check()

        logits = predict_logits(
            model,
            part.pixels,
            preprocessing=spec.preprocessing,
            precision=spec.precision,
            device=self.device,
            memory_format=MEMORY_FORMATS[spec.memory_format],
            batch_size=max(_SMALLEST_EVALUATION_BATCH, spec.strategy.batch_size),
            between=between,
        )
        return figures(logits, part.labels, loss.plain)

    def _record_decisions(self, assembled: Assembled, optimizer: torch.optim.Optimizer) -> None:
        decide = self.reporter.decide
        decide("threads", str(torch.get_num_threads()), "torch's own choice for this machine")
        decide("precision", self.spec.precision, "as the spec says", memory_format=self.spec.memory_format)
        decide("optimizer", optim.implementation(optimizer), f"implementation of {self.spec.strategy.optimizer}")
        if (record := assembled.weights) is not None:
            decide(
                "pretrained weights",
                record.path,
                f"found as {record.source}",
                sha256=record.sha256,
                tensors=record.tensors_loaded,
                left_out=", ".join(record.left_out),
            )

    def _begin(self, data: Data, assembled: Assembled, loop: Loop) -> str:
        """Say how the run starts; returns the hash of its frozen part."""
        checkpoint.forget_after(self.run.checkpoints, 0)  # of a run whose full checkpoints are all damaged
        self._say_started(data, assembled, loop)
        if frozen := self._frozen_hash(loop):
            self.reporter.decide(FROZEN, frozen, "hash of the frozen parameters and buffers at the start")
        return frozen

    def _say_started(self, data: Data, assembled: Assembled, loop: Loop) -> None:
        strategy = self.spec.strategy
        model = loop.training.model
        kept = assembled.groups[-1:] if strategy.freeze == "backbone" else assembled.groups
        trained = {name for group in kept for name in group}
        sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
        self.reporter.say(
            RunStarted(
                environment=environment(self.device),
                classes=data.classes,
                counts=data.counts,
                split=data.split.description,
                selected_on_test=data.split.selected_on_test,
                parameters=sum(sizes.values()),
                trained_parameters=sum(size for name, size in sizes.items() if name in trained),
                head=assembled.head,
                batch_size=strategy.batch_size,
                steps_per_epoch=loop.plan.steps_per_epoch,
                epochs=loop.plan.epochs,
                log_every=loop.plan.log_every,
                evaluated_weights="ema" if strategy.ema else "raw",
            )
        )
        if strategy.batch_size > len(data.train):
            self.reporter.notice(
                "warning",
                "batch size",
                f"The batch of {strategy.batch_size} is larger than the training set ({len(data.train)} images): "
                f"one update an epoch.",
            )

    def _go_on(self, folder: Path, loop: Loop) -> str:
        """Restore a checkpoint and say so; returns the hash of the frozen part when the run started."""
        tensors, scalars = checkpoint.load(folder)
        loop.training.restore(tensors, scalars)
        position = loop.training.position
        self.reporter.step = position.step
        loop.saver = Saver(self.run.checkpoints, loop.training, self.reporter, self.spec.checkpoint_every)
        checkpoint.forget_after(self.run.checkpoints, position.step)
        self.reporter.say(
            RunResumed(
                checkpoint=f"{folder.parent.name}/{folder.name}",
                step=position.step,
                epochs=loop.plan.epochs,
                environment=environment(self.device),
            )
        )
        return self._decided(FROZEN)

    def _frozen_hash(self, loop: Loop) -> str:
        if self.spec.strategy.freeze != "backbone":
            return ""
        strategies.freeze(loop.training.model, loop.assembled.head, loop.assembled.groups, 1)
        return strategies.state_hash(strategies.frozen_state(loop.training.model))

    def _final_evaluation(self, data: Data, loop: Loop) -> TestFigures | None:
        """Judge the best weights on the test images, or on the validation images where there is no test part."""
        part = data.test or data.validation
        best = next(iter(checkpoints.best(self.run.checkpoints)), None)
        if part is None or best is None:
            return None
        if fault := checkpoints.damage(best):
            self.reporter.notice("error", "checkpoint", f"The best weights ({best.name}) are damaged: {fault}.")
            return None
        tensors, _ = checkpoint.load(best)
        listed = checkpoints.manifest(best)
        assert listed is not None
        weights = "ema" if "ema" in tensors else "raw"
        model = loop.training.ema.model if loop.training.ema else loop.training.model
        last = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        try:
            model.load_state_dict(tensors["ema" if weights == "ema" else "weights"])
            found = self._evaluate(model, part, loop.step.loss, "testing")
        finally:
            model.load_state_dict(last)
        result = TestFigures(
            role="test" if data.test is not None else "validation",
            images=found.images,
            loss=figure(found.loss),
            accuracy=found.accuracy,
            top5=found.top5,
            macro_f1=found.macro_f1,
            weights="ema" if weights == "ema" else "raw",
            epoch=listed.epoch,
        )
        self._write_results(result, found, part, data.classes, best)
        return result

    def _write_results(
        self, result: TestFigures, found: Figures, part: LabelledPixels, classes: tuple[str, ...], best: Path
    ) -> None:
        content = msgspec.to_builtins(result) | {"checkpoint": best.name, "checkpoint_files": _files(best)}
        write_atomically(self.run.results / f"{result.role}.json", msgspec.json.encode(content))
        confidence = found.logits.softmax(dim=1).amax(dim=1).tolist()
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["name", "label", "predicted", "confidence"])
        rows = zip(part.names, part.labels.tolist(), found.predicted.tolist(), confidence, strict=True)
        for name, label, predicted, share in rows:
            writer.writerow([name, classes[label], classes[predicted], f"{share:.6f}"])
        write_atomically(self.run.path / "predictions.csv", text.getvalue().encode("utf-8", "surrogateescape"))


def _files(folder: Path) -> dict[str, str]:
    listed = checkpoints.manifest(folder)
    return listed.files if listed else {}
