"""What a run in the queue waits for, in sentences. All text that they return is safe."""

from vislab.engine.runs.queue import Wait
from vislab.tui.views.named import several
from vislab.tui.views.text import count, plain

DEVICES = {"cpu": "the processor", "mps": "Apple's GPU", "cuda": "a GPU"}


def sentences(wait: Wait) -> tuple[str, str]:
    """The device that it asks for and which runs have it; its place among those that wait for it, and behind whom."""
    device = f"It asks for {DEVICES.get(wait.device) or plain(wait.device, 20)}"
    if wait.taken_by or not wait.choosing:
        have = "have" if len(wait.taken_by) > 1 else "has" if wait.taken_by else "is known to have"
        who = several(wait.taken_by) if wait.taken_by else "no run here"
        device += f"; {who} {have} one" if wait.device == "cuda" else f", which {who} {have}"
    if wait.choosing:
        are = "are" if len(wait.choosing) > 1 else "is"
        device += f"; {several(wait.choosing)} {are} about to choose a device"
    behind = f", behind {several(wait.behind)}" if wait.behind else ""
    return f"{device}.", f"Place {count(len(wait.behind) + 1)} in the queue{behind}."
