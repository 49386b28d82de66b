"""What was painted is let go."""

from rich.color import Color
from rich.style import Style
from textual.geometry import Region

from vislab.tui.screens.painted import OF_COLOURS, OF_SIZES, forget_painted


def test_every_cache_is_there_and_is_emptied():
    for number in range(50):
        style = Style(color=Color.from_rgb(number, 0, 0)) + Style(bgcolor=Color.from_rgb(0, number, 0))
        style.render("x")
        Region(0, 0, number, 1).overlaps(Region(0, 0, 1, number))
    caches = [getattr(owner, name) for owner, name in (*OF_COLOURS, *OF_SIZES)]
    for filled in (Style._add, Color.get_ansi_codes, Region.overlaps):
        assert filled.cache_info().currsize >= 50
    forget_painted()
    assert [cached.cache_info().currsize for cached in caches] == [0] * len(caches)
