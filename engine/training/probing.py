"""Which arithmetic is fastest for a model, an input and a machine: a few real updates of each candidate, on copies."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar, Generic, TypeVar

import torch

from vislab.engine.data.batches import Batch
from vislab.engine.training import precision
from vislab.engine.training.endings import TrainingFailed
from vislab.engine.training.memory import first_line
from vislab.engine.training.precision import Arithmetic, MemoryFormat, Precision
from vislab.engine.training.rehearsal import Rehearsal

GAIN = 1.05
"""A candidate must be so much faster than the default to take its place."""
_BUSY_GAIN = 1.25  # where other work keeps the machine busy
WORTH_SECONDS = 20.0
"""A run that trains for less than this is not measured for."""
SHARE = 0.05
"""Of the expected training time that measuring may take."""
LONGEST = 300.0
"""Seconds that it may take in any case."""
_ROUNDS = 9
_FEWEST_ROUNDS = 3
_LATE = 0.02
"""Of the time of a race, that a round may take though it is over where there were too few rounds: to make a GPU's
candidates ready takes seconds, and their updates milliseconds."""
TURN = 0.02
"""Seconds of updates that a candidate makes in a round, at least one."""
_HOPELESS = (6.0, 2.0)  # a candidate so much slower than the default, after one round or more, leaves the race


Candidate = TypeVar("Candidate")
Made = TypeVar("Made")


@dataclass
class Race(Generic[Candidate]):
    """Seconds an update of each candidate, a figure a round; the first candidate is the default.

    Attributes:
        seconds: of those that ran, in the order in which they came.
        problems: of those that could not run, why.
        least: a candidate must be so much faster to win.
        whole: False when time was up before there were enough rounds to compare.
    """

    seconds: dict[Candidate, list[float]] = field(default_factory=dict)
    problems: dict[Candidate, str] = field(default_factory=dict)
    whole: bool = True
    least: float = GAIN

    @property
    def winner(self) -> Candidate:
        """The default, unless another is faster beyond doubt; then that one, unless a later one is faster than it.

        Each round compares two side by side, so that other work on the machine slows both. Beyond doubt: the median
        of the rounds' ratios is at least `least`, and their lower quartile at most 5 % below it.
        """
        best, *others = self.seconds
        for candidate in others if self.whole else ():
            typical, low = self.gain(candidate, best)
            if typical >= self.least and low > self.least / GAIN:
                best = candidate
        return best

    def gain(self, candidate: Candidate, over: Candidate) -> tuple[float, float]:
        """How many times faster than another: median and lower quartile over the rounds that both ran."""
        # One that left early is known by the rounds that it ran.
        rounds = zip(self.seconds[over], self.seconds[candidate], strict=False)
        ratios = sorted(theirs / own for theirs, own in rounds)
        return median(ratios), ratios[len(ratios) // 4]


def run_race(
    candidates: Sequence[Candidate],
    turn: Callable[[Candidate], float],
    *,
    seconds: float,
    rounds: int = _ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
    prepare: Callable[[Candidate], object] = lambda candidate: None,
) -> Race[Candidate]:
    """Let candidates take turns, round by round.

    One that raises what torch raises for an operation that it lacks, or for memory, is out, and so is one that is
    hopelessly slow.

    Args:
        candidates: the default first, then those that differ more and more from it.
        turn: makes a candidate's updates of one round; returns seconds an update.
        seconds: after which no further round begins, but for very short ones where there were too few.
        rounds: at most.
        prepare: makes a candidate ready for its first turn.
    """
    race: Race[Candidate] = Race()
    until = clock() + seconds
    default = candidates[0]
    running = list(candidates)

    def tried(make: Callable[[Candidate], Made], candidate: Candidate) -> Made | None:
        try:
            return make(candidate)
        except (RuntimeError, MemoryError, TrainingFailed) as error:
            if candidate == default:
                raise
            race.problems[candidate] = first_line(error)
            race.seconds.pop(candidate, None)
            running.remove(candidate)
            return None

    for candidate in candidates:
        tried(prepare, candidate)
    took = 0.0
    for number in range(rounds):
        began = clock()
        if number and began > until and (number >= _FEWEST_ROUNDS or took > _LATE * seconds):
            race.whole = number >= _FEWEST_ROUNDS
            break
        for candidate in tuple(running):
            if (found := tried(turn, candidate)) is None:
                continue
            race.seconds.setdefault(candidate, []).append(found)
            if median(race.seconds[candidate]) > _HOPELESS[min(number, 1)] * median(race.seconds[default]):
                running.remove(candidate)
        if running == [default]:
            break
        took = clock() - began
    return race


def is_busy() -> bool:
    """Whether other work keeps the machine busy, so that what is measured now holds for now only."""
    return os.getloadavg()[0] > (os.cpu_count() or 1) + 1


@dataclass(frozen=True)
class Choice:
    """What probing chose.

    Attributes:
        why: in words.
        table: milliseconds an update of each candidate, median over the rounds, or why it could not run; empty where
            nothing was compared.
        lasting: whether it holds for every run of the same work, however long.
    """

    arithmetic: Arithmetic
    why: str
    table: dict[str, str | int | float | bool] = field(default_factory=dict)
    lasting: bool = False


@dataclass(kw_only=True)
class Probe(Rehearsal):
    """Times updates of each candidate.

    Args:
        batch: the first batch of the run.
        steps: updates that the run plans.
    """

    batch: Batch
    steps: int
    _prepared: dict[Arithmetic, Callable[[], None]] = field(default_factory=dict)
    _updates: int = 1
    _busy: bool = False
    unit: ClassVar[str] = "an update"
    rounds: ClassVar[int] = _ROUNDS

    def __call__(self, default: Arithmetic) -> Choice:
        """Choose what the spec leaves open.

        What makes the first update impossible (no memory for a copy, a network that cannot be copied) is left to the
        training to find: the default is kept.

        Args:
            default: what is kept unless something is faster; what the spec says explicitly is in it.

        Raises:
            Interrupted: from `check`.
            InputError: the user can mend what is wrong.
        """
        # How many threads are best on a busy machine says little about the hours to come.
        self._busy = is_busy()
        with self.leaving_no_trace():
            try:
                return self._choose(default)
            except (RuntimeError, MemoryError, TypeError, TrainingFailed) as error:
                return Choice(default, f"could not be measured: {first_line(error)}")

    def race(self, candidates: Sequence[Arithmetic], seconds: float) -> Race[Arithmetic]:
        """Let candidates take turns, as `run_race` does."""
        with self.leaving_no_trace():
            self._time_once(candidates[0])
            return run_race(candidates, self._turn, seconds=seconds, prepare=self._ready)

    @contextlib.contextmanager
    def leaving_no_trace(self) -> Iterator[None]:
        """As it says, and forget what was prepared."""
        try:
            with super().leaving_no_trace():
                yield
        finally:
            self._prepared.clear()
            self._updates = 1

    def _time_once(self, default: Arithmetic) -> float:
        """Seconds of an update; from now on a turn has as many updates as it needs to be timed."""
        self._turn(default)  # the first update pays for what later ones find prepared
        once = min(self._turn(default), self._turn(default))
        self._updates = max(1, math.ceil(TURN / once))
        return once

    def _choose(self, default: Arithmetic) -> Choice:
        once = self._time_once(default)
        expected = once * self.steps
        worth, share = self._limits()
        if expected < worth:
            return Choice(default, f"too short to measure: it takes about {max(1, round(expected))} s")
        budget = min(LONGEST, share * expected)
        table: dict[str, str | int | float | bool] = {}
        chosen, least, times = default, _BUSY_GAIN if self._busy else GAIN, 1.0
        contests = [entries for entries in (self._of_threads, self._of_formats) if len(entries(default)) > 1]
        for entries in contests:
            race = run_race(
                entries(chosen),
                self._turn,
                seconds=budget / len(contests),
                rounds=self.rounds,
                prepare=self._ready,
            )
            if not race.whole:
                took = f"{once:.1f} s" if once >= 1 else f"{1000 * once:.0f} ms"
                return Choice(default, f"{self.unit} took {took}: too few could be compared in {budget:.0f} s")
            race.least = least
            before, chosen = chosen, race.winner
            times *= race.gain(chosen, before)[0]
            table |= {str(one): round(1000 * median(found), 3) for one, found in race.seconds.items()}
            table |= {str(one): said for one, said in race.problems.items()}
        gain = f"at least {least - 1:.0%} faster, beyond the spread"
        if chosen == default:
            why = f"measured: nothing else was {gain}"
        else:
            # Not the times of the table: those of two contests differ by what else the machine did meanwhile.
            why = f"measured: {gain} ({times:.2f} times as fast as {default})"
        if self._busy:
            why += "; other work kept the machine busy, so threads are not compared and nothing is remembered"
        return Choice(chosen, why, table, lasting=not self._busy)

    def _limits(self) -> tuple[float, float]:
        """Seconds of work that are worth a measurement, and the share of them that it may take."""
        return WORTH_SECONDS, SHARE

    def _of_threads(self, default: Arithmetic) -> list[Arithmetic]:
        if self.spec.threads != "auto" or self.device.type != "cpu" or self._busy:
            return [default]
        counts = dict.fromkeys((default.threads, max(1, default.threads // 2), 1))
        return [Arithmetic(default.precision, default.memory_format, count) for count in counts]

    def _of_formats(self, default: Arithmetic) -> list[Arithmetic]:
        precisions: list[Precision] = [default.precision]
        formats: list[MemoryFormat] = [default.memory_format]
        if self.spec.precision == "auto":
            half: Precision = "fp16" if precision.trouble("bf16", self.device) else "bf16"
            precisions.append(half)
        if self.spec.memory_format == "auto" and self.batch.images.ndim == 4:
            formats.append("channels_last")
        return [Arithmetic(one, other, default.threads) for one in precisions for other in formats]

    def _turn(self, arithmetic: Arithmetic) -> float:
        """Make the updates of one turn; returns seconds an update."""
        update = self._ready(arithmetic)
        began = time.perf_counter()
        for _ in range(self._updates):
            update()
            self.check()
        self.wait()
        return (time.perf_counter() - began) / self._updates

    def _ready(self, arithmetic: Arithmetic) -> Callable[[], None]:
        """The update of a candidate, which has been made once: the first one pays for what later ones find prepared."""
        self.check()
        torch.set_num_threads(arithmetic.threads)
        if arithmetic not in self._prepared:
            update = self._prepare(arithmetic)
            update()
            self.wait()
            self._prepared[arithmetic] = update
        return self._prepared[arithmetic]

    def _prepare(self, arithmetic: Arithmetic) -> Callable[[], None]:
        return self.update(arithmetic, self.batch)
