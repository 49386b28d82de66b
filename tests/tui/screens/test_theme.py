"""What is drawn already takes the colours of another theme at once."""

import pytest
from textual.color import Color

from vislab.tui.preferences import Preferences

NAMES = ("primary", "secondary", "warning", "error", "success", "text-error", "text-warning", "background", "panel")


def of_theme(app):
    return {Color.parse(app.theme_variables[name]).hex.lower() for name in NAMES}


def painted(screen):
    """Every colour on the screen, by which words it stands behind or in."""
    found = {}
    for strip in screen._compositor.render_strips():
        for words, style, _ in strip:
            for colour in (style.color, style.bgcolor) if style is not None else ():
                if colour is not None and colour.triplet is not None:
                    found.setdefault(colour.triplet.hex.lower(), set()).add(words.strip())
    return found


PREDICTED = [("cat/1.png", "cat", "dog"), ("cat/2.png", "cat", "cat"), ("dog/1.png", "dog", "dog")] * 4


@pytest.fixture
def runs(make_run):
    failed = make_run("failed", end="failed", reason="out of memory")
    return [failed, make_run("done", predictions=PREDICTED), make_run("other", (0.4, 0.6))]


SCENES = [
    ("live", lambda runs: {"run": runs[0]}, (), "✖ failed"),
    ("results", lambda runs: {"run": runs[1]}, ("m",), "█"),
    ("history", lambda runs: {}, (), "out of memory"),
    ("history", lambda runs: {}, ("slash", "quotation_mark", "enter"), ""),
    ("compare", lambda runs: {"runs": runs[1:]}, ("down",), ""),
    ("launch", lambda runs: {}, (), ""),
    ("settings", lambda runs: {}, (), "●"),
]


@pytest.mark.parametrize(("name", "arguments", "keys", "coloured"), SCENES)
def test_nothing_keeps_a_colour_of_the_theme_before(runs, play, settle, name, arguments, keys, coloured) -> None:
    async def act(pilot):
        await pilot.press(*keys)
        await settle(pilot)
        app, screen = pilot.app, pilot.app.screen
        old, before = of_theme(app), painted(screen)
        words = {word for colour in old for word in before.get(colour, ())}
        assert words and any(coloured in word for word in words)
        app.prefer(Preferences(background="light"))
        await settle(pilot)
        await pilot.pause(0.05)
        after = painted(screen)
        stale = old - of_theme(app)
        assert not {colour: after[colour] for colour in stale if colour in after}
        assert any(coloured in word for colour in of_theme(app) for word in after.get(colour, ()))

    play(name, act, **arguments(runs))
