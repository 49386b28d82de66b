"""Painted lines that take little memory."""

import gc
import io
import re
import tracemalloc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.color import Color as TextualColor
from textual.filter import ANSIToTruecolor
from textual.strip import Strip

from vislab.tui.widgets.no_colour import PIXELS, NoColour
from vislab.tui.widgets.sixteen_colours import SixteenColours
from vislab.tui.widgets.strips import LeanCache, Pixels, Row, keep_lines_small

BLACK = TextualColor(0, 0, 0)
SYSTEMS = ("truecolor", "256", "standard")


def console(system="truecolor"):
    return Console(file=io.StringIO(), color_system=system, width=300)


def plainly(strip):
    """The same line as Textual makes it."""
    return Strip(list(strip), strip.cell_length)


def cells(strip):
    return [(character, segment.style) for segment in strip for character in segment.text]


PIXEL = st.binary(min_size=6, max_size=6) | st.just(b"\x10\x20\x30\x40\x50\x60")
DRAWN = st.lists(PIXEL, max_size=8).map(lambda found: Pixels(b"".join(found)))
WORDS = st.text("ab日 ", max_size=5).map(lambda words: Strip([Segment(words, Style(bold=True))]))
ROWS = st.lists(DRAWN | WORDS, max_size=4).map(Row)


@pytest.mark.parametrize("system", SYSTEMS)
@given(row=ROWS)
def test_a_row_is_rendered_as_its_segments_are(system, row):
    shown = row.render(console(system))
    assert shown == plainly(row).render(console(system))
    assert row.text == plainly(row).text and row.cell_count == plainly(row).cell_count
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == row.text


@given(ROWS, st.integers(-2, 30), st.integers(-2, 30))
def test_a_row_is_cut_as_its_segments_are(row, start, end):
    whole = plainly(row)
    assert cells(row.crop(start, end)) == cells(whole.crop(start, end))
    assert row.crop(start, end).cell_length == whole.crop(start, end).cell_length
    assert cells(row.crop(start)) == cells(whole.crop(start))
    assert cells(row.adjust_cell_length(max(0, end), Style(dim=True))) == cells(
        whole.adjust_cell_length(max(0, end), Style(dim=True))
    )


@given(ROWS, st.sets(st.integers(0, 30)))
def test_a_row_is_divided_as_its_segments_are(row, cuts):
    ends = sorted(cuts | {row.cell_length})
    parts, expected = row.divide(ends), plainly(row).divide(ends)
    assert [part.cell_length for part in parts] == [part.cell_length for part in expected]
    assert [cells(part) for part in parts] == [cells(part) for part in expected]


@pytest.mark.parametrize(
    "filter",
    [ANSIToTruecolor(DEFAULT_TERMINAL_THEME), SixteenColours(), NoColour(lambda: BLACK)],
    ids=lambda one: type(one).__name__,
)
def test_filters_do_to_pictures_what_they_do_to_segments(filter):
    row = Row([Strip([Segment("dim", Style(dim=True, color="red"))]), Pixels(bytes(range(60)))])
    assert cells(row.apply_filter(filter, BLACK)) == cells(plainly(row).apply_filter(filter, BLACK))


def test_cells_hold_the_upper_pixel_before_the_lower():
    (segment,) = Pixels(b"\x01\x02\x03\xff\xfe\xfd" * 3)
    assert segment.text == PIXELS * 3
    assert segment.style == Style(color=Color.from_rgb(1, 2, 3), bgcolor=Color.from_rgb(255, 254, 253))
    assert Pixels(b"\x01\x02\x03\xff\xfe\xfd").render(console()) == f"\x1b[38;2;1;2;3;48;2;255;254;253m{PIXELS}\x1b[0m"


def test_a_picture_takes_no_style_for_each_cell():
    row = Row([Pixels(bytes(index * 7 % 256 for index in range(1200)))])
    row.render(console())
    tracemalloc.start()
    for cut in (row, row.crop(3, 100), *row.divide([10, 150, 200])):
        cut.render(console())
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 20_000, size


@pytest.fixture
def lean(monkeypatch):
    from textual import strip

    monkeypatch.setattr(strip, "FIFOCache", strip.FIFOCache)  # put back afterwards
    keep_lines_small()


def test_a_line_that_was_painted_is_freed_without_the_garbage_collector(lean):
    class Line(Strip):
        """One that can be watched."""

    line = Line([Segment("some words", Style(bold=True))], 10)
    watched = weakref.ref(line)
    gc.disable()
    try:
        assert line.divide([10]) == [line] and [part.text for part in line.divide([4, 10])] == ["some", " words"]
        assert line.crop(2, 6) is line.crop(2, 6), "else answers are kept as before"
        del line
        assert watched() is None
    finally:
        gc.enable()


def test_a_cache_takes_room_when_something_is_kept(lean):
    cache = LeanCache(2)
    cache.clear()
    assert not cache and len(cache) == 0 and cache.get(1) is None and list(cache.keys()) == [] and 1 not in cache
    cache[1], cache[2], cache[3] = "a", "b", "c"
    assert (cache.get(1), cache.get(2), cache.get(3)) == (None, "b", "c")
    cache[4] = ["a list"]
    assert cache.get(4) is None
    cache.clear()
    assert not cache
    assert isinstance(Strip([])._crop_cache, LeanCache)
