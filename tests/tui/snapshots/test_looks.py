"""What holds on every screen whatever the terminal is like: small, light, with 16 colours, without colour."""

import os
from collections.abc import Iterable, Iterator

import pytest
from rich.color import Color, ColorType, blend_rgb
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.screen import ModalScreen

from vislab.tui.widgets.no_colour import PIXELS
from vislab.tui.widgets.run_list import RunList
from vislab.tui.widgets.sixteen_colours import GREY, LEGIBLE, STANDARD_PALETTE
from vislab.tui.widgets.themes import THEMES

SMALL = (60, 20)
SIGNS = "▪●★✔✖‖◷▸"
"""What is read besides letters and digits; frames, bars and shades may be faint."""
PICTURES = ("results-pictures", "results-saliency", "results-training")
"""Scenes with colours that are not the theme's."""
LEAST_CONTRAST = 3.0
"""Of letters that are not dim on purpose: what WCAG 2.1 asks of large text."""


def segments(visit) -> Iterator[Segment]:
    """What is on the screen, in pieces of one style each."""
    for strip in visit.pilot.app.screen._compositor.render_strips():
        yield from strip


def letters(pieces: Iterable[Segment]) -> Iterator[tuple[str, Style]]:
    """Pieces that are read, with their style."""
    for segment in pieces:
        if segment.style is not None and any(part.isalnum() or part in SIGNS for part in segment.text):
            yield segment.text, segment.style


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance by WCAG 2.1, in [0, 1]."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def triplet(colour: Color) -> ColorTriplet:
    """Red, green and blue."""
    return STANDARD_PALETTE[colour.number or 0] if colour.type is ColorType.STANDARD else colour.get_truecolor()


def contrast(style: Style) -> float:
    """Of letters in a style with their background, from 1 to 21."""
    assert style.color is not None and style.bgcolor is not None
    front, back = triplet(style.color), triplet(style.bgcolor)
    if style.reverse:
        front, back = back, front
    if style.dim:
        front = blend_rgb(back, front, 0.6)
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def least_contrast(words: str, style: Style) -> float:
    """Signs differ by their shape as well."""
    return 1.5 if style.dim else 2.5 if words.strip() in SIGNS else LEAST_CONTRAST


def cursor_grounds(visit) -> set[Color | None]:
    """What is behind the lines of the list of runs: the one under the cursor, and the others."""
    screen = visit.pilot.app.screen
    lines = screen._compositor.render_strips()
    rows = [lines[y] for y in screen.query_one(RunList).region.line_range]
    return {style.bgcolor for row in rows for words, style, _ in row if style and "study" in words}


OTHER = ("live", "history", "compare", "results-matrix")
"""Screens that show all colours of a theme."""
FIRST = {theme.dark: theme.name for theme in reversed(THEMES)}


@pytest.mark.parametrize("theme", THEMES, ids=[theme.name for theme in THEMES])
def test_every_small_screen_is_whole_and_legible_dark_and_light(tour, scenes, theme) -> None:
    every = theme.name in FIRST.values()  # the others differ from these in a few colours
    seen = set()

    def look(visit) -> None:
        name = visit.scene.name
        lines = visit.text.split("\n")
        is_window = isinstance(visit.pilot.app.screen, ModalScreen)  # what lies behind is faint on purpose
        assert len(lines) == 20 and (is_window or "help" in lines[-1]), visit.text
        dark = 0
        for words, style in letters([] if is_window else segments(visit)):
            assert contrast(style) >= least_contrast(words, style), (name, words, str(style))
            dark += luminance(style.bgcolor.get_truecolor()) < 0.5
        assert theme.dark or dark <= 3 or name in PICTURES, f"{name}: {dark} dark pieces"
        if name == "history":
            assert len(cursor_grounds(visit)) > 1, "the cursor cannot be seen"
        seen.add(name)

    tour(look, SMALL, *([] if every else [OTHER]), theme=theme.name)
    assert seen == ({scene.name for scene in scenes} if every else set(OTHER))


FEW = ("history", "results-pictures", "question")
"""A list with a cursor, pictures, and a window."""


@pytest.mark.parametrize(
    "theme", [theme for theme in THEMES if theme.name in FIRST.values()], ids=lambda theme: theme.name
)
def test_with_16_colours_letters_and_cursor_are_seen_and_what_lies_behind_a_window_is_faint(
    tour, monkeypatch, theme
) -> None:
    monkeypatch.setenv("TERM", "xterm-16color")
    seen = set()

    def look(visit) -> None:
        name, screen = visit.scene.name, visit.pilot.app.screen
        for segment in segments(visit):
            style = segment.style or Style()
            kinds = {colour.type for colour in (style.color, style.bgcolor) if colour}
            assert kinds <= {ColorType.TRUECOLOR if PIXELS in segment.text else ColorType.STANDARD}, (name, segment)
        assert (PIXELS in visit.text) == (name in PICTURES)
        for words, style in letters(segments(visit)):
            assert contrast(style) >= LEGIBLE, (name, words, str(style))
        if name == "history":
            assert len(cursor_grounds(visit)) > 1, "the cursor cannot be seen"
        if name == "question":
            strips, window = screen._compositor.render_strips(), screen.query_one(".window").region
            behind = {style for strip in (*strips[: window.y], *strips[window.bottom :]) for _, style, _ in strip}
            front = [piece for y in window.line_range for piece in strips[y].crop(window.x, window.right)]
            faint = Style.from_color(Color.from_ansi(GREY), Color.from_ansi(0 if theme.dark else 15))
            assert behind == {faint}
            assert max(contrast(style) for _, style in letters(front)) > 2 * contrast(faint)
        seen.add(name)

    tour(look, SMALL, FEW, theme=theme.name)
    assert seen == set(FEW)


CURSORS = {"launch": "▸", "history": "study-b", "compare": "▪1", "launch-more": "device"}
"""Scenes with a row that the cursor is on, and something that stands in it or in one like it."""


@pytest.mark.parametrize(
    "theme", [theme for theme in THEMES if theme.name in FIRST.values()], ids=lambda theme: theme.name
)
def test_without_colour_only_pictures_have_shades_and_the_cursor_is_seen(tour, scenes, monkeypatch, theme) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "NO_COLOR" in os.environ
    seen = set()

    def look(visit) -> None:
        name, reversed_ = visit.scene.name, ""
        for segment in segments(visit):
            style = segment.style or Style()
            reversed_ += segment.text if style.reverse else ""
            for colour in filter(None, (style.color, style.bgcolor)):  # none: letters differ from their ground anywhere
                grey = PIXELS in segment.text and len(set(colour.get_truecolor())) == 1
                assert colour.is_default or (grey and name in PICTURES), (name, segment)
        if name == "compare":
            assert "▪1  study-b-cnn" in visit.text and "●2  study-b-transfer" in visit.text
        assert CURSORS.get(name, "") in reversed_, f"{name}: the cursor cannot be seen"
        seen.add(name)

    where = {scene.name for scene in scenes} if theme.dark else set(CURSORS)
    tour(look, SMALL, tuple(where), theme=theme.name)
    assert seen == where and seen.issuperset(CURSORS)
