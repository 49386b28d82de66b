from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.tags import changed_tags, tags_of


def test_tags_are_divided_by_commas_alone():
    assert tags_of("a, b  c,,a") == ("a", "b c") and tags_of(" ") == ()


def test_words_are_added_and_those_behind_a_minus_removed():
    assert changed_tags(("a", "b"), ("c", "-a", "b")) == ("b", "c")


@given(st.lists(st.text("abc", min_size=1), unique=True), st.lists(st.text("abc", min_size=1), unique=True))
def test_adding_and_removing_the_same_leaves_the_rest(tags, words):
    added = changed_tags(tags, words)
    assert set(added) == {*tags, *words} and len(added) == len(set(added))
    assert set(changed_tags(added, [f"-{word}" for word in words])) == set(tags) - set(words)
