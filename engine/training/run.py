"""One run from its spec to its result: data, model, optimizer, loop, last evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.loading import Data
from vislab.engine.data.source import same_classes
from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.runs import batch_size, checkpoints
from vislab.engine.runs.energy import Card, EnergyMeter, Packages
from vislab.engine.runs.events import RunResumed
from vislab.engine.runs.extension import extensions
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run
from vislab.engine.training import checkpoint, compiling, ema, judging, optim, precision, strategies
from vislab.engine.training.arithmetic import Settling
from vislab.engine.training.batch_choice import about_learning_rate
from vislab.engine.training.beginning import initialise, say_started
from vislab.engine.training.compiling import Compiling
from vislab.engine.training.controls import Controls
from vislab.engine.training.endings import Interrupted, Outcome
from vislab.engine.training.environment import card, environment
from vislab.engine.training.extraction import DECISION, ONCE, Extraction
from vislab.engine.training.feeding import training_batches
from vislab.engine.training.judging import Judge
from vislab.engine.training.loop import Loop, plan
from vislab.engine.training.losses import Loss, make_loss
from vislab.engine.training.measuring import Measuring
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.reading import Reading
from vislab.engine.training.remembered import Remembered
from vislab.engine.training.resident import Residence
from vislab.engine.training.resumable import Position, Resumable
from vislab.engine.training.saving import Saver
from vislab.engine.training.step import Step
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

FROZEN = "frozen part"
MICRO_BATCH = "micro-batch"
LEFT_OUT = "updates left out"
_ROLLBACKS = 3


@dataclass
class Training:
    """A run in the course of being trained.

    Args:
        before: the fold of the run's log so far; its decisions are kept when a checkpoint is resumed.
        force: go on with images that have changed since the run began.
        spec: the run's spec, its own files replaced by the copies under code/.
    """

    run: Run
    spec: Spec
    settings: Settings
    device: torch.device
    reporter: Reporter
    controls: Controls
    before: RunState
    force: bool = False
    arithmetic: Arithmetic = field(default_factory=Arithmetic)
    """Settled before the model is put on the device, as the batch size in `spec` is."""
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
        if spec.precision != "auto":
            precision.check(spec.precision, self.device)
        checkpoint.recover(self.run.checkpoints)
        resumed_from = self._newest_whole_checkpoint()
        fresh = resumed_from is None
        decided = frozenset(decision.what for decision in self.before.decisions)
        data = Reading(self.run, spec, self.settings, self.reporter, self.controls, self.force, decided)(fresh=fresh)
        if not fresh and (begun := self.before.started) is not None:
            if not same_classes(data.classes, begun.classes):
                raise InputError(
                    "The data set has other classes than when the run began: put them back as they were, or start a "
                    "new run."
                )
            data = replace(data, classes=begun.classes)  # an earlier version wrote some names otherwise
        self.reporter.progress("building", force=True)
        # A checkpoint holds all weights: what they were once made from may be gone by now.
        assembled = self._assemble(data, pretrained=spec.strategy.pretrained and fresh)
        self._settle(data, assembled)
        model = assembled.model.to(self.device).to(memory_format=self.arithmetic.layout)
        loop = self._loop(data, assembled, model, fresh=fresh)
        self.loop = loop
        frozen = self._go_on(resumed_from, loop) if resumed_from else self._begin(data, loop)
        self._take_learning_rate(loop.training.position)
        try:
            with self._features_in_place(data, loop, frozen):
                self._make_faster(data, loop)
                reason = loop.run()
                if frozen != self._frozen_hash(loop):
                    text = "The frozen part has changed while training. This is a fault."
                    self.reporter.notice("error", FROZEN, text)
                loop.save()  # before the last evaluation: nothing is lost if that fails
        finally:
            loop.saver.settle()
        test = loop.judge.best(data)
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
            try:
                self.loop.save(at_start=False)
            except Interrupted:
                newest = next(iter(checkpoints.full(self.run.checkpoints)), None)
                kept = f"since checkpoint {newest.name}" if newest else "so far"
                self.reporter.notice("error", "checkpoint", f"What was trained {kept} is lost: it cannot be saved.")
                raise

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

    def _energy_meter(self) -> EnergyMeter:
        meter = EnergyMeter(Packages() if self.device.type == "cpu" else Card(card(self.device)))
        if meter.tells and self.device.type == "cpu" and not self._decided("energy"):
            self.reporter.decide("energy", "processor's packages", "their own counters, which count all processes")
        return meter

    def _decided(self, what: str) -> str:
        choices = [decision.choice for decision in self.before.decisions if decision.what == what]
        return choices[-1] if choices else ""

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

    def _settle(self, data: Data, assembled: Assembled) -> None:
        """Settle the batch size, then for that the arithmetic: as decided before, as the spec says, or by measuring."""

        def check() -> None:
            self.reporter.progress("measuring")
            self.controls.check()

        memory = self.settings.cache_dir / "measured"
        measuring = Measuring(self.spec, data, assembled, self.device, self.run.code, check)
        if self.spec.strategy.batch_size == "auto":
            self._settle_batch_size(measuring, Remembered(memory))
            measuring = replace(measuring, spec=self.spec)
        settle = Settling(
            spec=self.spec,
            device=self.device,
            reporter=self.reporter,
            before=self.before,
            memory=memory,
            code=self.run.code,
        )
        self.arithmetic = settle(len(data.classes), measuring.arithmetic)

    def _settle_batch_size(self, measuring: Measuring, remembered: Remembered) -> None:
        choice, trouble = measuring.batch_size(remembered)
        self.spec = batch_size.with_batch_size(self.spec, choice.batch_size)
        self.reporter.decide(batch_size.DECISION, str(choice.batch_size), choice.why, **choice.table)
        for text in filter(None, (about_learning_rate(self.spec.strategy), trouble)):
            self.reporter.notice("info", batch_size.DECISION, text)

    def _loop(self, data: Data, assembled: Assembled, model: nn.Module, *, fresh: bool) -> Loop:
        spec, strategy = self.spec, self.spec.strategy
        optimizer = optim.make_optimizer(strategy, model, assembled.groups, self.device)
        batches = self._batches(data)
        if fresh and not strategy.pretrained:
            initialise(model, batches)
        training = Resumable(
            model=model,
            optimizer=optimizer,
            scaler=precision.scaler(self.arithmetic.precision, self.device),
            ema=ema.ExponentialMovingAverage(model, strategy.ema) if strategy.ema else None,
            interval=Accumulator(self.device),
            epoch=Accumulator(self.device),
        )
        loss = make_loss(strategy, counts=list(data.counts["train"]), device=self.device, folder=self.run.code)
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
                precision=self.arithmetic.precision,
                accumulate=strategy.accumulate,
                clip_norm=strategy.clip_norm,
                minimum_learning_rate=strategy.minimum_learning_rate,
                on_nan=strategy.on_nan,
                smallest=2 if _takes_batch_statistics(training.model) else 1,
                on_smaller=partial(self._record_smaller, training),
            ),
            batches=batches,
            validation=data.validation,
            judge=self._judge(training, loss),
            saver=self._saver(training),
            controls=self.controls,
            reporter=self.reporter,
            roll_back=self._roll_back,
            energy=self._energy_meter(),
            left_out=frozenset(map(int, self._decided(LEFT_OUT).split())),
            decided_parts=self._decided_parts(),
        )

    def _batches(self, data: Data) -> TrainingBatches:
        return training_batches(self.spec, data, self.device, self.arithmetic.layout, self.run.code)

    @contextmanager
    def _features_in_place(self, data: Data, loop: Loop, frozen: str) -> Iterator[None]:
        """Let the head train and be judged on features, where the frozen part needs to run only once."""
        extraction = Extraction(
            self.spec, self.settings, self.run.code, self.device, self.arithmetic, self.reporter, self.controls
        )
        decided = next((made for made in self.before.decisions if made.what == DECISION), None)
        features = extraction(data, loop, frozen, decided)
        if features is None:
            yield
            return
        features = self._residence(data).of_features(features)
        loop.batches.features = features.of_training
        loop.step = replace(loop.step, forward=features.split.logits)
        loop.judge.features = features
        try:
            yield
        finally:
            features.release()

    def _make_faster(self, data: Data, loop: Loop) -> None:
        """Compile updates, and move pixels to the device, where that is wanted and possible."""
        decided = self._decided(compiling.DECISION)
        on_features = loop.judge.features is not None
        anew = on_features != (self._decided(DECISION) == ONCE)
        Compiling(self.spec, self.device, self.arithmetic, self.reporter, self.controls, decided, anew)(loop)
        if not on_features:
            self._residence(data)(loop.batches)

    def _residence(self, data: Data) -> Residence:
        return Residence(self.spec, len(data.classes), self.device, self.reporter, self.controls)

    def _saver(self, training: Resumable) -> Saver:
        return Saver(self.run.checkpoints, training, self.reporter, self.spec.checkpoint_every, self.spec.keep)

    def _judge(self, training: Resumable, loss: Loss) -> Judge:
        evaluated_at_once = int(self._decided(judging.DECISION) or 0)
        return Judge(
            self.run,
            self.spec,
            self.arithmetic,
            self.device,
            self.reporter,
            self.controls,
            loss,
            training,
            evaluated_at_once,
        )

    def _take_learning_rate(self, position: Position) -> None:
        """Take the base rate that was asked for when no checkpoint could hold it yet: before the first update."""
        asked = [made for made in self.before.controls if made.action == "set_learning_rate"]
        if rates := [float(made.value) for made in asked if made.step <= position.step]:
            position.learning_rate = rates[-1]

    def _decided_parts(self) -> tuple[int, int]:
        decision = next((decision for decision in self.before.decisions if decision.what == MICRO_BATCH), None)
        return (int(decision.details["step"]), int(decision.details["accumulate"])) if decision else (0, 0)

    def _record_smaller(self, training: Resumable, parts: int, images: int, said: str) -> None:
        self.reporter.decide(
            MICRO_BATCH, str(images), f"memory ran out ({said})", accumulate=parts, step=training.position.step
        )
        if _takes_batch_statistics(training.model):
            self.reporter.notice(
                "warning",
                MICRO_BATCH,
                f"Memory ran out: each batch is now made of {parts} micro-batches of up to {images} images. The batch "
                f"and its loss are the same, but batch normalisation takes its statistics from micro-batches.",
            )

    def _roll_back(self, step: int) -> None:
        """Go back to the newest full checkpoint, and leave out an update that was not finite."""
        loop = self.loop
        assert loop is not None
        loop.saver.settle()
        folder = self._newest_whole_checkpoint()
        if folder is None or len(loop.left_out) >= _ROLLBACKS:
            raise loop.diverged(f"Update {step} was not finite, after {len(loop.left_out)} updates were left out")
        loop.left_out |= {step}
        listed = " ".join(map(str, sorted(loop.left_out)))
        self.reporter.decide(LEFT_OUT, listed, "the loss or gradient of these updates was not finite")
        self._go_on(folder, loop)
        self.reporter.notice(
            "warning",
            "not finite",
            f"The loss or gradient of update {step} was not finite: back to checkpoint {folder.name}, and on without "
            f"that update ({len(loop.left_out)} of at most {_ROLLBACKS} times).",
        )

    def _record_decisions(self, assembled: Assembled, optimizer: torch.optim.Optimizer) -> None:
        decide = self.reporter.decide
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

    def _begin(self, data: Data, loop: Loop) -> str:
        """Say how the run starts; returns the hash of its frozen part."""
        checkpoint.forget_after(self.run.checkpoints, 0)  # of a run whose full checkpoints are all damaged
        say_started(self.reporter, self.spec, self.device, data, loop)
        if frozen := self._frozen_hash(loop):
            self.reporter.decide(FROZEN, frozen, "hash of the frozen parameters and buffers at the start")
        if self.spec.strategy.on_nan == "rollback":
            loop.saver.full(at_start=True)
        return frozen

    def _go_on(self, folder: Path, loop: Loop) -> str:
        """Restore a checkpoint and say so; returns the hash of the frozen part when the run started."""
        tensors, scalars = checkpoint.load(folder)
        loop.training.restore(tensors, scalars)
        position = loop.training.position
        self.reporter.step = position.step
        loop.saver = self._saver(loop.training)
        checkpoint.forget_after(self.run.checkpoints, position.step)
        self.reporter.progress("building", epoch=position.epoch)
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


def _takes_batch_statistics(model: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in model.modules())
