"""How training ends other than by fulfilling its plan. Free of torch."""

from dataclasses import dataclass

from vislab.engine.runs.events import TestFigures

STOPPED = 130
TERMINATED = 143


class Interrupted(Exception):  # noqa: N818 - not an error: somebody asked
    """The run is to end now, its state saved.

    Attributes:
        exit_code: 130 after a stop request or SIGINT, 143 after SIGTERM or SIGUSR1.
        reason: who asked.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_code = exit_code


class TrainingFailed(Exception):  # noqa: N818
    """Training cannot go on; the text says why and what to change."""


@dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes:
        reason: why before its plan was fulfilled; empty when it was.
        test: the last evaluation; None where there was nothing to evaluate, or no best weights.
    """

    reason: str
    test: TestFigures | None
