"""Work that a thread does while the loop goes on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Begins work at once, in a thread of its own; called, it waits for the result.

    Where the work failed, the first call raises its error, and each later call does the work again in the thread that
    calls: so it can be given to `Reporter.persist`, which tries again when there is room.

    Args:
        work: touches nothing that the loop changes meanwhile.

    Raises:
        RuntimeError: no thread can be started.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._asked = False
        thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._found = thread.submit(work)
        thread.shutdown(wait=False)  # it ends with the work

    @property
    def is_over(self) -> bool:
        """Whether a call would not wait."""
        return self._found.done()

    @property
    def has_failed(self) -> bool:
        """Whether the thread's attempt failed; waits for it."""
        return self._found.exception() is not None

    def __call__(self) -> T:
        """The result, or the error; see the class."""
        if self._asked and self.has_failed:
            return self._work()
        self._asked = True
        return self._found.result()
