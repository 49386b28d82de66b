"""Whether an error says that memory ran out. Free of torch."""

import errno

_WORDS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "cuda error: out of memory")
"""Of torch's allocator, of the system when a file of weights is mapped, of the driver of a GPU that is full already."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of the device or of the host was refused.

    torch has an error of its own for accelerators only; its allocator for the host raises a bare RuntimeError.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _WORDS)


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return str(error).partition("\n")[0] or type(error).__name__
