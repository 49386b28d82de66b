"""The confusion matrix as a drawing: one cell for every count, words that stay text, colours that stay legible."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.tui.html.heat_map import _STRONGEST, COUNTED, heat_map, key
from vislab.tui.html_style import DARK, LIGHT
from vislab.tui.views.results import results

HOSTILE = "<script>alert(1)</script>[red]\x1b[31m\u202e\n" + "x" * 10_000


def answered(pairs, classes):
    return results(Predictions(Prediction(f"{i}.png", a, b, 0.9) for i, (a, b) in enumerate(pairs)), classes)


@given(st.integers(1, 30), st.data())
def test_every_count_has_a_cell(count, data):
    classes = [f"c{index}" for index in range(count)]
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(classes), st.sampled_from(classes)), max_size=60))
    found = answered(pairs, classes)
    drawing = ElementTree.fromstring(heat_map(found))
    titles = [element.text for element in drawing.iter("title")]
    told = [re.fullmatch(r"(\w+) taken for (\w+): (\d+) of (\d+) \(.*\)", title or "") for title in titles]
    expected = {
        (classes[i], classes[j]): (number, sum(row.values()))
        for i, row in enumerate(found.matrix)
        for j, number in row.items()
    }
    assert {(m[1], m[2]): (int(m[3]), int(m[4])) for m in told if m} == expected
    assert all(told) and len(told) == len(expected)
    counts = [text.text for text in drawing.findall("g/text") if (text.text or "").isdigit()]
    assert len(counts) == (len(expected) if count <= COUNTED else 0)


def test_hostile_names_are_text():
    drawing = heat_map(answered([(HOSTILE, "<b>"), ("<b>", "<b>")], [HOSTILE, "<b>"]))
    ElementTree.fromstring(drawing)
    assert "<script" not in drawing and "<b>" not in drawing and "\u202e" not in drawing
    assert len(drawing) < 5000


def test_counts_are_legible_on_the_strongest_cell(contrast):
    def blended(colour, ground):
        channels = [(int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
        return "#" + "".join(f"{round(_STRONGEST * a + (1 - _STRONGEST) * b):02x}" for a, b in channels)

    for palette in (LIGHT, DARK):
        for name in ("c4", "c5"):
            assert contrast(blended(palette[name], palette["bg"]), palette["fg"]) >= 4.5, name


def test_a_drawing_of_few_classes_is_small_and_one_of_many_no_wider_than_a_page():
    long = ["a", "a name that goes beyond"]
    assert int(ElementTree.fromstring(heat_map(answered([("a", "a")], long))).attrib["width"]) > 14 + 98 + 54 + 69
    widths = []
    for count in (2, 10, 30, 200):
        classes = [f"c{index}" for index in range(count)]
        widths.append(int(ElementTree.fromstring(heat_map(answered([("c0", "c1")], classes))).attrib["width"]))
    assert widths == sorted(widths) and widths[0] < 150 and widths[1] > 370 and widths[3] < 960


def labels(count):
    """The words beside the drawing, and those above it, each with its place along the axis."""
    classes = [f"class {index}" for index in range(count)]
    drawing = ElementTree.fromstring(heat_map(answered([("class 0", "class 1")], classes)))
    beside = [(element.text, float(element.attrib["y"])) for element in drawing.findall("text[@text-anchor='end']")]
    above = [
        (element.text, float(element.attrib["x"]))
        for element in drawing.findall("text")
        if element.attrib.get("text-anchor") != "end"
    ]
    return beside, above


@pytest.mark.parametrize("count", [2, 10, 22, 37])
def test_classes_are_named_at_both_axes_while_there_is_room(count):
    beside, above = labels(count)
    assert [name for name, _ in beside] == [name for name, _ in above] == [f"class {index}" for index in range(count)]


@pytest.mark.parametrize(("count", "down", "across"), [(38, 1, 2), (50, 1, 2), (100, 2, 5), (1000, 10, 20)])
def test_many_classes_are_numbered_as_far_as_there_is_room(count, down, across):
    beside, above = labels(count)
    shown = range(0, count, down)
    assert [name for name, _ in beside[0::2]] == [f"class {index}" for index in shown]
    assert [number for number, _ in beside[1::2]] == [str(index) for index in shown]
    assert [number for number, _ in above] == [str(index) for index in range(0, count, across)]
    for places, room in (([y for _, y in beside[0::2]], 12), ([x for _, x in above], 7 * len(str(count - 1)) + 6)):
        assert min(b - a for a, b in pairwise(places)) >= room - 0.2
    assert "numbered" in key(answered([], [f"class {index}" for index in range(count)]))


def test_the_key_tells_of_no_numbers_where_there_are_none():
    assert "numbered" not in key(answered([("a", "b")], ["a", "b"]))
