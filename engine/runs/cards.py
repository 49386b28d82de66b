"""NVIDIA cards, asked of the driver in this process, or in one beside it for who must stay small.

The driver's library takes 25 MB of a process that has asked it once.
"""

import threading
from typing import TYPE_CHECKING, Any

from vislab.engine.runs.ask import JobError, JobProcess
from vislab.presets.errors import InputError

if TYPE_CHECKING:  # the console calls `ask_beside` before its first frame
    from vislab.engine.runs.devices import Device
    from vislab.engine.runs.meters import Reading

_beside: JobProcess | None = None
_one_at_a_time = threading.Lock()


def ask_beside() -> None:
    """Have another process ask the driver from now on: it starts with the first question, and ends with this one."""
    global _beside
    _beside = JobProcess(program=("vislab.engine.runs.nvml",))


def list_cards() -> "tuple[list[Device], str]":
    """The NVIDIA cards of the machine, and why there are none."""
    if _beside is None:
        from vislab.engine.runs import nvml

        return nvml.list_cards()
    try:
        found = _asked(_beside, "cards")
    except (InputError, JobError) as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    from vislab.engine.runs.devices import Device

    return [Device(**card) for card in found["cards"]], found["trouble"]


def read_card(worker: int, name: str) -> "Reading | None":
    """The card that a worker computes on; None when it cannot be seen from here.

    Args:
        worker: process id.
        name: of the card, which tells where process ids do not (in a container).
    """
    if _beside is None:
        from vislab.engine.runs import nvml

        return nvml.read_card(worker, name)
    try:
        found = _asked(_beside, "reading", worker=worker, name=name)["reading"]
    except (InputError, JobError):
        return None
    from vislab.engine.runs.meters import Reading

    return None if found is None else Reading(**found)


def _asked(process: JobProcess, job: str, **request: Any) -> dict[str, Any]:
    with _one_at_a_time:
        return process.ask(job, request)
