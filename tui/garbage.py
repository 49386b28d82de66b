"""When Python looks for garbage while the console runs."""

import gc
from collections.abc import Callable

from vislab.tui.allocator import give_back

SETTLED = 1.0
"""Seconds after which the console has started: garbage is collected from then on."""

COLLECT = (1_500, 5, 3)
"""As `gc.set_threshold`: seldom, for what is painted is made of many objects, few of them garbage before the frame is
out."""

PAUSE = 0.3
"""Seconds without a key after which that of a closed screen is collected: 10 to 20 ms, in which no key is answered."""

IDLE = 0.75
"""As much for that of the start: 50 ms and more."""


def collect_from_now_on(later: Callable[[float, Callable[[], None]], object], idle: Callable[[], float]) -> None:
    """Look for it again: `vislab.tui.start` has turned it off.

    What the start has made stays, and is not looked at again, but for 1 MB that is garbage: it is collected once, when
    nobody types. What is there then stays as well.

    Args:
        later: calls something after a while, in seconds.
        idle: seconds since the last key; 0.0 while there is what shall not stay, such as a screen over the first one.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT)
    gc.enable()

    def collect() -> None:
        if idle() < IDLE:
            later(IDLE, collect)
        else:
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    later(IDLE, collect)


def collect_closed(later: Callable[[float, Callable[[], None]], object], quiet: Callable[[], float]) -> None:
    """Collect what a closed screen has left, and give it back to the system, once nobody types.

    Args:
        later: calls something after a while, in seconds.
        quiet: seconds since the last key.
    """
    if quiet() < PAUSE:
        later(PAUSE, lambda: collect_closed(later, quiet))
        return
    if gc.isenabled():  # else the console has just started, and what it has made is not put aside yet
        gc.collect()
    give_back()
