"""What Textual and Rich remember of what was painted and laid out, whether it is on the screen or not."""

from typing import Any

from rich import cells
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import _segment_tools
from textual._styles_cache import StylesCache
from textual.css.scalar import Scalar
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.strip import Strip

OF_COLOURS: tuple[tuple[Any, str], ...] = (
    (StylesCache, "get_inner_outer"),  # with its object, by which the lines of 1,024 widgets that are gone are reached
    (cells, "cached_cell_len"),  # 4,096 words
    (Strip, "render_ansi"),  # 16,384 styles
    (Style, "_add"),  # three styles each, 1,024 times
    (ANSIToTruecolor, "truecolor_style"),
    (Color, "get_ansi_codes"),
    (Color, "downgrade"),
)
"""Functions that remember their answers: few where a screen has few colours, but a picture has thousands."""

OF_SIZES: tuple[tuple[Any, str], ...] = (
    *((Region, name) for name in ("overlaps", "contains_region", "translate", "intersection", "union")),
    *((Region, name) for name in ("__contains__", "grow", "shrink", "split", "split_vertical", "split_horizontal")),
    (Scalar, "resolve"),
    (Strip, "blank"),
    (_segment_tools, "make_blank"),
    (Segment, "_split_cells"),  # 16,384 pieces of text
)
"""As many: few while a terminal keeps its size, but each size leaves its own behind, 10 MB of them in the end."""


def forget_painted() -> None:
    """Let it go; what is painted next takes some milliseconds more."""
    for owner, name in (*OF_COLOURS, *OF_SIZES):
        forget = getattr(getattr(owner, name, None), "cache_clear", None)
        if forget is not None:  # some are inner parts of their libraries, which may have others
            forget()
