"""Settles precision, memory format and threads of a run: as the spec says, as decided before, as remembered, or as
measured; and records it."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.state import RunState
from vislab.engine.training import precision
from vislab.engine.training.features import never
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Choice
from vislab.engine.training.remembered import Remembered, work_of
from vislab.presets.schema.spec import Spec

PRECISION, MEMORY_FORMAT, THREADS, MEASURED = "precision", "memory format", "threads", "speed measured"
"""What the decisions are called."""

_EXPLICIT = "as the spec says"
_VERSION = 3  # of what is measured and how; another one forgets what is remembered


@dataclass(frozen=True)
class Settling:
    """Settles the arithmetic of one run.

    Args:
        before: the fold of the run's log so far: what it decided once holds.
        memory: folder in which choices are remembered.
        code: folder with the copies of the user's own files.
    """

    spec: Spec
    device: torch.device
    reporter: Reporter
    before: RunState
    memory: Path
    code: Path

    def __call__(self, num_classes: int, measure: Callable[[Arithmetic], Choice]) -> Arithmetic:
        """Settle it, record it and set the number of threads.

        Args:
            measure: chooses by measuring; called with the default.

        Raises:
            InputError: the device cannot train in the precision that the spec asks for.
        """
        if (decided := decided_arithmetic(self.before)) is not None:
            self._tell_fewer_cores(decided)
            torch.set_num_threads(decided.threads)
            return decided
        default = default_arithmetic(self.spec)
        precision.check(default.precision, self.device)
        torch.set_num_threads(default.threads)
        if "auto" not in (self.spec.precision, self.spec.memory_format, self.spec.threads):
            choice = Choice(default, _EXPLICIT)
        elif self.spec.deterministic:
            choice = Choice(default, "deterministic = true measures nothing")
        else:
            choice = self._found(num_classes, default, measure)
        self._record(choice)
        torch.set_num_threads(choice.arithmetic.threads)
        return choice.arithmetic

    def _found(self, num_classes: int, default: Arithmetic, measure: Callable[[Arithmetic], Choice]) -> Choice:
        remembered, key = Remembered(self.memory), self._key(num_classes, default)
        if (choice := _choice(remembered.recall(key))) is not None:
            return choice
        choice = measure(default)
        if choice.lasting:
            content = {"choice": asdict(choice.arithmetic), "why": choice.why, "table": choice.table}
            if trouble := remembered.keep(key, content):
                self.reporter.notice("info", "speed", trouble)
        return choice

    def _key(self, num_classes: int, default: Arithmetic) -> dict[str, Any]:
        spec = self.spec
        return {
            **work_of(spec, num_classes, self.device, self.code),
            "version": _VERSION,
            "features": not never(spec),
            "asked": [spec.precision, spec.memory_format, spec.threads],
            "default": str(default),
            "input": [
                spec.strategy.decided_batch_size,
                spec.preprocessing.channels,
                spec.preprocessing.image_size,
            ],
        }

    def _record(self, choice: Choice) -> None:
        spec, arithmetic, decide = self.spec, choice.arithmetic, self.reporter.decide
        asked = (
            (PRECISION, spec.precision, arithmetic.precision),
            (MEMORY_FORMAT, spec.memory_format, arithmetic.memory_format),
            (THREADS, spec.threads, arithmetic.threads),
        )
        if choice.table:
            decide(MEASURED, str(arithmetic), choice.why, **choice.table)
        why = "see: speed measured" if choice.table else choice.why
        for what, wanted, found in asked:
            decide(what, str(found), why if wanted == "auto" else _EXPLICIT)
        if spec.precision == "auto" and arithmetic.precision != "fp32":
            self.reporter.notice(
                "info",
                "precision",
                f"The forward pass runs in {arithmetic.precision}, which is faster here; weights stay fp32. "
                "For fp32 throughout: --set precision=fp32.",
            )

    def _tell_fewer_cores(self, decided: Arithmetic) -> None:
        cores = os.cpu_count() or 1
        if decided.threads > cores and self.device.type == "cpu":
            self.reporter.notice(
                "warning",
                THREADS,
                f"The run began with {decided.threads} threads and keeps them, for the same bits; this machine has "
                f"{cores} {'core' if cores == 1 else 'cores'}, so it will be slow.",
            )


def default_arithmetic(spec: Spec) -> Arithmetic:
    """What the spec says, and where that is `auto` what holds unless something else is measured faster."""
    return Arithmetic(
        "fp32" if spec.precision == "auto" else spec.precision,
        "contiguous" if spec.memory_format == "auto" else spec.memory_format,
        torch.get_num_threads() if spec.threads == "auto" else spec.threads,
    )


def decided_arithmetic(state: RunState) -> Arithmetic | None:
    """The arithmetic that a run's log says was chosen; None where it says nothing yet."""
    chosen = {decision.what: decision.choice for decision in state.decisions}
    if (older := next((row for row in state.decisions if row.what == PRECISION), None)) is not None:
        # Runs of before there was a choice say it there.
        chosen.setdefault(MEMORY_FORMAT, str(older.details.get("memory_format", "contiguous")))
    if not {PRECISION, MEMORY_FORMAT, THREADS} <= chosen.keys():
        return None
    return msgspec.convert(
        {"precision": chosen[PRECISION], "memory_format": chosen[MEMORY_FORMAT], "threads": int(chosen[THREADS])},
        Arithmetic,
    )


def _choice(content: dict[str, Any]) -> Choice | None:
    """What was remembered; None where it is not there, or damaged: it is measured again."""
    try:
        arithmetic = msgspec.convert(content["choice"], Arithmetic)
        return Choice(arithmetic, f"{content['why']}; remembered", content["table"], lasting=True)
    except (ValueError, KeyError, TypeError):
        return None
