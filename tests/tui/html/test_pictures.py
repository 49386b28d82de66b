"""Pictures as data inside a page."""

import base64
import io
import re

from PIL import Image

from vislab.tui.html.pictures import grid, pairs
from vislab.tui.looks import Shown

RED = Shown(2, 1, bytes([255, 0, 0, 0, 0, 255]), ("<cat>", "✖ dog 90 %"), False)


def test_a_picture_is_a_png_with_its_words():
    page = grid([RED])
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (2, 1) and list(picture.get_flattened_data()) == [(255, 0, 0), (0, 0, 255)]
    assert '<span class="wrong">✖ dog 90&nbsp;%</span>' in page
    assert "&lt;cat&gt;" in page and "<cat>" not in page


def test_without_a_picture_the_words_say_why():
    page = grid([Shown(0, 0, b"", ("truncated", "cat"), None)])
    assert "<img" not in page and "truncated" in page


def test_a_pair_has_the_words_of_the_second():
    page = pairs([(Shown(1, 1, b"\0\0\0", ()), RED)])
    assert page.count("<img") == 2 and page.count("✖ dog") == 2  # as words, and for those who do not see it
