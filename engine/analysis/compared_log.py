"""The log of a run as a comparison of many follows it, which keeps little of those that are over."""

from dataclasses import replace

from vislab.engine.runs.columns import Column
from vislab.engine.runs.files import file_size
from vislab.engine.runs.state import MOST_EPOCHS, RunState
from vislab.engine.runs.store import Follower, Run

EPOCHS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "best",
    "seconds",
    "train_images_per_second",
    "elapsed",
    "energy",
)
"""Fields of all epochs that figures, curves and findings of a comparison are made of."""
STEPS = ("step", "epoch", "loss")
"""Fields of all log intervals that findings are made of."""


def in_short(state: RunState) -> RunState:
    """What a comparison needs of a state: no checkpoints, of all epochs but the last one EPOCHS alone, and of all log
    intervals but the last one STEPS; of those that were the best in their time the numbers.
    """
    return replace(
        state,
        epochs=state.epochs.only(EPOCHS),
        bests=state.bests.only(("epoch",)),
        steps=state.steps.only(STEPS),
        checkpoints=Column([], 0),
    )


class ComparedLog:
    """Follows a run as `Follower` does, with half as many epochs of a very long one as other screens. Of a run that
    nobody trains it keeps what a comparison needs, and reads its log anew should somebody resume it.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._follower: Follower | None = None
        self._over: RunState | None = None
        self._size = 0

    def look_until_end(self) -> RunState:
        """Read everything there is; `in_short` where nobody trains the run or waits to."""
        size = file_size(self.run.events)
        if self._over is not None and size == self._size:
            return self._over
        follower = self._follower or Follower(self.run, most_epochs=MOST_EPOCHS // 2)
        goes_on = bool(self.run.worker() or self.run.waiter() or self.run.elsewhere())  # asked before its end is read
        state = follower.look_until_end()
        if goes_on and state.ended is None:
            self._follower, self._over = follower, None
            return state
        self._follower, self._size = None, size
        self._over = in_short(state)
        return self._over
