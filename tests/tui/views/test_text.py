import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.views import text


@given(st.text(st.characters(), max_size=300), st.integers(1, 250))
def test_plain_is_one_safe_bounded_line(outside: str, limit: int) -> None:
    shown = text.plain(outside, limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in shown)
    shown.encode()
    assert text.plain(shown, limit) == shown


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_plain_leaves_ordinary_text_as_it_is(outside: str) -> None:
    assert text.plain(outside) == outside


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("two\nlines\r\nthree\rfour", "two⏎lines⏎three⏎four"),
        ("evil\u202etxt.exe", "evil<U+202E>txt.exe"),
        ("a\u200bb\u2066c\U000e0041", "a<U+200B>b<U+2066>c<U+E0041>"),
        ("👩\u200d🔬", "👩🔬"),
        ("a\tb\x00c\x7fd\x9be", "a b␀c␡d�e"),
        ("caf\u00e9 Süß 猫", "caf\u00e9 Süß 猫"),
        ("[red]<script>&", "[red]<script>&"),
        ("x" * 300, "x" * 199 + "…"),
        ("\u200d" * 5000 + "end", "end"),
        ("broken \udcff name", "broken � name"),
    ],
)
def test_plain(outside: str, shown: str) -> None:
    assert text.plain(outside) == shown


def test_a_message_goes_on_behind_its_line_ends_and_names_keep_theirs() -> None:
    ours = "1 of 9 images cannot be read:\n  a/0\n.png: not an image\n  b.png: torn\n  … and 3 more"
    assert text.message(ours) == "1 of 9 images cannot be read: a/0⏎.png: not an image; b.png: torn; … and 3 more"
    assert text.message("a\n  b", 3) == "a;…" and text.message("\x1b[2J") == "␛[2J"


@given(st.text(max_size=40), st.integers(0, 30), st.booleans())
def test_fit_fills_exactly_the_cells(outside: str, width: int, right: bool) -> None:
    assert text.cells(text.fit(text.plain(outside), width, right=right)) == width


@given(st.text(max_size=40), st.integers(1, 30))
def test_shortened_keeps_both_ends(outside: str, width: int) -> None:
    shown = text.shortened(text.plain(outside), width)
    assert text.cells(shown) <= width
    assert text.shortened("study-a-deit-transfer", 13) == "study-…ansfer"


@given(st.text(max_size=40), st.integers(1, 30))
def test_tail_keeps_the_end(outside: str, width: int) -> None:
    assert text.cells(text.tail(text.plain(outside), width)) <= width
    assert text.tail("n02085620/n02085620_4441.jpg", 15) == "…85620_4441.jpg" and text.tail("4.jpg", 5) == "4.jpg"
    assert text.tail("猫猫猫", 4) == "…猫"


def test_fit_cuts_wide_characters_whole() -> None:
    assert text.fit("猫猫猫", 4) == "猫… "
    assert text.fit("ab", 4, right=True) == "  ab"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (2.0, "2.0 s"),
        (9.96, "10 s"),
        (59.7, "1m00s"),
        (62, "1m02s"),
        (3599.6, "1h00m"),
        (10_860, "3h01m"),
        (86_399, "1d00h"),
        (187_200, "2d04h"),
        (float("inf"), "-"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("never", [0.0, -1.0, 1e18, float("inf"), float("nan")])
def test_a_moment_that_no_calendar_knows_is_missing(never: float) -> None:
    assert text.moment(never) == text.when(never) == text.MISSING


def test_clock() -> None:
    assert [text.clock(x) for x in (13, 59.6, 3733, None, float("nan"))] == ["0:13", "1:00", "1:02:13", "-", "-"]


def test_when() -> None:
    now = time.mktime((2025, 3, 1, 10, 0, 0, 0, 0, -1))
    at = [(2025, 3, 1, 9, 15), (2025, 2, 28, 23, 59), (2025, 2, 3, 1, 0), (2024, 12, 31, 1, 0)]
    shown = [text.when(time.mktime((*moment, 0, 0, 0, -1)), now) for moment in at]
    assert shown == ["09:15", "yesterday", "Feb 3", "2024-12-31"]
    assert text.when(0.0) == "-"


def test_figures() -> None:
    assert [text.loss(x) for x in (0.37471, 1433.4, 99_999.0, 1e5, 6.9e299)] == [
        "0.3747",
        "1433",
        "99999",
        "1.0e5",
        "6.9e299",
    ]
    assert [text.loss(x) for x in (3.2e-5, 0.0, "nan", "-inf", None)] == ["3.2e-5", "0.0000", "nan", "-inf", "-"]
    assert [text.accuracy(x) for x in (0.9892, 1.0, "nan", None)] == ["0.9892", "1.0000", "nan", "-"]
    assert [text.scientific(x) for x in (1e-3, 3.333e-4, 0.0, 0.1)] == ["1.0e-3", "3.3e-4", "0", "1.0e-1"]
    assert [text.percent(x) for x in (0.374, 0.999, 1.0, 0.001, 0.0, float("nan"))] == [
        "37 %",
        "99 %",
        "100 %",
        "1 %",
        "0 %",
        "-",
    ]
    assert [text.rate(x) for x in (412.3, 4.12, 0.0, 12_345.6)] == ["412", "4.1", "-", "12,346"]


def test_counts_and_sizes() -> None:
    assert text.count(1797) == "1,797"
    assert text.counted(1, "image") == "1 image"
    assert text.counted(3, "class", "classes") == "3 classes"
    assert [text.size(x) for x in (0, 820, 9_949, 14.2e9, 1.44e9, 999_600, 3e12)] == [
        "0 B",
        "820 B",
        "9.9 kB",
        "14 GB",
        "1.4 GB",
        "1.0 MB",
        "3.0 TB",
    ]
    assert [text.millions(x) for x in (61_706, 134_000, 11_200_000, 1_230_000_000)] == [
        "0.062 M",
        "0.1 M",
        "11.2 M",
        "1.2 B",
    ]


@pytest.mark.parametrize(
    ("training", "paused", "queued", "told"),
    [
        (0, 0, 0, ""),
        (1, 0, 2, "1 run training · 2 queued"),
        (4, 2, 1, "4 runs training · 2 paused · 1 queued"),
        (0, 1, 0, "1 run paused"),
        (0, 0, 3, "3 queued"),
    ],
)
def test_what_runs_do_is_counted(training: int, paused: int, queued: int, told: str) -> None:
    assert text.activity(training, paused, queued) == told
