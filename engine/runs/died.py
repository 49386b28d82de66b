"""Why a worker may have died: what it left behind."""

from dataclasses import dataclass

from vislab.engine.runs.batch_size import of_run
from vislab.engine.runs.liveness import last_holder, oom_kills, was_here_since_boot
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run
from vislab.presets.schema.strategy import BATCH_SIZE


@dataclass(frozen=True)
class Death:
    """What is known of a worker that ended without a word.

    Attributes:
        when: wall clock of its last heartbeat; 0.0 before the first one.
        phase, step: where it was then.
        out_of_memory: the kernel has killed a process of this machine for want of memory since this worker started.
        accumulate: micro-batches a batch that `vislab resume RUN --accumulate N` should be given if memory was short;
            0: they are as small as can be.
    """

    when: float
    phase: str
    step: int
    out_of_memory: bool
    accumulate: int


def look(run: Run, state: RunState) -> Death | None:
    """What is known of the death of a run's worker, whose log says `state`; None where the run has not died."""
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
        out_of_memory=(kills_before.isdecimal() and was_here_since_boot(run.lock) and oom_kills() > int(kills_before)),
        accumulate=2 * parts if 4 * parts <= (of_run(spec, state) or BATCH_SIZE) else 0,
    )


def advice(identity: str, death: Death) -> str:
    """What to do about it, and what may have been the reason, in a sentence or two."""
    smaller = f"vislab resume {identity} --accumulate {death.accumulate}"
    if death.out_of_memory:
        said = "The kernel has killed a process for want of memory since the worker was started. "
        if death.accumulate:
            return f"{said}With smaller micro-batches and the same batch: {smaller}"
        return f"{said}Micro-batches are as small as can be: free memory, or start a run with smaller images."
    if death.accumulate:
        return f"Go on with: vislab resume {identity} (if memory was short: {smaller})"
    return f"Go on with: vislab resume {identity}"
