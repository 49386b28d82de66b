"""The confusion matrix as a drawing: one cell for every count, words that stay text, colours that stay legible."""

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.tui.html.heat_map import _STRONGEST, NUMBERED, heat_map
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
    counts = [text.text for text in drawing.iter("text") if (text.text or "").isdigit()]
    assert len(counts) == (len(expected) if count <= NUMBERED else 0)


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
    for count in (2, 10, 200):
        classes = [f"c{index}" for index in range(count)]
        widths.append(int(ElementTree.fromstring(heat_map(answered([("c0", "c1")], classes))).attrib["width"]))
    assert widths == sorted(widths) and widths[0] < 150 and widths[1] > 370 and widths[2] < 700
