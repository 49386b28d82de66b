"""Why a worker may have died: what it left behind."""

import os
import time
from dataclasses import dataclass

from vislab.engine.runs.liveness import last_holder, oom_kills, was_here_since_boot
from vislab.engine.runs.store import Run

_LINES = 5  # of worker.log
_TAIL = 8192  # bytes of it


@dataclass(frozen=True)
class Death:
    """What is known of a worker that ended without a word.

    Attributes:
        when: wall clock of its last heartbeat; 0.0 before the first one.
        phase, step: where it was then.
        last_lines: the end of worker.log.
        out_of_memory: the kernel has killed a process of this machine for want of memory since this worker started.
        accumulate: micro-batches a batch that `vislab resume RUN --accumulate N` should be given if memory was short;
            0: they are as small as can be.
    """

    when: float
    phase: str
    step: int
    last_lines: tuple[str, ...]
    out_of_memory: bool
    accumulate: int


def look(run: Run) -> Death | None:
    """What is known of the death of a run's worker; None where the run has not died."""
    state = run.state()
    if run.status(state) != "died":
        return None
    progress = run.progress()
    spec = run.spec()
    decided = next((decision for decision in state.decisions if decision.what == "micro-batch"), None)
    parts = int(decided.details["accumulate"]) if decided else spec.strategy.accumulate
    kills_before = last_holder(run.lock).get("oom_kills", "")
    return Death(
        when=progress.time if progress else 0.0,
        phase=progress.phase if progress else "starting",
        step=progress.step if progress else 0,
        last_lines=_last_lines(run),
        out_of_memory=(kills_before.isdecimal() and was_here_since_boot(run.lock) and oom_kills() > int(kills_before)),
        accumulate=2 * parts if 4 * parts <= spec.strategy.batch_size else 0,
    )


def explain(run: Run) -> str:
    """When and where a run's worker died, why perhaps, what to do, and the last lines of worker.log; else empty."""
    death = look(run)
    if death is None:
        return ""
    when = (
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(death.when)) if death.when else "before its first heartbeat"
    )
    lines = [f"Its worker died without a word: last heard of {when}, at step {death.step} ({death.phase})."]
    smaller = f"vislab resume {run.id} --accumulate {death.accumulate}"
    if death.out_of_memory:
        lines.append("The kernel has killed a process for want of memory since the worker was started.")
        if death.accumulate:
            lines.append(f"With smaller micro-batches and the same batch: {smaller}")
        else:
            lines.append("Micro-batches are as small as can be: free memory, or start a run with smaller images.")
    elif death.accumulate:
        lines.append(f"Go on with: vislab resume {run.id} (if memory was short: {smaller})")
    else:
        lines.append(f"Go on with: vislab resume {run.id}")
    if death.last_lines:
        lines += ["The last lines of worker.log:", *(f"  {line}" for line in death.last_lines)]
    return "\n".join(lines)


def _last_lines(run: Run) -> tuple[str, ...]:
    try:
        with run.worker_log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return tuple(file.read().decode(errors="replace").splitlines()[-_LINES:])
    except FileNotFoundError:
        return ()
