"""Cells of CSV files in a run directory: text that a spreadsheet would calculate is kept from it, and comes back."""

import struct

_BEGINNINGS = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def guard(text: str) -> str:
    """Text as a spreadsheet shows it: what would begin a formula there gets an apostrophe in front.

    Apostrophes before such a beginning are counted up, so that `unguard` gives every text back.
    """
    return f"'{text}" if text.lstrip("'").startswith(_BEGINNINGS) else text


def unguard(cell: str) -> str:
    """The inverse of `guard`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_BEGINNINGS) else cell


def single(value: float) -> str:
    """A number with as few digits as give the same float32 back; `nan`, `inf` and `-inf` as such."""

    def nearest(number: float) -> bytes:
        return struct.pack("<f", number)

    wanted = nearest(value)
    return next(
        text for digits in range(1, 10) if nearest(float(text := f"{value:.{digits}g}")) == wanted or digits == 9
    )
