"""The question that leaving the console asks while runs train."""

from collections.abc import Sequence

from vislab.engine.runs.store import Run
from vislab.tui.screens.dialog import Answer, Question
from vislab.tui.views import text

NAMED = 5
"""Runs that are named where it is asked what becomes of them."""


class LeaveQuestion(Question):
    """What becomes of the runs that train."""

    def __init__(self, runs: Sequence[Run], waiting: int = 0) -> None:
        """About live runs.

        Args:
            waiting: how many runs wait in the queue.
        """
        from vislab.tui.views.named import training  # nothing that the console needs to start

        those = "it" if len(runs) == 1 else "them"
        names = [f"  {line}" for run in runs[:NAMED] for line in training(run)]
        names += [f"  and {len(runs) - NAMED} more"] * (len(runs) > NAMED)
        does, begin = ("waits", "begins") if waiting == 1 else ("wait", "begin")
        queue = f"{text.counted(waiting, 'run')} {does} in the queue, and {begin} without the console."
        super().__init__(
            "\n".join(
                ["Still training:" if len(runs) == 1 else f"{len(runs)} runs still train:", *names]
                + [queue] * bool(waiting)
            ),
            (
                Answer("go on", "l", f"leave {those} running: vislab finds {those} again"),
                Answer("stop", "s", f"stop {those}, with a checkpoint, and leave"),
                Answer("", "n", "stay here"),
            ),
        )
