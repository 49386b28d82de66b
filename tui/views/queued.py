"""What a run in the queue waits for, in sentences. All text that they return is safe."""

from vislab.engine.runs.queue import Wait
from vislab.tui.views.named import several
from vislab.tui.views.text import count

DEVICES = {"cpu": "the processor", "mps": "Apple's GPU", "cuda": "a GPU"}


def sentences(wait: Wait) -> tuple[str, str]:
    """The device that it asks for and which runs have it; its place among those that wait for it, and behind whom."""
    have = "have" if len(wait.taken_by) > 1 else "has" if wait.taken_by else "is known to have"
    who = several(wait.taken_by) if wait.taken_by else "no run here"
    what = DEVICES.get(wait.device, wait.device)
    any_of_them = wait.device == "cuda"
    device = f"It asks for {what}; {who} {have} one." if any_of_them else f"It asks for {what}, which {who} {have}."
    behind = f", behind {several(wait.behind)}" if wait.behind else ""
    return device, f"Place {count(len(wait.behind) + 1)} in the queue{behind}."
