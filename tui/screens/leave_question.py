"""The question that leaving the console asks while runs train."""

from collections.abc import Sequence

from vislab.engine.runs.store import Run
from vislab.tui.living import is_paused
from vislab.tui.screens.dialog import Answer, Question
from vislab.tui.views import text

NAMED = 5
"""Runs that are named where it is asked what becomes of them."""


class LeaveQuestion(Question):
    """What becomes of the runs that live."""

    def __init__(self, runs: Sequence[Run], waiting: int = 0) -> None:
        """About live runs.

        Args:
            waiting: how many runs wait in the queue.
        """
        from vislab.tui.views.named import training  # nothing that the console needs to start

        those = "it" if len(runs) == 1 else "them"
        paused = sum(map(is_paused, runs))
        names = [f"  {line}" for run in runs[:NAMED] for line in training(run)]
        names += [f"  and {len(runs) - NAMED} more"] * (len(runs) > NAMED)
        does, begin = ("waits", "begins") if waiting == 1 else ("wait", "begin")
        queue = f"{text.counted(waiting, 'run')} {does} in the queue, and {begin} without the console."
        super().__init__(
            "\n".join(
                [_doing(len(runs) - paused, paused), *names]
                + ["What is paused waits until somebody lets it go on."] * bool(paused)
                + [queue] * bool(waiting)
            ),
            (
                Answer("go on", "l", f"leave {those} {'as now' if paused else 'running'}: vislab finds {those} again"),
                Answer("stop", "s", f"stop {those}, with a checkpoint, and leave"),
                Answer("", "n", "stay here"),
            ),
        )


def _doing(training: int, paused: int) -> str:
    if not paused:
        return "Still training:" if training == 1 else f"{training} runs still train:"
    rest = "is paused:" if paused == 1 else "are paused:"
    if not training:
        return f"{text.counted(paused, 'run')} {rest}"
    return f"{text.counted(training, 'run')} still train{'s' * (training == 1)}, {paused} {rest}"
