"""Sequences that keep nothing: of a long page only what is asked for is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.made import Made, joined


def test_an_item_is_made_when_it_is_asked_for():
    asked = []
    found = Made(1_000_000, lambda index: asked.append(index) or index * 2)
    assert len(found) == 1_000_000 and found[3] == 6 and found[-1] == 1_999_998 and found[5:7] == [10, 12]
    assert asked == [3, 999_999, 5, 6]
    with pytest.raises(IndexError):
        found[1_000_000]


@given(st.lists(st.lists(st.integers())))
def test_sequences_joined_are_those_one_after_the_other(parts):
    whole = [item for part in parts for item in part]
    assert list(joined(parts)) == whole and list(joined([Made(len(p), p.__getitem__) for p in parts])) == whole
    assert [joined(parts)[i] for i in range(-len(whole), 0)] == whole
