"""The console's event loop: it lets go what is over, and with it the screens that were closed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import ParamSpec, TypeVar, TypeVarTuple, Unpack

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class EventLoop(asyncio.SelectorEventLoop):
    """A loop that keeps no context of a timer that was cancelled, and none of work that a thread has done.

    A context holds the screen that it is of, and all that this one shows. asyncio's loop keeps that of a cancelled
    timer until its time comes; a thread of its executor keeps what Textual notes there, the work that it did last,
    until it gets other work.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_default_executor(_Forgetful())

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's; the context goes with the callback when the timer is cancelled."""
        context = copy_context() if context is None else context
        return super().call_at(when, context.run, callback, *args, context=Context())


class _Forgetful(ThreadPoolExecutor):
    """Does each piece of work in a context that goes with it, not in one of the thread's own."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **words: P.kwargs) -> Future[T]:
        return super().submit(lambda: Context().run(work, *args, **words))
