"""Formulas in CSV files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.cells import guard, unguard

TEXT = st.text() | st.text(alphabet="'=+-@\t\r\n＝x", max_size=5)


@given(TEXT)
def test_every_text_comes_back(text: str) -> None:
    assert unguard(guard(text)) == text


@given(TEXT)
def test_no_cell_begins_a_formula(text: str) -> None:
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))


@pytest.mark.parametrize("text", ["cat", "cat/=1.png", "'tis", "", " =1", "é"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert guard(text) == unguard(text) == text


def test_files_written_before_there_was_a_guard_are_read_as_they_are() -> None:
    assert unguard("-1.png") == "-1.png"
