"""What Textual and Rich remember of what was painted, whether it is on the screen or not."""

from rich import cells
from rich.color import Color
from rich.style import Style
from textual._styles_cache import StylesCache
from textual.filter import ANSIToTruecolor
from textual.strip import Strip

CACHED = (
    (StylesCache, "get_inner_outer"),  # with its object, by which the lines of 1,024 widgets that are gone are reached
    (cells, "cached_cell_len"),  # 4,096 words
    (Strip, "render_ansi"),  # 16,384 styles
    (Style, "_add"),  # three styles each, 1,024 times
    (ANSIToTruecolor, "truecolor_style"),
    (Color, "get_ansi_codes"),
    (Color, "downgrade"),
)
"""Functions that remember their answers: few where a screen has few colours, but a picture has thousands."""


def forget_painted() -> None:
    """Let it go; what is painted next takes some milliseconds more."""
    for owner, name in CACHED:
        forget = getattr(getattr(owner, name, None), "cache_clear", None)
        if forget is not None:  # some are inner parts of their libraries, which may have others
            forget()
