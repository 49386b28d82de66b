"""When checkpoints are written, what they hold, and which are kept."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vislab.engine import memory
from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import CheckpointSaved
from vislab.engine.runs.reporter import Reporter
from vislab.engine.training import checkpoint
from vislab.engine.training.beside import Beside
from vislab.engine.training.checkpoint import Tensors
from vislab.engine.training.memory import is_out_of_memory
from vislab.engine.training.resumable import Resumable

_SHARE = 100  # work between automatic saves, in saves: 1 % of the time, which leaves as much for best weights
_AT_LEAST = 10.0  # seconds of work before an automatic save inside an epoch
_MEMORY_SHARE = 0.25  # of the available memory that a snapshot may take

_Written = tuple[int, float]  # bytes and seconds, without the wait for room


@dataclass(frozen=True)
class _Taken:
    """A checkpoint that is written, or about to be.

    Attributes:
        place: step, epoch and base learning rate that it was taken at.
        seconds: spent on a copy of it.
    """

    kind: Literal["full", "best"]
    path: Path
    place: tuple[int, int, float | None]
    seconds: float = 0.0


class Saver:
    """Writes the checkpoints of one run.

    What is due by the clock or a count, and the best weights, are written beside training: the loop takes a snapshot,
    and a thread writes it. At most one is being written. The log is appended by the loop's thread alone, which asks
    after each update whether a checkpoint is published or has failed.

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
        self._under_way: tuple[_Taken, Beside[_Written]] | None = None
        self._postponed = False

    def after_step(self) -> None:
        """Save if it is time to, between two updates."""
        self.settle(wait=False)
        position = self._training.position
        worked = position.elapsed - self._saved_elapsed
        match self._unit:
            case "steps":
                due = position.step % self._every == 0
            case "min":
                due = worked >= 60 * self._every
            case "auto":
                due = self._postponed or worked >= max(_AT_LEAST, _SHARE * self._cost)
            case _:
                due = False
        if due:
            self._full_beside()

    def after_epoch(self) -> None:
        """Save if it is time to, between two epochs; `position` stands at the beginning of the next one."""
        self.settle(wait=False)
        position = self._training.position
        match self._unit:
            case "epochs":
                due = (position.epoch - 1) % self._every == 0
            case "auto":
                due = position.elapsed - self._saved_elapsed >= _SHARE * self._cost
            case _:
                due = False
        if due:
            self._full_beside()

    def _full_beside(self) -> None:
        """Save everything a resume needs; what is due by the clock is not worth a wait for another checkpoint."""
        self._postponed = self._under_way is not None and self._unit in ("auto", "min")
        if not self._postponed:
            self.full(beside=True)

    def full(self, *, at_start: bool = False, beside: bool = False) -> bool:
        """Save everything a resume needs, unless there is nothing yet or something is not finite.

        Args:
            at_start: save before the first update too.
            beside: return when a snapshot is taken, which is written while training goes on.

        Returns:
            Whether the present position is saved (or its snapshot taken), now or before.
        """
        if self._under_way is not None and self._under_way[0].kind == "full" and self._under_way[1].has_failed:
            self._under_way = None  # what could not be written gives way to what is newer
        self.settle()
        if self._saved_at == self._place:
            return True
        position = self._training.position
        if (position.step == 0 and not at_start) or not self._training.is_finite():
            return False
        self._saved_elapsed = position.elapsed
        tensors, state = self._training.tensors(), self._training.scalars()
        self._write("full", str(position.step), tensors, state, beside=beside)
        return True

    def best(self) -> bool:
        """Save the weights (and their moving average) as the best so far, beside training."""
        self.settle()
        if not self._training.is_finite():
            return False
        tensors = {"weights": self._training.model.state_dict()}
        if self._training.ema is not None:
            tensors["ema"] = self._training.ema.model.state_dict()
        self._write("best", f"best-{self._training.position.step}", tensors, beside=True)
        return True

    def settle(self, *, wait: bool = True) -> None:
        """Say that what was being written is published; on a full disk, wait for room and write it.

        Args:
            wait: for the thread that writes; else nothing happens while it does.

        Raises:
            OSError: it cannot be written, for another reason than a full disk.
            Exception: what ends the wait for room; then what could not be written is kept, to be tried again.
        """
        if self._under_way is None or not (wait or self._under_way[1].is_over):
            return
        under_way, self._under_way = self._under_way, None  # a pause during the wait for room comes here again
        try:
            self._finish(*under_way)
        except BaseException:
            self._under_way = under_way
            raise

    def _finish(self, taken: _Taken, write: Callable[[], _Written]) -> None:
        """Write a checkpoint as soon as there is room, and say so."""
        size, seconds = self._reporter.persist(write)
        step, epoch, _ = taken.place
        path = f"{taken.path.parent.name}/{taken.path.name}"
        self._reporter.say(
            CheckpointSaved(kind=taken.kind, path=path, step=step, epoch=epoch, bytes=size, seconds=seconds)
        )
        if taken.kind == "full":
            self._cost = taken.seconds + seconds
            self._saved_at = taken.place

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

    @property
    def _place(self) -> tuple[int, int, float | None]:
        position = self._training.position
        return position.step, position.epoch, position.learning_rate

    def _write(
        self,
        kind: Literal["full", "best"],
        name: str,
        tensors: dict[str, Tensors],
        state: dict[str, Any] | None = None,
        *,
        beside: bool,
    ) -> None:
        """Write a checkpoint folder, and delete what it makes superfluous."""
        path, place = self._folder / name, self._place
        step, epoch, _ = place

        def write(tensors: dict[str, Tensors]) -> _Written:
            began = time.monotonic()
            size = checkpoint.save(
                path,
                kind=kind,
                step=step,
                epoch=epoch,
                tensors=tensors,
                state=state,
                before_manifest=self._reporter.sync if kind == "full" else lambda: None,
            )
            seconds = time.monotonic() - began
            if kind == "full":
                self.keep(self._keep)
            else:
                self._prune_best()
            return size, seconds

        taken = _Taken(kind, path, place)
        if not beside or not self._begin_beside(taken, tensors, write):
            self._finish(taken, lambda: write(tensors))

    def _begin_beside(
        self, taken: _Taken, tensors: dict[str, Tensors], write: Callable[[dict[str, Tensors]], _Written]
    ) -> bool:
        """Take a snapshot and let a thread write it; returns False where there is no memory for it."""
        size = sum(tensor.nbytes for content in tensors.values() for tensor in content.values())
        if size > _MEMORY_SHARE * memory.available():
            return False
        began = time.monotonic()
        try:
            copies = checkpoint.snapshot(tensors)
            taken = replace(taken, seconds=time.monotonic() - began)
            self._under_way = taken, Beside(lambda: write(copies))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) and "start new thread" not in str(error):
                raise
            return False
        return True


def _parse(every: str) -> tuple[int, str]:
    if every == "auto":
        return 0, "auto"
    match = re.fullmatch(r"(\d+)(steps?|min|epochs?)", every)
    assert match is not None, every
    unit = match[2]
    return int(match[1]), unit if unit == "min" else unit.rstrip("s") + "s"
