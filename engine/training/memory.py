"""Whether an error says that memory ran out. Free of torch."""

import errno

_WORDS = (
    "can't allocate memory",  # torch's allocator
    "cannot allocate memory",  # the system, when a file of weights is mapped
    "not enough memory",
    "cuda error: out of memory",  # the driver of a GPU that is full already
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "unable to find an engine to execute this computation",  # torch, when no way of cuDNN's had the memory it takes
)
"""What those say who refuse memory, in small letters."""


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
