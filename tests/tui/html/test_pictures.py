"""Pictures as data inside a page."""

import base64
import io
import random
import re
import subprocess
import sys

from PIL import Image

from vislab.tui.html.pictures import grid, pairs, png
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


def test_a_picture_has_all_its_pixels():
    noise = random.Random(0).randbytes(3 * 31 * 17)
    ramp = bytes((x + y) % 256 for y in range(17) for x in range(93))
    for rgb in (noise, ramp, bytes(3 * 31 * 17)):
        picture = Image.open(io.BytesIO(png(Shown(31, 17, rgb, ()))))
        assert (picture.mode, picture.size, picture.tobytes()) == ("RGB", (31, 17), rgb)


def test_pictures_are_written_without_pillow():
    check = "import sys; from vislab.tui.html.pictures import png; from vislab.tui.looks import Shown;"
    check += "png(Shown(1, 1, bytes(3), ())); assert 'PIL' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
