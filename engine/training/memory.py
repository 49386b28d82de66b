"""Whether an error says that memory ran out. Free of torch."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of the device or of the host was refused.

    torch has an error of its own for accelerators only; its allocator for the host raises a bare RuntimeError.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "not enough memory" in text)


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return str(error).partition("\n")[0] or type(error).__name__
