"""The console on a terminal, from its start to the words it leaves there."""

import asyncio
import contextlib
import sys
from collections.abc import Callable

from vislab.engine.runs.store import Run
from vislab.presets.settings import Settings
from vislab.tui import garbage
from vislab.tui.app import Console, screen_class
from vislab.tui.event_loop import EventLoop
from vislab.tui.leaving import Leaving
from vislab.tui.parting import last_words
from vislab.tui.screens.screen import ConsoleScreen


def run_console(settings: Settings, run: Run | None = None) -> int:
    """Run the console on this terminal until it is left.

    Args:
        run: its live view is the first screen; None: the launch screen.

    Returns:
        The exit code: 0, 1 after an error of the console, 128 and the signal's number after one of those that
        `Leaving` obeys or a SIGINT that nobody answered.
    """
    with Leaving() as leaving:
        console = Console(settings, leaving=leaving, first=None if run is None else _live_view(run))

        async def run_it() -> None:
            loop = asyncio.get_running_loop()

            def ask(code: int) -> None:
                loop.call_soon_threadsafe(lambda: console.exit(return_code=code))

            def leave() -> None:
                leaving.answered()
                console.action_leave()

            leaving.ask = ask
            leaving.interrupt = lambda: loop.call_soon_threadsafe(console.call_later, leave)
            loop.call_later(garbage.SETTLED, garbage.collect_from_now_on, loop.call_later, lambda: console.idle)
            if leaving.code is None:  # else the end was asked for before there was anybody to ask
                await console.run_async()

        # Not `asyncio.run`, which waits for threads that look at something: nobody wants to know any more.
        EventLoop().run_until_complete(run_it())
    with contextlib.suppress(OSError):  # a terminal that is gone
        followed, stopped = console.followed.values(), console.stopped.values()
        for line in last_words(followed, stopped, started=console.started_here, ends=console.detached_ends):
            print(line, file=sys.stderr)
    return leaving.code or console.return_code or 0


def _live_view(run: Run) -> Callable[["Console"], ConsoleScreen]:
    return lambda console: screen_class("live")(run=run)  # type: ignore[call-arg]
