"""The written form of a random split: percentages of train, validation and test."""

import re
from fractions import Fraction

from vislab.presets.errors import InputError


def split_shares(text: str) -> tuple[Fraction, ...]:
    """Read `80/20` (train/validation) or `80/10/10` (train/validation/test) into shares that sum to exactly 1.

    Raises:
        InputError: another form, a part of nothing, or a sum that is not 100 %.
    """
    parts = [part.strip() for part in text.split("/")]
    if len(parts) not in (2, 3) or not all(re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", part) for part in parts):
        raise InputError(
            "must be official, none, or percentages such as 80/20 (train/validation) or 80/10/10 "
            "(train/validation/test)"
        )
    shares = tuple(Fraction(part) / 100 for part in parts)
    if not all(shares):
        raise InputError("every part needs more than 0 %; leave out a part you do not want")
    if sum(shares) != 1:
        raise InputError(f"sums to {float(sum(shares) * 100):g} %, not to 100 %")
    return shares
