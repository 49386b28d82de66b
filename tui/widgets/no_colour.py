"""What is painted where no colour is wanted (NO_COLOR, https://no-color.org): the terminal's own two colours.

What stands out by its background alone is reversed. Only pictures keep shades of grey, for they are nothing else.
"""

from collections.abc import Callable
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter, monochrome_style

STANDS_OUT = 36
"""Distance of a background from the screen's, in the channel of the largest, from which it is meant to be seen: panels
and fields lie below, what the cursor is on above.
"""
PIXELS = "▀"


class NoColour(LineFilter):
    """Takes all colour from what is painted."""

    def __init__(self, ground: Callable[[], Color]) -> None:
        """A filter.

        Args:
            ground: tells the background of the screens, in the theme of the moment.
        """
        super().__init__()
        self._ground = ground

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colour."""
        ground = self._ground()
        return [
            Segment(text, style and (monochrome_style(style) if PIXELS in text else _plain(style, ground)), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _plain(style: Style, ground: Color) -> Style:
    stands_out = style.bgcolor is not None and _distance(style.bgcolor, ground) >= STANDS_OUT
    return Style(
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        reverse=bool(style.reverse) != stands_out,
        meta=style.meta,
    )


def _distance(colour: RichColor, ground: Color) -> int:
    if colour.is_default:
        return 0
    return max(abs(one - other) for one, other in zip(colour.get_truecolor(), ground.rgb, strict=True))
