"""The loop: order the epoch, take a batch, forward, backward, step, account."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vislab.engine.analysis.finding import lower_rate
from vislab.engine.data.batches import Batch, TrainingBatches
from vislab.engine.data.loading import LabelledPixels
from vislab.engine.evaluation.evaluate import Figures
from vislab.engine.models.assemble import Assembled
from vislab.engine.runs.energy import EnergyMeter
from vislab.engine.runs.events import EpochEnded, StepsLogged, figure
from vislab.engine.runs.extension import Extension, How
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training import schedules, strategies
from vislab.engine.training.controls import Controls
from vislab.engine.training.endings import STOPPED, Interrupted, TrainingFailed
from vislab.engine.training.judging import Judge
from vislab.engine.training.optim import shown_learning_rate
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.saving import Saver
from vislab.engine.training.step import Step
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy


class _NotFinite(Exception):  # noqa: N818 - leads back, to go on from there
    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


LOGGED = 2000  # intervals a run is divided into, at most
_UPDATES, _INTERVALS = 10, 20  # updates in an interval, at least, where an epoch has more intervals than this


@dataclass(frozen=True)
class Plan:
    """How long a run is, in updates."""

    steps_per_epoch: int
    total_steps: int
    epochs: int
    planned_steps: int = 0
    """Updates that the strategy itself plans."""
    extensions: tuple[tuple[int, How], ...] = ()
    """Updates in all after each extension, and what it does to the schedule."""

    @property
    def log_every(self) -> int:
        """Updates in a log interval. Counted in updates, never in time, so that a resumed log equals another.

        To read the figures means to wait for the device: where an update takes milliseconds, not at every one.
        """
        seldom = min(_UPDATES, math.ceil(self.steps_per_epoch / _INTERVALS))
        return max(seldom, math.ceil(self.total_steps / LOGGED))


def plan(strategy: Strategy, steps_per_epoch: int, extensions: Sequence[Extension] = ()) -> Plan:
    """The plan of a strategy, made longer by extensions."""
    planned = strategy.epochs * steps_per_epoch
    if strategy.max_steps:
        planned = min(planned, strategy.max_steps)
    longer = tuple((extension.epochs * steps_per_epoch, extension.schedule) for extension in extensions)
    total = longer[-1][0] if longer else planned
    return Plan(steps_per_epoch, total, math.ceil(total / steps_per_epoch), planned, longer)


@dataclass
class Loop:
    """One run's training, from its present position to its end.

    Attributes:
        training: everything that changes; its position is where the run stands.
        validation: None where there are no validation images.
        roll_back: called with the number of an update, counted from 1, that was not finite: goes back to the last full
            checkpoint and adds that update to `left_out`.
        left_out: updates, counted from 1, whose batch is passed over.
        decided_parts: (updates done, micro-batches a batch is cut into from then on), when memory ran out before.
    """

    strategy: Strategy
    plan: Plan
    assembled: Assembled
    training: Resumable
    step: Step
    batches: TrainingBatches
    validation: LabelledPixels | None
    judge: Judge
    saver: Saver
    controls: Controls
    reporter: Reporter
    roll_back: Callable[[int], None]
    energy: EnergyMeter
    left_out: frozenset[int] = frozenset()
    decided_parts: tuple[int, int] = (0, 0)

    def run(self) -> str:
        """Train until the plan is fulfilled or patience ends.

        Returns:
            Why it ended, in words; empty when the plan was fulfilled.

        Raises:
            Interrupted: somebody asked; the position is between two updates and can be saved.
            TrainingFailed: the loss or a weight is not finite.
        """
        self.controls.save_while_paused = self._save_while_paused
        self.controls.while_paused = lambda: self.saver.settle(wait=False)
        try:
            self._obey()
            self._save_if_wanted()
            self.controls.take_paused_seconds()  # pauses before the training count for nothing
            while not self._is_over():
                self._freeze()
                try:
                    self._train_epoch()
                    self._end_epoch()
                except _NotFinite as found:
                    self.roll_back(found.step)
                if self.controls.stop_after_epoch and not self._is_over():
                    raise Interrupted("stopped after the epoch on request", STOPPED)
        finally:
            self.controls.save_while_paused = None  # afterwards the model may hold other weights than the last
        position = self.training.position
        if position.step < self.plan.total_steps:
            return f"no better epoch in {position.since_best} evaluations (patience)"
        return ""

    def _is_over(self) -> bool:
        """Asked before an epoch too: a run may have been killed after the last one and resumed."""
        position, patience = self.training.position, self.strategy.patience
        impatient = patience > 0 and position.since_best >= patience
        return position.step_in_epoch == 0 and (position.step >= self.plan.total_steps or impatient)

    def _freeze(self) -> None:
        groups = self.assembled.groups
        trained = strategies.trained_groups(self.strategy, len(groups), self.training.position.epoch)
        strategies.freeze(self.training.model, self.assembled.head, groups, trained)
        if self.strategy.freeze == "gradual" and self.training.position.step_in_epoch == 0:
            before = strategies.trained_groups(self.strategy, len(groups), self.training.position.epoch - 1)
            if trained != before or self.training.position.epoch == 1:
                self.reporter.notice(
                    "info",
                    "unfreezing",
                    f"Epoch {self.training.position.epoch}: {trained} of {len(groups)} stages train, from the head "
                    "downwards; the others are frozen, in evaluation mode.",
                )

    def _train_epoch(self) -> None:
        position = self.training.position
        self.controls.take_paused_seconds()  # what was waited since the last epoch's figures is in no duration
        began = asked = time.monotonic()
        for batch in self._remaining_batches():
            position.interval_waiting += time.monotonic() - asked
            rate = self._update(batch)
            position.step += 1
            position.step_in_epoch += 1
            self.reporter.step = position.step
            means = self.training.interval.read() if self._interval_is_over() else None
            began = self._account(began)  # after reading, which waits for the device: its work is in the durations
            if means is not None:
                self._log(rate, means)
            self._between_steps()
            began += self.controls.take_paused_seconds()
            asked = time.monotonic()

    def _update(self, batch: Batch) -> float:
        """Make one update, or pass over one that is to be left out; returns the largest learning rate."""
        position = self.training.position
        since, parts = self.decided_parts
        if position.step >= since:
            position.accumulate = max(position.accumulate, parts)
        if position.step + 1 in self.left_out:
            self.training.gradient_norm = None
            return self._rate()
        return self.step(self.training, batch, self._factor(), self._base_factor(), self._interval_is_over(after=1))

    def _rate(self) -> float:
        return shown_learning_rate(self.training.optimizer)

    def _remaining_batches(self) -> Iterator[Batch]:
        position = self.training.position
        if not self._epoch_is_over():
            with self._saved_without_images():
                for batch in self.batches.epoch(position.epoch, start=position.step_in_epoch):
                    yield batch
                    if self._epoch_is_over():
                        return

    @contextmanager
    def _saved_without_images(self) -> Iterator[None]:
        """Save what was trained where images cannot be had any more: like requests, that is found between updates."""
        try:
            yield
        except InputError:
            self.save(at_start=False)
            raise

    def _epoch_is_over(self, after: int = 0) -> bool:
        position = self.training.position
        in_epoch, step = position.step_in_epoch + after, position.step + after
        return in_epoch >= self.plan.steps_per_epoch or step >= self.plan.total_steps

    def _interval_is_over(self, after: int = 0) -> bool:
        """Whether a log interval ends here, or so many updates later."""
        in_epoch = self.training.position.step_in_epoch + after
        return in_epoch % self.plan.log_every == 0 or self._epoch_is_over(after)

    def _factor(self) -> float:
        return schedules.extended_factor(
            self.strategy,
            self.training.position.step,
            steps_per_epoch=self.plan.steps_per_epoch,
            planned=self.plan.planned_steps,
            extensions=self.plan.extensions,
        )

    def _base_factor(self) -> float:
        rate = self.training.position.learning_rate
        return 1.0 if rate is None else rate / self.strategy.learning_rate

    def _obey(self) -> None:
        """Let signals and requests be seen, and take a new base rate over."""
        try:
            self.controls.check()
        finally:
            self.take_learning_rate()

    def take_learning_rate(self) -> None:
        """Make the base rate that was asked for, if any, part of the state."""
        if (rate := self.controls.learning_rate) is not None:
            self.controls.learning_rate = None
            self.training.position.learning_rate = rate
            self.controls.checkpoint_wanted = True  # a run killed now must not fall back to the old rate

    def _account(self, began: float) -> float:
        now = time.monotonic()
        position = self.training.position
        position.elapsed += now - began
        position.epoch_seconds += now - began
        position.interval_seconds += now - began
        return now

    def _between_steps(self) -> None:
        position = self.training.position
        self.reporter.progress(
            "training",
            epoch=position.epoch,
            done=position.step_in_epoch,
            total=self.plan.steps_per_epoch,
            images_per_second=self._speed,
            elapsed=position.elapsed,
        )
        self._obey()
        self.saver.after_step()
        self._save_if_wanted()

    def _save_while_paused(self) -> None:
        self.take_learning_rate()
        self._save_if_wanted()

    def _save_if_wanted(self) -> None:
        if self.controls.checkpoint_wanted:
            self.save()

    def save(self, *, at_start: bool = True) -> None:
        """Save everything a resume needs, and answer those who asked for it.

        Args:
            at_start: save before the first update too.
        """
        self.controls.checkpoint_wanted = False
        saved = self.saver.full(at_start=at_start)
        why_not = "no update has been made yet" if self.training.position.step == 0 else "its numbers are not finite"
        self.controls.answer_checkpoint("" if saved else why_not)

    _speed = 0.0

    def _log(self, rate: float, means: dict[str, float]) -> None:
        training, position = self.training, self.training.position
        seen = means["images"] > 0
        self._speed = means["images"] / max(position.interval_seconds, 1e-9)
        self.energy.look()
        self.reporter.say(
            StepsLogged(
                step=position.step,
                epoch=position.epoch,
                loss=figure(means["loss"] if seen else math.nan),
                accuracy=means["accuracy"],
                learning_rate=rate,
                gradient_norm=figure(math.nan if training.gradient_norm is None else float(training.gradient_norm)),
                images_per_second=self._speed,
                waiting=min(1.0, position.interval_waiting / max(position.interval_seconds, 1e-9)),
                elapsed=position.elapsed,
            )
        )
        if first_bad := int(training.first_bad):
            raise _NotFinite(first_bad)
        if not math.isfinite(means["loss"]):
            raise self.diverged(f"The training loss is {figure(means['loss'])}")
        if means["skipped"]:
            self._tell_skipped(int(means["skipped"]))
        training.epoch.merge(training.interval)
        training.interval.reset()
        position.interval_seconds = position.interval_waiting = 0.0

    def _tell_skipped(self, count: int) -> None:
        training, position = self.training, self.training.position
        position.skipped += count
        self.reporter.notice(
            "warning",
            "not finite",
            f"{count} of the last {training.interval.updates} updates left out: their loss or gradient was not finite "
            f"({position.skipped} so far).",
        )

    def diverged(self, what: str) -> TrainingFailed:
        """The end of a training whose numbers are not finite any more."""
        position = self.training.position
        clip = "" if self.strategy.clip_norm else ", clip the gradient (strategy.clip_norm = 1.0)"
        return TrainingFailed(
            f"{what} at step {position.step} (epoch {position.epoch}). "
            f"{lower_rate(self.strategy, position.learning_rate)}{clip} or warm up longer "
            f"(strategy.warmup_epochs, now {self.strategy.warmup_epochs:g})."
        )

    def _end_epoch(self) -> None:
        training, position = self.training, self.training.position
        if not training.is_finite():
            raise self.diverged("A weight is not finite any more")
        means = training.epoch.read()
        if means["skipped"] and not means["images"]:
            raise self.diverged("No update of this epoch was finite, and all were left out")
        due = position.epoch % self.strategy.evaluate_every == 0 or position.step >= self.plan.total_steps
        began = time.monotonic()
        with self._saved_without_images():
            validated = (
                self.judge.figures(self.validation, "validation") if self.validation is not None and due else None
            )
        seconds = time.monotonic() - began - self.controls.take_paused_seconds()
        position.elapsed += seconds
        best = validated is not None and self._is_best(validated)
        self.reporter.say(
            EpochEnded(
                epoch=position.epoch,
                step=position.step,
                train_loss=figure(means["loss"]),
                train_accuracy=means["accuracy"],
                train_top5=means["top5"],
                val_loss=figure(validated.loss) if validated else None,
                val_accuracy=validated.accuracy if validated else None,
                val_top5=validated.top5 if validated else None,
                val_macro_f1=validated.macro_f1 if validated else None,
                learning_rate=self._rate(),
                best=best,
                seconds=position.epoch_seconds + seconds,
                val_seconds=seconds,
                train_images_per_second=means["images"] / max(position.epoch_seconds, 1e-9),
                elapsed=position.elapsed,
                energy=self.energy.since(),
            )
        )
        if best:
            self.saver.best()
        training.epoch.reset()
        position.epoch += 1
        position.step_in_epoch = 0
        position.epoch_seconds = 0.0
        self._obey()
        self.saver.after_epoch()
        self._save_if_wanted()

    def _is_best(self, validated: Figures) -> bool:
        position = self.training.position
        found = getattr(validated, self.strategy.monitor)
        # A network whose answers are no numbers has an accuracy all the same, of chance or 0.
        better = math.isfinite(validated.loss + found) and (
            position.best_figure is None
            or (found < position.best_figure if self.strategy.monitor == "loss" else found > position.best_figure)
        )
        if better:
            position.best_figure, position.best_epoch, position.since_best = found, position.epoch, 0
        else:
            position.since_best += 1
        return better
