"""Whether compiled updates repay what compiling takes: a few real updates of both kinds, on copies."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from vislab.engine.data.batches import Batch
from vislab.engine.training.endings import TrainingFailed
from vislab.engine.training.memory import first_line
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.rehearsal import Rehearsal
from vislab.presets.errors import InputError

REPAID = 2.0
"""What is saved must be so many times what compiling takes."""
WORTH_SECONDS = 600.0
"""A run that trains for less than this is not measured for: that takes half a minute and more, most of it compiling."""
_ROUNDS = 7
_TURN = 0.1  # seconds of updates that either kind makes in a round, at least one


@dataclass(frozen=True)
class CompileChoice:
    """Whether to compile.

    Attributes:
        why: in words.
        table: what was measured; empty where nothing was.
    """

    on: bool
    why: str
    table: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(kw_only=True)
class CompileProbe(Rehearsal):
    """Times plain and compiled updates in turn.

    Args:
        batch: the first batch of the run.
        steps: updates that the run has before it.
    """

    batch: Batch
    steps: int
    clock: Callable[[], float] = time.perf_counter

    def __call__(self, arithmetic: Arithmetic) -> CompileChoice:
        """Choose; what makes that impossible is left to the training to find, which is then not compiled.

        Raises:
            Interrupted: from `check`.
        """
        with self.leaving_no_trace():
            try:
                return self._choose(arithmetic)
            except (RuntimeError, MemoryError, TypeError, TrainingFailed, InputError) as error:
                return CompileChoice(False, f"could not be measured: {first_line(error)}")

    def _choose(self, arithmetic: Arithmetic) -> CompileChoice:
        plain = self.update(arithmetic, self.batch)
        self._seconds(plain, 1)  # the first update pays for what later ones find prepared
        once = min(self._seconds(plain, 1), self._seconds(plain, 1))
        expected = once * self.steps
        if expected < WORTH_SECONDS:
            return CompileChoice(False, f"too short to repay it: it trains for about {max(1, round(expected))} s")
        fast = self.update(arithmetic, self.batch, compiled=True)
        first = self._seconds(fast, 1)
        count = max(1, round(_TURN / once))
        rounds = [(self._seconds(plain, count), self._seconds(fast, count)) for _ in range(_ROUNDS)]
        before, after = (median(column) for column in zip(*rounds, strict=True))
        compiling, saved = max(0.0, first - after), (before - after) * self.steps
        table = {"plain ms": 1000 * before, "compiled ms": 1000 * after, "compiling s": compiling}
        on = saved > REPAID * compiling
        why = (
            f"measured: over {self.steps} updates it saves about {saved:.0f} s and takes {compiling:.0f} s; it is "
            f"chosen where it saves more than {REPAID:g} times what it takes"
        )
        return CompileChoice(on, why, {name: round(value, 3) for name, value in table.items()})

    def _seconds(self, update: Callable[[], None], count: int) -> float:
        """Seconds an update."""
        self.check()
        began = self.clock()
        for _ in range(count):
            update()
        self.wait()
        return (self.clock() - began) / count
