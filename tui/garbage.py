"""When Python looks for garbage while the console runs."""

import asyncio
import gc
from collections.abc import Callable
from contextvars import Context

from vislab.tui.allocator import give_back

SETTLED = 1.0
"""Seconds after which the console has started: garbage is collected from then on."""

COLLECT = (1_500, 5, 3)
"""As `gc.set_threshold`: seldom, for what is painted is made of many objects, few of them garbage before the frame is
out."""

SOON = 0.5
"""Seconds after which what a screen leaves is collected; the one that follows it is painted by then."""

PAUSE = 0.3
"""Seconds without a key until it is: 10 to 20 ms, in which no key is answered."""

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


def later(seconds: float, call: Callable[[], None]) -> None:
    """Call something after a while, in a context without the screen that asks: that would be kept until then."""
    asyncio.get_running_loop().call_later(seconds, call, context=Context())


class Leavings:
    """What screens leave when they open, turn a page or close: collected, and given back to the system, while nobody
    types.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object], quiet: Callable[[], float]) -> None:
        """Nothing yet.

        Args:
            later: calls something after a while, in seconds.
            quiet: seconds since the last key.
        """
        self._later, self._quiet = later, quiet
        self._due = False

    def collect_soon(self) -> None:
        """Collect it, once however often this is asked for."""
        if not self._due:
            self._due = True
            self._later(SOON, self._collect)

    def _collect(self) -> None:
        if self._quiet() < PAUSE:
            self._later(PAUSE, self._collect)
            return
        self._due = False
        if gc.isenabled():  # else the console has just started, and what it has made is not put aside yet
            gc.collect()
        give_back()
