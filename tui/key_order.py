"""Keys one at a time: a key that opens a field or a window has done so before the next one is given to anybody."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event
from textual.worker import Worker

from vislab.tui.screens.dialog import Question

PATIENCE = 0.05
"""Seconds between two looks whether a part of the screen that has not answered is still there."""
LONGEST = 2.0
"""Seconds after which the next key is given on although the one before is not done with."""
LONGEST_OPENING = 10.0
"""Seconds for which keys wait for what one before them opens: the screen of a run that is started, a question."""
AT_ONCE = ("ctrl+c", "ctrl+q")
"""Keys that wait for no other key."""
_STARTING = "launch"  # group of workers that start a run to be watched: its screen is opened when they are done
_ASKING = "question"  # group of workers that find out what a question says, which is opened when they are done


class KeyOrder:
    """Gives each key, or pasted text, to what has the focus once all keys before it have taken their effect.

    Textual gives a key at once to what has the focus, where it waits until it is looked at. What is typed fast, pasted
    or late over a slow link arrives in one piece: the letters behind a `/` would go to the list and not to the field
    that the `/` opens. Keys that are pressed while a run is being started wait for the screen that shows it, and those
    behind one that asks for a question wait for the question. Where its answer cannot be taken back they are dropped,
    but for those that answer no: nobody can have meant them for what was not on the screen yet.
    """

    def __init__(self, app: App[Any], give: Callable[[Event], Awaitable[None]]) -> None:
        """An order of keys.

        Args:
            give: gives an event to what has the focus now.
        """
        self._app = app
        self._give = give
        self._waiting: deque[Event] = deque()
        self._slow: list[Worker[Any]] = []  # waited for in vain
        self.last = 0.0
        """When a key was pressed last, by the monotonic clock; 0.0 before the first."""
        self._task: asyncio.Task[None] | None = None

    @property
    def quiet(self) -> float:
        """Seconds since a key was pressed."""
        return time.monotonic() - self.last

    async def take(self, event: Event) -> None:
        """Give this on behind all that wait; a key to leave at once.

        While a run is being started such a key waits as well, for leaving asks about that run; pressed again it does
        not.
        """
        self.last = time.monotonic()
        if _leaves(event) and (not self._opening(_STARTING) or any(map(_leaves, self._waiting))):
            await self._give(event)
            return
        self._waiting.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._give_all())
            self._task.add_done_callback(self._ended)

    def close(self) -> None:
        """Give on no more."""
        if self._task is not None:
            self._task.cancel()

    async def _give_all(self) -> None:
        while self._waiting and self._app.is_running:
            await self._opened()
            event = self._waiting.popleft()
            if isinstance(question := self._app.screen, Question) and question.ignores(_key(event), event.time):
                continue
            taker = self._taker()
            await self._give(event)
            await self._settled(taker)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._app._handle_exception(error)

    def _taker(self) -> DOMNode:
        """What has the focus; the application itself when it ends, which closes its screens first."""
        return self._app.focused or self._app.screen if self._app.is_running else self._app

    def _opening(self, *groups: str) -> list[Worker[Any]]:
        return [
            work
            for work in self._app.workers
            if work.group in groups and not work.is_finished and work not in self._slow
        ]

    async def _opened(self) -> None:
        """Wait until what is being made ready to be opened is, and can take keys."""
        if opening := self._opening(_STARTING, _ASKING):
            await asyncio.wait(
                (asyncio.gather(*(work.wait() for work in opening), return_exceptions=True),), timeout=LONGEST_OPENING
            )
            self._slow = [work for work in (*self._slow, *opening) if not work.is_finished]
            await self._settled(self._taker())

    async def _settled(self, taker: DOMNode) -> None:
        """Wait until all that a key may have reached has done with it, and so has what has the focus since then."""
        try:
            await asyncio.wait_for(self._answered(taker), LONGEST)
        except TimeoutError:
            return

    async def _answered(self, taker: DOMNode) -> None:
        for node in taker.ancestors_with_self:  # the way a key goes; the last is the application, which has the keys
            await _answer(node)
        for node in self._taker().ancestors_with_self:
            await _answer(node)


def _leaves(event: Event) -> bool:
    return _key(event) in AT_ONCE


def _key(event: Event) -> str:
    """Its name; empty for pasted text."""
    return str(getattr(event, "key", ""))


async def _answer(node: DOMNode) -> None:
    """Wait until a node has looked at all that was sent to it so far, or is no more."""
    answered = (
        asyncio.get_running_loop().create_future()
    )  # a task for each node, as an Event takes, costs twice as much

    def answer() -> None:
        if not answered.done():
            answered.set_result(None)

    while not answered.done() and node.call_later(answer):
        await asyncio.wait((answered,), timeout=PATIENCE)
