"""When Python looks for garbage while the console runs."""

import gc

SETTLED = 1.0
"""Seconds after which the console has started: garbage is collected from then on."""

COLLECT = (1_500, 5, 3)
"""As `gc.set_threshold`: seldom, for what is painted is made of many objects, few of them garbage before the frame is
out; often enough that what a closed screen leaves does not stay beside the next one."""


def collect_from_now_on() -> None:
    """Look for it again: `vislab.tui.start` has turned it off.

    What the start has made stays, but for 1 MB that is garbage, and is not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    gc.enable()
