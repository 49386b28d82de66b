"""How sizes are written wherever a person reads them."""


def amount(bytes: float) -> str:
    """Bytes in powers of 1000: `14 GB`, `1.4 GB`, `820 kB`."""
    value = float(bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
