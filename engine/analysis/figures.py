"""How losses and learning rates are written wherever a person reads them."""

import math

LARGE = 1e5
"""Losses from here on are written in powers of ten."""


def loss(value: float) -> str:
    """A mean loss per sample: `0.3747`, `1433`, `4.8e7`, `3.2e-5`; `nan` or `inf` where not finite."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    if 0 < size < 1e-4 or size >= LARGE:
        return scientific(value)
    return f"{value:.4f}" if size < 1000 else f"{value:.0f}"


def scientific(value: float) -> str:
    """A learning rate, or another figure of any size, to two digits: `1.0e-3`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"
