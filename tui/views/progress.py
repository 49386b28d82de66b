"""Where a live run is, and how long it still takes."""

from vislab.engine.runs.events import Phase
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.state import RunState
from vislab.tui.views import text

SILENT = 60.0
"""Seconds without a sign of life of a worker after which that is told."""

SLOW_STEPS = 3
"""So many steps may pass without one, where they take longer."""

PREPARING: tuple[Phase, ...] = ("starting", "downloading", "reading data", "building", "features", "measuring")
"""Phases before training, which are no part of the time that a run is said to take."""


def silence(progress: Progress | None, seconds: float) -> str:
    """`no sign of life for 2 min`, of a live worker; empty where that is nothing unusual.

    Nothing more is said: it may be stopped, or compute something that takes long.

    Args:
        seconds: since its last sign of life.
    """
    slow = SLOW_STEPS * progress.elapsed / progress.step if progress is not None and progress.step else 0.0
    if seconds < max(SILENT, slow):
        return ""
    return f"no sign of life for {f'{seconds // 60:.0f} min' if seconds < 3600 else text.duration(seconds)}"


def preparing(state: RunState, progress: Progress | None, silence: float) -> str:
    """`for 1:12`: how long a live worker has been in a phase that prepares; empty in any other.

    Args:
        silence: seconds since its last sign of life.
    """
    if progress is None or progress.phase not in PREPARING or not progress.began:
        return ""
    return f"for {text.clock(max(progress.time, state.last_time) + silence - progress.began)}"


def planned_steps(state: RunState, max_steps: int = 0) -> int:
    """Updates that the whole run will make; 0 before it is known.

    Args:
        max_steps: the strategy's limit; 0: none.
    """
    if state.started is None:
        return 0
    planned = state.started.steps_per_epoch * state.epochs_planned
    return min(planned, max_steps) if max_steps else planned


def run_share(state: RunState, progress: Progress | None, max_steps: int = 0) -> float:
    """Share of the run's updates that are done, in [0, 1]."""
    planned = planned_steps(state, max_steps)
    return min(1.0, _done(state, progress)[0] / planned) if planned else 0.0


def part_share(progress: Progress | None) -> float:
    """Share of the present phase (an epoch's steps, a validation's batches) that is done, in [0, 1]."""
    return min(1.0, progress.done / progress.total) if progress is not None and progress.total else 0.0


def time_left(state: RunState, progress: Progress | None, max_steps: int = 0) -> float | None:
    """Seconds of work that are left, at the pace of the last three epochs (validation and saving included).

    The first epoch, which reads data and may extract features, counts only until three others are over. None before
    the first update.
    """
    planned = planned_steps(state, max_steps)
    step, elapsed = _done(state, progress)
    if not planned or not step:
        return None
    anchor = state.epochs[-4] if len(state.epochs) >= 4 else None
    steps, seconds = (step - anchor.step, elapsed - anchor.elapsed) if anchor is not None else (step, elapsed)
    return max(0.0, seconds / steps * (planned - step))


def _done(state: RunState, progress: Progress | None) -> tuple[int, float]:
    """Updates done and seconds of work, by whichever of the log and the heartbeat is ahead."""
    if progress is None or progress.step < state.step:
        return state.step, state.elapsed
    return progress.step, max(progress.elapsed, state.elapsed)
