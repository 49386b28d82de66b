"""Pictures in half blocks."""

import io
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from vislab.tui.looks import Shown
from vislab.tui.widgets.lines import painted
from vislab.tui.widgets.pictures import GAP, beside, picture

CONSOLE = Console(file=io.StringIO(), color_system="truecolor", width=300)


def cells(line):
    """Each cell of a line: character, colour, background."""
    found = []
    for segment in painted(line, CONSOLE, Style.null()):
        style = segment.style
        triplets = [each and tuple(each.triplet) for each in (style and style.color, style and style.bgcolor)]
        found += [(character, *triplets) for character in segment.text]
    return found


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_a_picture_holds_every_pixel_in_the_middle_of_its_square(width, height, data):
    pixel = st.sampled_from([(0, 0, 0), (255, 255, 255), (1, 2, 3)])
    pixels = data.draw(st.lists(pixel, min_size=width * height, max_size=width * height))
    lines = picture(Shown(width, height, bytes(v for p in pixels for v in p), ()), 6)
    assert len(lines) == 3 and all(line.cell_len == len(line.plain) == 6 for line in lines)
    above, left = (3 - (height + 1) // 2) // 2, (6 - width) // 2
    for y, line in enumerate(lines):
        for x, found in enumerate(cells(line)):
            row, column = 2 * (y - above), x - left
            if 0 <= row < height and 0 <= column < width:
                lower = min(row + 1, height - 1)
                expected = (*pixels[row * width + column], *pixels[lower * width + column])
                shown = (*found[1], *found[2])
                assert found[0] == "▀" and all(abs(a - b) <= 2 for a, b in zip(shown, expected, strict=True))
                assert all(a == b for a, b in zip(shown, expected, strict=True) if b in (0, 255))
            else:
                assert found[0] == " " and not found[1] and not found[2]
        assert "".join(character for character, *_ in cells(line)) == line.plain


def test_pictures_beside_each_other_keep_their_styles_and_are_told_apart():
    red = picture(Shown(2, 2, b"\xff\0\0" * 4, ()), 2)
    blue = picture(Shown(2, 2, b"\0\0\xff" * 4, ()), 2)
    words = [Text("a dim word", "dim")]
    (line,) = beside([red, words, blue])
    assert line.plain == "▀▀" + " " * GAP + "a dim word" + " " * GAP + "▀▀" and line.cell_len == len(cells(line))
    assert [found[1] for found in cells(line)[:2] + cells(line)[-2:]] == [(255, 0, 0)] * 2 + [(0, 0, 255)] * 2
    strip = painted(line, CONSOLE, Style.null())
    assert any(segment.style and segment.style.dim for segment in strip if "dim" in segment.text)
    assert line != beside([red, [Text("a dim word", "bold")], blue])[0], "another colour of a caption is painted"
    assert line == beside([red, words, blue])[0] and line != beside([blue, words, red])[0]
    assert red == picture(Shown(2, 2, b"\xff\0\0" * 4, ()), 2) and red != blue and red[0] != Text("▀▀")
    assert Segment.get_line_length(list(strip)) == strip.cell_length == line.cell_len


def test_a_page_of_pictures_takes_little_memory():
    shown = Shown(32, 32, bytes(range(256)) * 12, ())
    tracemalloc.start()
    page = [line for _ in range(3) for line in beside([picture(shown, 32)] * 5)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(page) == 48 and size < 20 * 160 * 48, size
