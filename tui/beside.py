"""What goes on beside the screens, in threads: what only looks, and what leaving the console waits for."""

from collections.abc import Iterable
from typing import Any

from textual.worker import Worker

LOOKING = ("live runs", "look", "look around", "read", "sizes", "question", "draw")
"""Groups of workers that only look at something: the end does not wait for them."""

DOING = {
    "launch": "a run is being started",
    "enqueue": "runs are being started or queued",
    "resume": "a run is being started",
    "queue": "a run is being taken out of the queue",
    "labels": "labels are being written",
    "delete": "runs are being deleted",
    "export": "a page is being written",
    "report": "a comparison is being written",
}
"""Groups of workers that the end waits for, and what they do."""


def acting(workers: Iterable[Worker[Any]]) -> list[Worker[Any]]:
    """Those that the end waits for."""
    return [worker for worker in workers if not worker.is_finished and worker.group not in LOOKING]


def waiting_for(workers: Iterable[Worker[Any]]) -> str:
    """Say what the end waits for, and how not to."""
    what = ", ".join(dict.fromkeys(DOING[worker.group] for worker in workers))
    return f"Leaving when it is done: {what}. q or Ctrl+C once more leaves at once, and it stays half done."
