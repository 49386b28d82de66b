"""How a field of the schema says its range, its unit and its line of help."""

from typing import Any

import msgspec


def field(
    help: str,
    *,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """Build the `msgspec.Meta` of one setting: one line of help, its unit and the range that is allowed."""
    bounds: Any = {"ge": ge, "gt": gt, "le": le, "lt": lt}  # msgspec's overloads allow no pair that may be None
    return msgspec.Meta(description=help, extra={"unit": unit}, **bounds)
