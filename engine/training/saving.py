"""When checkpoints are written, what they hold, and which are kept."""

import re
import time
from pathlib import Path
from typing import Any

from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import CheckpointSaved
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training import checkpoint
from vislab.engine.training.resumable import Resumable

_SHARE = 100  # work between automatic saves, in saves: 1 % of the time, which leaves as much for best weights
_AT_LEAST = 10.0  # seconds of work before an automatic save inside an epoch


class Saver:
    """Writes the checkpoints of one run.

    Args:
        folder: the run's checkpoints folder.
        every: auto, or such as 20steps, 5min, 1epoch.
        keep: full checkpoints kept while the run lives: a damaged newest one leaves another.
    """

    def __init__(self, folder: Path, training: Resumable, reporter: Reporter, every: str, keep: int = 2) -> None:
        self._folder = folder
        self._training = training
        self._reporter = reporter
        self._keep = keep
        self._every, self._unit = _parse(every)
        self._saved_elapsed = training.position.elapsed
        self._saved_at: tuple[int, int, float | None] | None = None
        self._cost = 0.02  # seconds, until the first save has been timed

    def after_step(self) -> None:
        """Save if it is time to, between two updates."""
        position = self._training.position
        worked = position.elapsed - self._saved_elapsed
        match self._unit:
            case "steps":
                due = position.step % self._every == 0
            case "min":
                due = worked >= 60 * self._every
            case "auto":
                due = worked >= max(_AT_LEAST, _SHARE * self._cost)
            case _:
                due = False
        if due:
            self.full()

    def after_epoch(self) -> None:
        """Save if it is time to, between two epochs; `position` stands at the beginning of the next one."""
        position = self._training.position
        match self._unit:
            case "epochs":
                due = (position.epoch - 1) % self._every == 0
            case "auto":
                due = position.elapsed - self._saved_elapsed >= _SHARE * self._cost
            case _:
                due = False
        if due:
            self.full()

    def full(self, *, at_start: bool = False) -> bool:
        """Save everything a resume needs, unless there is nothing yet or something is not finite.

        Args:
            at_start: save before the first update too.

        Returns:
            Whether the present position is saved, now or before.
        """
        position = self._training.position
        path = self._folder / str(position.step)
        if self._saved_at == (position.step, position.epoch, position.learning_rate):
            return True
        if (position.step == 0 and not at_start) or not self._training.is_finite():
            return False
        size, self._cost = self._write(
            path,
            kind="full",
            tensors=self._training.tensors(),
            state=self._training.scalars(),
            before_manifest=self._reporter.sync,
        )
        self._say("full", path, size, self._cost)
        self._saved_elapsed = position.elapsed
        self._saved_at = (position.step, position.epoch, position.learning_rate)
        self.keep(self._keep)
        return True

    def best(self) -> bool:
        """Save the weights (and their moving average) as the best so far."""
        if not self._training.is_finite():
            return False
        path = self._folder / f"best-{self._training.position.step}"
        tensors = {"weights": self._training.model.state_dict()}
        if self._training.ema is not None:
            tensors["ema"] = self._training.ema.model.state_dict()
        size, seconds = self._write(path, kind="best", tensors=tensors)
        self._say("best", path, size, seconds)
        self._prune_best()
        return True

    def keep(self, count: int) -> None:
        """Delete all full checkpoints but the newest `count`."""
        for older in checkpoints.full(self._folder)[count:]:
            checkpoint.remove(older)
        self._prune_best()

    def _prune_best(self) -> None:
        # A run resumed from any full checkpoint finds what was best at that step; the newest is the best now.
        best = checkpoints.best(self._folder)
        wanted = set(best[:1])
        for full in checkpoints.full(self._folder):
            wanted |= set([path for path in best if checkpoints.step(path) <= checkpoints.step(full)][:1])
        for path in set(best) - wanted:
            checkpoint.remove(path)

    def _write(self, path: Path, **content: Any) -> tuple[int, float]:
        """Write a checkpoint folder, as soon as there is room; returns bytes, and seconds without the wait for room."""
        position = self._training.position

        def write() -> tuple[int, float]:
            began = time.monotonic()
            size = checkpoint.save(path, step=position.step, epoch=position.epoch, **content)
            return size, time.monotonic() - began

        return self._reporter.persist(write)

    def _say(self, kind: str, path: Path, size: int, seconds: float) -> None:
        self._reporter.say(
            CheckpointSaved(
                kind="full" if kind == "full" else "best",
                path=f"{path.parent.name}/{path.name}",
                step=self._training.position.step,
                epoch=self._training.position.epoch,
                bytes=size,
                seconds=seconds,
            )
        )


def _parse(every: str) -> tuple[int, str]:
    if every == "auto":
        return 0, "auto"
    match = re.fullmatch(r"(\d+)(steps?|min|epochs?)", every)
    assert match is not None, every
    unit = match[2]
    return int(match[1]), unit if unit == "min" else unit.rstrip("s") + "s"
