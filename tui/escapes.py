"""Whether escape sequences can be written to a stream."""

import os
from typing import TextIO

UNKNOWING = ("", "dumb", "unknown")
"""Values of TERM of terminals that know none."""


def understood(stream: TextIO) -> bool:
    """Whether it is a terminal that knows escape sequences."""
    return stream.isatty() and os.environ.get("TERM", "") not in UNKNOWING


def coloured(stream: TextIO) -> bool:
    """Whether they are understood, and colours are wanted (NO_COLOR, https://no-color.org)."""
    return understood(stream) and not os.environ.get("NO_COLOR")
