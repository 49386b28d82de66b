"""What threads tell the launch screen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from vislab.engine.runs.ask import Answer

if TYPE_CHECKING:
    from vislab.tui.screens.launching import How, Launched, Looked


@dataclass
class Answered(Message):
    """A job has answered."""

    answer: Answer


@dataclass
class LookedAround(Message):
    """Devices, queue and earlier runs were looked at."""

    looked: "Looked"


@dataclass
class HasLaunched(Message):
    """Runs were started or queued, or could not be."""

    launched: "Launched"
    how: "How"
