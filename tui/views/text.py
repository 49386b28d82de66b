"""How text, numbers, times and sizes are written everywhere a person reads them."""

import math
import re
import time
import unicodedata

from vislab.engine.analysis import figures
from vislab.engine.runs.events import Figure, number
from vislab.presets.sizes import amount

LINE_END = "⏎"
"""What stands for the end of a line in a text of one line."""

MISSING = "-"
"""Stands where there is no figure."""

ON_TEST = "†"
"""Stands behind a figure of test images that chose the best epoch, in a list of runs of which few may be so."""

ELLIPSIS = "…"
_ENTRY = re.compile(r"(:?)\n {2,}")
_NEWLINES = frozenset("\n\v\f\r\x85\u2028\u2029")
_JOINERS = frozenset("\u200c\u200d")


def plain(text: str, limit: int = 200) -> str:
    """Make text from outside (class names, file names, titles, errors) safe to display on one line.

    This is the one function through which such text goes. Line ends become `⏎`, tabs a space, other control characters
    their visible signs (ESC is `␛`, so no escape sequence survives), halves of surrogate pairs `�`; invisible format
    characters (bidirectional marks, zero-width spaces) their code, such as `<U+202E>`: two names that differ look so.
    Joiners, which scripts and emoji need and terminals measure each in its own way, are removed. The result is data,
    not markup: it enters Rich as `Text` and HTML escaped.

    Args:
        limit: most characters of the result, at least 1; longer text is cut and ends with an ellipsis.
    """
    shown: list[str] = []
    previous = ""
    for character in text:
        if not (character == "\n" and previous == "\r"):
            shown.append(_visible(character))
        previous = character
        if len(shown) > 4 * limit:  # invisible characters leave empty entries: count what is seen, now and then
            shown = ["".join(shown)]
            if len(shown[0]) > limit:
                break
    line = "".join(shown)
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def message(words: str, limit: int = 200) -> str:
    """Make a message, such as an error, safe to display on one line, as `plain` does.

    Some of vislab's own end with a list, an entry on each indented line: it follows the colon, divided by semicolons.
    All other line ends, those of names for instance, become `⏎`.
    """
    return plain(_ENTRY.sub(lambda found: ": " if found[1] else "; ", words), limit)


def _visible(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character in _NEWLINES:
        return LINE_END
    if character == "\t":
        return " "
    match unicodedata.category(character):
        case "Cc":
            code = ord(character)
            return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "�"
        case "Cs":
            return "�"
        case "Cf":
            return "" if character in _JOINERS else f"<U+{ord(character):04X}>"
    return character


def cells(text: str) -> int:
    """Width of text in terminal cells: two for wide East Asian characters and emoji, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Bring text to exactly `width` terminal cells: filled with spaces, or cut with an ellipsis.

    Args:
        right: set it at the right end of the cells.
    """
    if cells(text) > width:
        kept = ""
        room = width - 1
        for character in text:
            room -= cells(character)
            if room < 0:
                break
            kept += character
        text = kept + ELLIPSIS if width > 0 else ""
    filling = " " * (width - cells(text))
    return filling + text if right else text + filling


def shortened(text: str, width: int) -> str:
    """Bring text to at most `width` terminal cells: one that is longer keeps both its ends."""
    if cells(text) <= width:
        return text
    end = ""
    for character in reversed(text):
        if cells(character + end) > width // 2:
            break
        end = character + end
    return fit(text, width - cells(end)).rstrip() + end


def tail(text: str, width: int) -> str:
    """Bring text to at most `width` terminal cells: one that is longer loses its beginning."""
    return text if cells(text) <= width else fit(text[::-1], width).rstrip()[::-1]


def count(value: int) -> str:
    """A whole number with its thousands marked: `1,797`."""
    return f"{value:,}"


def counted(value: int, thing: str, things: str = "") -> str:
    """A count with its noun: `1 image`, `1,797 images`; `things` where the plural is no plain s."""
    return f"{count(value)} {thing if value == 1 else things or thing + 's'}"


def part(done: int, whole: int, thing: str) -> str:
    """How many of a count: `1 of 1 epoch`, `1,500 of 2,000 epochs`."""
    return f"{count(done)} of {counted(whole, thing)}"


def activity(training: int, paused: int, queued: int = 0) -> str:
    """How many runs train, are paused and wait: `1 run training · 1 paused · 2 queued`; empty where there are none."""
    parts = [f"{counted(training, 'run')} training"] * bool(training)
    parts += [f"{count(paused) if training else counted(paused, 'run')} paused"] * bool(paused)
    parts += [f"{count(queued)} queued"] * bool(queued)
    return " · ".join(parts)


def millions(parameters: int) -> str:
    """Parameters as people quote them: `11.2 M`, `0.062 M`, `1.2 B`."""
    if parameters >= 1_000_000_000:
        return f"{parameters / 1e9:.1f} B"
    return f"{parameters / 1e6:.1f} M" if parameters >= 100_000 else f"{parameters / 1e6:.2g} M"


def size(bytes: float) -> str:
    """Bytes in powers of 1000, as the engine writes them: `14 GB`, `1.4 GB`, `820 kB`."""
    return amount(bytes)


def duration(seconds: float) -> str:
    """How long something took: `0.4 s`, `8 s`, `1m02s`, `3h01m`, `2d04h`."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    hours = round(seconds / 3600)
    return f"{hours // 24}d{hours % 24:02d}h"


def clock(seconds: float | None) -> str:
    """A running time as a clock: `0:13`, `1:02:13`; `-` where it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


_NEVER = 250_000_000_000.0
"""Seconds from 1970 to the year 9892: later ones, of a damaged log, calendars do not know."""


def when(moment: float, now: float | None = None) -> str:
    """A moment (seconds since 1970) as a person says it: `10:42`, `yesterday`, `Nov 19`, `2024-11-19`; local time.

    Args:
        now: seconds since 1970; the present when left out.
    """
    if not 0 < moment < _NEVER:
        return MISSING
    today = time.localtime(time.time() if now is None else now)
    then = time.localtime(moment)
    if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M", then)
    # Noon of the day before is in that day whatever the clocks did in the night between.
    noon = time.mktime((today.tm_year, today.tm_mon, today.tm_mday - 1, 12, 0, 0, 0, 0, -1))
    yesterday = time.localtime(noon)
    if (then.tm_year, then.tm_yday) == (yesterday.tm_year, yesterday.tm_yday):
        return "yesterday"
    return time.strftime("%b %-d" if then.tm_year == today.tm_year else "%Y-%m-%d", then)


def moment(seconds: float) -> str:
    """A moment (seconds since 1970) in full: `2025-11-22 10:42:07`, local time; `-` where there is none."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if 0 < seconds < _NEVER else MISSING


def loss(value: Figure | None) -> str:
    """A mean loss per sample as findings write it: `0.3747`, `1433`, `4.8e7`, `nan`; `-` where there is none."""
    return MISSING if value is None else figures.loss(number(value))


def short(value: Figure | None) -> str:
    """A loss or a share in few cells: `0.217`, `6e-5`; not finite, or of ten or more, as `loss` writes it."""
    if value is None or not abs(float(value)) < 10:
        return loss(value)
    if 0 < abs(float(value)) < 1e-3:
        digit, exponent = f"{float(value):.0e}".split("e")
        return f"{digit}e{int(exponent)}"
    return f"{float(value):.3f}"


def accuracy(value: Figure | None) -> str:
    """A fraction in [0, 1] to four places: `0.9892`; `nan` where not finite, `-` where there is none."""
    return MISSING if value is None else f"{float(value):.4f}"


def judged(figure: str, *, on_test: bool) -> str:
    """A figure of held-out images as it was written, marked where these are test images that chose the best epoch."""
    return figure + ON_TEST if on_test and figure != MISSING else figure


def percent(fraction: float) -> str:
    """A share as whole percent: `37 %`; never 100 % before all is done, never 0 % once something is."""
    if not math.isfinite(fraction):
        return MISSING
    value = round(100 * fraction)
    if value == 100 and fraction < 1:
        value = 99
    if value == 0 and fraction > 0:
        value = 1
    return f"{value} %"


def scientific(value: float) -> str:
    """A learning rate, or another figure of any size, as findings write it: `1.0e-3`."""
    return figures.scientific(value)


def rate(images_per_second: float) -> str:
    """Images a second: `412`, `4.1`; `-` where it is not known."""
    if not math.isfinite(images_per_second) or images_per_second <= 0:
        return MISSING
    return f"{images_per_second:.1f}" if images_per_second < 9.95 else f"{images_per_second:,.0f}"


def interval(low: float, high: float) -> str:
    """Bounds of a fraction with as many places as their distance is worth: `[0.74, 0.97]`, `[0.9870, 0.9910]`."""
    places = 2 if high - low >= 0.05 else 3 if high - low >= 0.01 else 4
    return f"[{low:.{places}f}, {high:.{places}f}]"
