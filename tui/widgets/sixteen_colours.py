"""What is painted on a terminal of 16 colours, as TERM=screen or the Linux console, of the theme's many.

The nearest of the 16 by distance is yellow for a warning and for an error alike, and yellow or cyan on white. So
letters take the colour of their own hue that is legible on what lies behind them: bright on black, dark on white.
"""

from colorsys import rgb_to_hsv
from functools import lru_cache

from rich._palettes import STANDARD_PALETTE
from rich.color import Color as RichColor
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from vislab.tui.widgets.no_colour import PIXELS

BLACK, RED, GREEN, BLUE, MAGENTA, LIGHT_GREY = 0, 1, 2, 4, 5, 7
GREY, BRIGHT_RED, BRIGHT_GREEN, BRIGHT_YELLOW, BRIGHT_BLUE, BRIGHT_MAGENTA, BRIGHT_CYAN, WHITE = range(8, 16)
"""Numbers of the colours, as terminals count them."""

HUES = (
    (33, BRIGHT_RED, RED),
    (70, BRIGHT_YELLOW, MAGENTA),
    (150, BRIGHT_GREEN, GREEN),
    (190, BRIGHT_CYAN, GREEN),
    (280, BRIGHT_BLUE, BLUE),
    (335, BRIGHT_MAGENTA, MAGENTA),
    (360, BRIGHT_RED, RED),
)
"""Hues in degrees, each up to its end: the colour on a dark ground, and on a light one, where yellow and cyan are not
seen. """
GREYS = (BLACK, LIGHT_GREY, GREY, WHITE)
COLOURED = 0.12
"""Difference of the largest and the smallest channel, of 1, from which a colour is no grey."""
LEGIBLE = 2.5
"""Contrast by WCAG 2.1 below which letters are meant to be faint, as all behind a window; and below which letters in
one of the 16 are black or white instead.
"""


class SixteenColours(LineFilter):
    """Reduces what is painted to the 16 colours; pictures are left to the nearest ones."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in 16 colours."""
        behind = background.rich_color
        return [
            Segment(words, style and (style if PIXELS in words else of_sixteen(style, behind)), control)
            for words, style, control in segments
        ]


@lru_cache(2048)
def of_sixteen(style: Style, behind: RichColor) -> Style:
    """A style in the 16 colours.

    Args:
        behind: the background where the style has none.
    """
    back = style.bgcolor or behind
    if back.is_default:
        return style
    ground = _ground(back.get_truecolor())
    letters = None
    if style.color is not None and not style.color.is_default:
        letters = RichColor.from_ansi(_letters(style.color.get_truecolor(), back.get_truecolor(), ground))
    return style + Style.from_color(letters, RichColor.from_ansi(ground))


def _ground(colour: ColorTriplet) -> int:
    nearest = STANDARD_PALETTE.match(colour)
    return nearest if nearest in GREYS else _of_hue(colour, bright=not _is_dark(colour))


def _letters(colour: ColorTriplet, back: ColorTriplet, ground: int) -> int:
    behind = STANDARD_PALETTE[ground]
    dark = _is_dark(behind)
    if contrast(colour, back) < LEGIBLE:
        found = GREY
    elif max(colour) - min(colour) < COLOURED * 255:
        found = STANDARD_PALETTE.match(colour)
    else:
        found = _of_hue(colour, bright=dark)
    legible = contrast(STANDARD_PALETTE[found], behind) >= LEGIBLE
    return found if legible else WHITE if dark else BLACK


def _of_hue(colour: ColorTriplet, *, bright: bool) -> int:
    hue = 360 * rgb_to_hsv(*colour.normalized)[0]
    return next(light if bright else dark for end, light, dark in HUES if hue <= end)


def _is_dark(colour: ColorTriplet) -> bool:
    return contrast(colour, STANDARD_PALETTE[WHITE]) > contrast(colour, STANDARD_PALETTE[BLACK])


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """Of two colours by WCAG 2.1, from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: ColorTriplet) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
