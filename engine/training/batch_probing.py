"""How fast a model trains with batches of different sizes, and in how much memory: a few real updates of each."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

import psutil
import torch

from vislab.engine import memory
from vislab.engine.data.batches import Batch
from vislab.engine.training import probing
from vislab.engine.training.batch_choice import BUSY_NEAR, NEAR, BatchChoice, choose, usual
from vislab.engine.training.endings import TrainingFailed
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.rehearsal import Rehearsal
from vislab.presets.sizes import amount

_ROOM = 0.8  # of the host's available memory that an update may take: there is other work to do too
_FLAT = 2  # doublings in a row that gain nothing
_LONG = 0.1  # seconds of an update that is worth saving; shorter ones are too easily disturbed to end anything
_TURNS = 3  # of which the best counts, on the way up


class Rung(NamedTuple):
    """What was measured of a batch size: seconds an image; bytes taken at the peak, 0 where that is not known."""

    seconds: float
    peak: int


def climb(
    first: Rung,
    sizes: Sequence[int],
    attempt: Callable[[int], Rung],
    *,
    room: float,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[dict[int, Rung], dict[int, str]]:
    """Try sizes from small to large, until two doublings in a row gain nothing but take long, or memory or time ends.

    The system kills who takes more of the host's memory than there is, so a size is not tried whose need would be too
    large by the growth of those before.

    Args:
        first: of the smallest size, which ran.
        sizes: each the double of the one before.
        attempt: makes updates with a size; raises what torch raises when memory runs out.
        room: bytes that an update may take.
        seconds: that all may take.

    Returns:
        What was measured, and the size at which it ended for want of memory or time, with the reason.
    """
    until = clock() + seconds
    rungs = {sizes[0]: first}
    flat, cost = 0, 0.0
    for size in sizes[1:]:
        best, began = min(rung.seconds for rung in rungs.values()), clock()
        if began + 2 * cost > until:
            return rungs, {size: "not tried, for want of time"}
        if (needed := _next_peak([rung.peak for rung in rungs.values()])) > room:
            return rungs, {size: f"not tried, since it would take about {amount(needed)}"}
        try:
            rungs[size] = attempt(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return rungs, {size: f"out of memory ({first_line(error)})"}
        cost = clock() - began
        flat = flat + 1 if rungs[size].seconds > NEAR * best else 0
        if flat >= _FLAT and size * rungs[size].seconds > _LONG:
            break
    return rungs, {}


def _next_peak(peaks: Sequence[int]) -> int:
    """What the double of the last size would take: all but a constant grows with the batch."""
    last, before = peaks[-1], peaks[-2] if len(peaks) > 1 else 0
    return last + 2 * max(0, last - before)


@dataclass(kw_only=True)
class BatchProbe(Rehearsal):
    """Climbs a ladder of batch sizes, then lets those that ran take turns.

    What is timed is the update alone, as in the choice of precision, memory format and threads, which comes after it.

    Args:
        sizes: the ladder, each the double of the one before; two or more.
        batch_of: the first batch of the run, if it trained with batches of that size.
        arithmetic: of the updates.
        images: that the run will train on, all epochs together.
    """

    sizes: tuple[int, ...]
    batch_of: Callable[[int], Batch]
    arithmetic: Arithmetic
    images: int
    _batch: Batch | None = None  # of the largest size that ran; smaller ones are its first images
    _prepared: dict[int, Callable[[], None]] = field(default_factory=dict)
    _counts: dict[int, int] = field(default_factory=dict)  # updates of a turn
    _base: int = 0  # bytes taken before

    def __call__(self) -> BatchChoice:
        """Choose one.

        What makes the first update impossible is left to the training to find: the usual size is kept, or the smallest
        if memory is short.

        Raises:
            Interrupted: from `check`.
            InputError: the user can mend what is wrong.
        """
        with self.leaving_no_trace():
            torch.set_num_threads(self.arithmetic.threads)
            self._base = self._held()
            try:
                return self._choose()
            except (RuntimeError, MemoryError, TypeError, TrainingFailed) as error:
                size = self.sizes[0] if is_out_of_memory(error) else usual(self.sizes)
                return BatchChoice(size, f"could not be measured: {first_line(error)}")
            finally:
                self._batch = None
                self._prepared.clear()

    def _choose(self) -> BatchChoice:
        busy, began = probing.is_busy(), time.perf_counter()
        near = BUSY_NEAR if busy else NEAR
        first = self._attempt(self.sizes[0])
        expected = self.images * first.seconds
        if expected < probing.WORTH_SECONDS:
            why = f"the usual one, too short to measure: training takes about {max(1, round(expected))} s"
            return BatchChoice(usual(self.sizes), why)
        budget = min(probing.LONGEST, probing.SHARE * expected)
        room = _ROOM * memory.available() if self.device.type == "cpu" else math.inf
        rungs, ended = climb(first, self.sizes, self._attempt, room=room, seconds=budget / 2)
        if ended and self.device.type == "cuda":
            torch.cuda.empty_cache()
        default = usual(tuple(rungs))
        order = [default, *(size for size in rungs if size != default)]
        race = probing.run_race(order, self._turn, seconds=began + budget - time.perf_counter())
        if not race.whole:
            return BatchChoice(default, f"too few updates could be compared in {budget:.0f} s")
        speeds = {size: 1 / median(race.seconds[size]) for size in rungs if size in race.seconds}
        said = ", ".join(f"{size}: {_figure(speed)}" for size, speed in speeds.items())
        why = f"measured: the smallest within {1 - near:.0%} of the fastest ({said} images/s)"
        why += "".join(f"; {size}: {reason}" for size, reason in ended.items())
        if busy:
            why += "; other work kept the machine busy, so nothing is remembered"
        return BatchChoice(choose(speeds, near), why, self._table(speeds, rungs, ended), lasting=not busy)

    def _table(
        self, speeds: dict[int, float], rungs: dict[int, Rung], ended: dict[int, str]
    ) -> dict[str, str | int | float | bool]:
        table: dict[str, str | int | float | bool] = {str(size): reason for size, reason in ended.items()}
        for size, speed in speeds.items():
            table[f"{size}: images/s"] = round(speed, 3)
            if rungs[size].peak:
                table[f"{size}: peak bytes"] = rungs[size].peak
        return table

    def _attempt(self, size: int) -> Rung:
        """Make the first updates with batches of a size."""
        self.check()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        known = self.device.type == "cuda" or (self.device.type == "cpu" and memory.forget_peak())
        batch = self.batch_of(size)
        update = self.update(self.arithmetic, batch, _refuse)
        update()  # the first one pays for what later ones find prepared
        once = self._timed(update, 1)
        count = self._counts[size] = max(1, math.ceil(probing.TURN / once))
        if count > 1:  # short ones are easily disturbed, and cost little
            once = min(self._timed(update, count) for _ in range(_TURNS))
        self._batch = batch
        return Rung(once / size, max(0, self._peak() - self._base) if known else 0)

    def _turn(self, size: int) -> float:
        """Make the updates of one turn; returns seconds an image."""
        self.check()
        update = self._prepared.get(size)
        if update is None:
            assert self._batch is not None
            update = self._prepared[size] = self.update(self.arithmetic, _first_of(self._batch, size), _refuse)
            update()
        return self._timed(update, self._counts[size]) / size

    def _timed(self, update: Callable[[], None], count: int) -> float:
        """Seconds an update."""
        self.wait()
        began = time.perf_counter()
        for _ in range(count):
            update()
            self.check()
        self.wait()
        return (time.perf_counter() - began) / count

    def _held(self) -> int:
        """Bytes that are taken now."""
        if self.device.type == "cuda":
            return torch.cuda.memory_allocated(self.device)
        return int(psutil.Process().memory_info().rss)

    def _peak(self) -> int:
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else memory.peak()


def _refuse(parts: int, images: int, said: str) -> None:
    """Memory ran out: a batch of this size is not cut into micro-batches, it is too large."""
    raise MemoryError(said)


def _first_of(batch: Batch, size: int) -> Batch:
    partners, share = batch.partner_labels, batch.share
    return Batch(
        batch.images[:size],
        batch.labels[:size],
        None if partners is None else partners[:size],
        None if share is None else share[:size],
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
