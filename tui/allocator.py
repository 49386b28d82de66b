"""The C library's allocator: what is freed goes back to the system, where the library can be asked for it (glibc)."""

import ctypes
from contextlib import suppress

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
"""`M_ARENA_MAX` and `M_MMAP_THRESHOLD` of malloc.h."""
_LARGE = 128 * 1024
"""Bytes from which on memory is taken from the system, and goes back there when it is freed."""


def set_up() -> None:
    """Share one place among all threads, and let what is large go back at once; call it before there are threads.

    Else each thread keeps what it has freed, and others cannot use it; and the first large piece that is freed makes
    glibc take larger ones for small.
    """
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Give what is free to the system, also between what is in use; a few milliseconds."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
