"""Settles precision, memory format and threads of a run: as the spec says, as decided before, as remembered, or as
measured; and records it."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from vislab.engine.runs.devices import list_devices
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.state import RunState
from vislab.engine.training import precision
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Choice
from vislab.presets.schema.spec import Spec

PRECISION, MEMORY_FORMAT, THREADS, MEASURED = "precision", "memory format", "threads", "speed measured"
"""What the decisions are called."""

_EXPLICIT = "as the spec says"
_VERSION = 2  # of what is measured and how; another one forgets what is remembered


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
        default = self._default()
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

    def _default(self) -> Arithmetic:
        spec = self.spec
        return Arithmetic(
            "fp32" if spec.precision == "auto" else spec.precision,
            "contiguous" if spec.memory_format == "auto" else spec.memory_format,
            torch.get_num_threads() if spec.threads == "auto" else spec.threads,
        )

    def _found(self, num_classes: int, default: Arithmetic, measure: Callable[[Arithmetic], Choice]) -> Choice:
        key = self._key(num_classes, default)
        digest = hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=16).hexdigest()
        file = self.memory / f"{digest}.json"
        if (remembered := _read(file)) is not None:
            return remembered
        choice = measure(default)
        if not choice.lasting:
            return choice
        content = {"key": key, "choice": asdict(choice.arithmetic), "why": choice.why, "table": choice.table}
        self._remember(file, content)
        return choice

    def _key(self, num_classes: int, default: Arithmetic) -> dict[str, Any]:
        """Everything that the time of an update follows from."""
        spec, strategy = self.spec, self.spec.strategy
        own = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(self.code.glob("*.py"))}
        # Copies of the user's own files lie in the run's folder, which is another each time.
        architecture = json.loads(msgspec.json.encode(spec.architecture).decode().replace(str(self.code), "code"))
        del architecture["name"], architecture["help"], architecture["weights"]
        return {
            "version": _VERSION,
            "asked": [spec.precision, spec.memory_format, spec.threads],
            "default": str(default),
            "architecture": architecture,
            "code": own,
            "classes": num_classes,
            "input": [strategy.batch_size, spec.preprocessing.channels, spec.preprocessing.image_size],
            "strategy": {
                "accumulate": strategy.accumulate,
                "optimizer": [strategy.optimizer, strategy.optimizer_options],
                "freeze": strategy.freeze,
                "clip_norm": strategy.clip_norm > 0,
                "drop": [strategy.drop_rate > 0, strategy.drop_path > 0],
                "on_nan": strategy.on_nan,
            },
            "device": self._device_name(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "torch": torch.__version__,
        }

    def _device_name(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return next((one.name for one in list_devices() if one.kind == self.device.type), self.device.type)

    def _remember(self, file: Path, content: dict[str, Any]) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps(content, indent=2).encode())
        except OSError as error:  # a cache that cannot be written costs the next run a measurement, no more
            self.reporter.notice("info", "speed", f"What was measured cannot be remembered: {error}.")

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


def _read(file: Path) -> Choice | None:
    try:
        content = json.loads(file.read_bytes())
        arithmetic = msgspec.convert(content["choice"], Arithmetic)
        return Choice(arithmetic, f"{content['why']}; remembered", content["table"], lasting=True)
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: measured again
        return None
