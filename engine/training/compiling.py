"""Compiled forward passes: torch.compile, where the spec asks for it or the run is long enough to repay it."""

from dataclasses import dataclass, replace

import torch

from vislab.engine.runs.reporter import Reporter
from vislab.engine.training.compile_probing import CompileChoice, CompileProbe
from vislab.engine.training.compiled import compiled
from vislab.engine.training.controls import Controls
from vislab.engine.training.loop import Loop
from vislab.engine.training.precision import Arithmetic
from vislab.presets.schema.spec import Spec

DECISION = "compile"
ON, OFF = "on", "off"
"""What can be decided."""

_MEASURED_ON = ("cuda",)
"""Kinds of device on which compiled updates may be faster."""

_EXPLICIT = "as the spec says"


@dataclass(frozen=True)
class Compiling:
    """Settles whether the updates of one run are compiled: as decided before, as the spec says, or by measuring.

    Args:
        decided: what the run decided before; empty: nothing.
        anew: it decided so for the head alone on features, and now has none, or the other way round.
    """

    spec: Spec
    device: torch.device
    arithmetic: Arithmetic
    reporter: Reporter
    controls: Controls
    decided: str
    anew: bool = False

    def __call__(self, loop: Loop) -> None:
        """Let the loop's updates be compiled, where that is wanted; record it in a run that begins or changes over.

        Args:
            loop: its model stands where training begins or goes on.
        """
        begun = loop.training.position.step > 0  # a run of before there was a choice is not compiled
        if (self.decided or begun) and not self.anew:
            on = self.decided == ON
        else:
            choice = self._choice(loop)
            on = choice.on
            self.reporter.decide(DECISION, ON if on else OFF, choice.why, **choice.table)
        if on:
            loop.step = replace(loop.step, compiled=compiled(loop.training.model), whole=loop.batches.whole)

    def _choice(self, loop: Loop) -> CompileChoice:
        wanted = self.spec.compile
        if loop.judge.features is not None:
            return CompileChoice(False, "the head alone trains, on features")
        if wanted != "auto":
            return CompileChoice(wanted, _EXPLICIT)
        if self.device.type not in _MEASURED_ON:
            return CompileChoice(False, "auto compiles on CUDA only: on processors compiled updates were slower")
        if self.spec.deterministic:
            return CompileChoice(False, "deterministic = true measures nothing")

        def check() -> None:
            self.reporter.progress("measuring")
            self.controls.check()

        probe = CompileProbe(
            spec=self.spec,
            device=self.device,
            assembled=loop.assembled,
            loss=loop.step.loss,
            check=check,
            batch=next(iter(loop.batches.epoch(1))),
            steps=loop.plan.total_steps - loop.training.position.step,
        )
        return probe(self.arithmetic)
