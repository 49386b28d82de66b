"""What is over is let go."""

import asyncio
import gc
import weakref
from contextvars import ContextVar, copy_context

import pytest

from vislab.tui.event_loop import EventLoop

shown: ContextVar[object] = ContextVar("shown")


class Screen: ...


@pytest.fixture
def loop():
    loop = EventLoop()
    yield loop
    loop.close()


def test_a_timer_that_was_cancelled_keeps_nothing(loop) -> None:
    def start() -> weakref.ref[Screen]:
        shown.set(screen := Screen())
        loop.call_later(3600, print, screen).cancel()
        return weakref.ref(screen)

    seen = copy_context().run(start)
    gc.collect()
    assert seen() is None


def test_a_timer_calls_in_the_context_that_it_was_set_in(loop) -> None:
    found = []
    other = copy_context()
    other.run(shown.set, "other")

    async def act() -> None:
        shown.set("own")
        loop.call_later(0, lambda: found.append(shown.get()))
        loop.call_later(0, lambda: found.append(shown.get()), context=other)
        shown.set("later")
        await asyncio.sleep(0.01)

    loop.run_until_complete(act())
    assert found == ["own", "other"]


def test_a_thread_keeps_nothing_of_the_work_that_it_has_done(loop) -> None:
    def work() -> weakref.ref[Screen]:
        shown.set(screen := Screen())
        return weakref.ref(screen)

    seen = loop.run_until_complete(loop.run_in_executor(None, work))
    gc.collect()
    assert seen() is None
