"""The end of worker.log: the last lines of all that is in it, however long they are, without reading all of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.tui import worker_log
from vislab.tui.views.text import plain
from vislab.tui.worker_log import FARTHEST, LIKELY, LONGEST, last_lines

PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"a", b" ", b"\xff", b"\xc3\xa9", b"one line\n", b"10 %\r", b"long " * 9]
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "worker.log"


def bar(states):
    return b"".join(b"\repoch 1: %5d/%d [%s]" % (state, states, b"#" * 50) for state in range(1, states + 1))


@pytest.mark.parametrize("count", [1, 8, 200])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"])
def test_a_long_bar_is_shown_by_its_last_state(log, count, end):
    log.write_bytes(b"before\n" + bar(14_000) + end)
    assert last_lines(log, count)[-1] == last_lines(log)[-1] == f"epoch 1: 14000/14000 [{'#' * 50}]"


def test_a_long_bar_stands_before_what_followed_it(log):
    log.write_bytes(bar(14_000) + b"\nKilled\n")
    assert last_lines(log, 8) == [f"epoch 1: 14000/14000 [{'#' * 50}]", "Killed"]


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("size", [300_000, 1_500_000])
def test_a_very_long_line_is_shown_cut(log, size, end):
    log.write_bytes(b"before\n" + b"begin" + b"x" * size + end)
    for count in (1, 8, 200):
        assert last_lines(log, count)[-1] == "begin" + "x" * (LONGEST - 6) + "…"


def test_a_very_long_line_after_many_ordinary_ones(log):
    with log.open("wb") as file:
        for _ in range(100):
            file.write(b"an ordinary line\n" * 50_000)
        file.write(b"begin" + b"x" * 1_500_000)
    shown = last_lines(log, 200)
    assert shown[:-1] == ["an ordinary line"] * 199 and shown[-1].startswith("beginxxx") and shown[-1].endswith("x…")


def test_of_a_line_that_began_too_far_away_the_end_is_shown_and_no_more_is_read(log, monkeypatch):
    read = []
    whole = worker_log._from

    def counted(file, begin, count):
        found = whole(file, begin, count)
        read.append(file.tell() - begin)
        return found

    monkeypatch.setattr(worker_log, "_from", counted)
    log.write_bytes(b"x" * (FARTHEST + 1_000_000) + b" the end")
    (shown,) = last_lines(log, 8)
    assert shown.startswith("…xxx") and shown.endswith("x the end") and max(read) <= FARTHEST
    read.clear()
    log.write_bytes(b"an ordinary line\n" * 1_000_000)
    assert last_lines(log, 200) == ["an ordinary line"] * 200 and sum(read) == 200 * LIKELY


def test_nothing_is_shown_of_nothing(log):
    assert last_lines(log) == last_lines(log, 8) == []
    log.touch()
    assert last_lines(log) == last_lines(log, 8) == []


@given(st.lists(PIECES, min_size=1).map(b"".join), st.integers(1, 5), st.integers(1, 40))
def test_something_is_shown_and_it_is_the_end_of_all(tmp_path_factory, content, count, likely):
    log = tmp_path_factory.mktemp("log") / "worker.log"
    log.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_log, "LIKELY", likely)
        shown = last_lines(log, count)
        assert 0 < len(shown) <= count and last_lines(log)[-len(shown) :] == shown
        patch.setattr(worker_log, "FARTHEST", 2 * likely)
        assert last_lines(log, count)


def test_colours_and_erasing_are_left_out_and_other_escapes_are_shown(tmp_path):
    log = tmp_path / "worker.log"
    log.write_bytes(b"\x1b[31mred\x1b[0m \x1b[38;5;9mcat\x1b[m\n10%|#\r\x1b[K20%|##\n\x1b]0;title\x07\x1b[2J\n")
    assert last_lines(log) == ["red cat", "20%|##", plain("\x1b]0;title\x07\x1b[2J")]
