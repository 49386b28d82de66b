"""What was painted is let go."""

from rich.color import Color
from rich.style import Style

from vislab.tui.screens.painted import CACHED, forget_painted


def test_every_cache_is_there_and_is_emptied():
    for number in range(50):
        style = Style(color=Color.from_rgb(number, 0, 0)) + Style(bgcolor=Color.from_rgb(0, number, 0))
        style.render("x")
    caches = [getattr(owner, name) for owner, name in CACHED]
    assert Style._add.cache_info().currsize >= 50 and Color.get_ansi_codes.cache_info().currsize >= 50
    forget_painted()
    assert [cached.cache_info().currsize for cached in caches] == [0] * len(CACHED)
