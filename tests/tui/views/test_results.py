import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.engine.runs.events import TestFigures
from vislab.engine.runs.state import fold
from vislab.tui.views import results as views
from vislab.tui.views.text import cells

HOSTILE = "[red]\x1b[2J<b>名" * 20


def made(pairs, classes=(), name="image {}"):
    rows = (Prediction(name.format(i), a, b, 0.9 - i / 1000) for i, (a, b) in enumerate(pairs))
    return views.results(Predictions(rows), classes)


def words(lines):
    return ["".join(piece.words for piece in line) for line in lines]


def test_figures_in_one_line_and_by_class():
    found = made([("a", "a")] * 8 + [("b", "a"), ("b", "b")], ("a", "b", "never"))
    words = "accuracy 0.9000 [0.60, 0.98] on 10 images, 1 wrong, macro F1 0.8039"
    assert views.headline(found, fold([])) == words
    lines = views.class_lines(found, 80)
    assert lines[1].split() == ["a", "0.8889", "1.0000", "0.9412", "8", "9"]
    assert lines[3].split() == ["never", "-", "-", "-", "0", "0"]
    long = made([("x" * 200, "x" * 200)], ("x" * 200,))
    assert len(views.class_table(long)[1][0][0]) == 60 and views.class_table(long, 1000)[1][0][0] == "x" * 200


def test_the_headline_tells_on_which_images(history):
    found = made([("a", "a")] * 9 + [("b", "a")])

    def headline(role, **more):
        figures = TestFigures(
            role=role, images=10, loss=0.3, accuracy=0.9, top5=1, macro_f1=0.5, weights="raw", epoch=1
        )
        return views.headline(found, fold(history([1.0], val_loss=[1.0], test=figures, **more)))

    selected = "; the best epoch was selected on them"
    assert "on 10 test images, 1 wrong" in headline("test") and selected not in headline("test")
    assert "on 10 validation images" in headline("validation") and headline("validation").endswith(selected)
    assert "on 10 test images" in headline("test", selected_on_test=True)
    assert headline("test", selected_on_test=True).endswith(selected)


def test_shorter_headlines_still_tell_on_which_images(history):
    found = made([("a", "a")] * 9 + [("b", "a")])
    figures = TestFigures(
        role="validation", images=10, loss=0.3, accuracy=0.9, top5=1, macro_f1=0.5, weights="raw", epoch=1
    )
    whole, *shorter = views.headlines(found, fold(history([1.0], val_loss=[1.0], test=figures)))
    assert whole.endswith("; the best epoch was selected on them")
    assert all(words.endswith("on 10 validation images, selected on them") for words in shorter)
    assert shorter[0].startswith("accuracy 0.9000 [0.60, 0.98] on") and cells(shorter[0]) <= 77
    assert [cells(words) for words in (whole, *shorter)] == sorted(map(cells, (whole, *shorter)), reverse=True)
    assert views.headlines(found, fold([]))[-1] == "0.9000 on 10 images"


def test_the_heat_map_has_a_number_and_a_shade_for_every_count():
    found = made([("a", "a")] * 3 + [("a", "b")] + [("b", "b")] * 4, ("a", "b"))
    lines = views.heat_map(found, 40)
    assert words(lines)[1].split() == ["true", "a", "b"]
    assert words(lines)[2].split() == ["a", "▓", "3", "░", "1"]
    assert words(lines)[3].split() == ["b", "·", "█", "4"]
    assert [(piece.share, piece.right) for piece in lines[2][1:]] == [(0.75, True), (0.25, False)]


def test_long_names_head_the_columns_by_number():
    found = made([("elephant", "elephant"), ("hippopotamus", "elephant")], ("elephant", "hippopotamus"))
    lines = words(views.heat_map(found, 40))
    assert lines[1].split() == ["true", "0", "1"] and lines[2].startswith("0 elephant ")


@given(st.integers(1, 40), st.integers(10, 120))
def test_the_heat_map_fits_or_is_not_there(classes, width):
    names = [f"{HOSTILE}{i}" for i in range(classes)]
    found = made([(name, names[0]) for name in names] * 3, names)
    lines = views.heat_map(found, width)
    assert all(cells(line) <= width and "\x1b" not in line for line in words(lines))
    assert not lines or len(lines) == classes + 2


def test_of_many_classes_nothing_is_made_that_cannot_be_shown(monkeypatch):
    found = made([(str(i), str(i // 2)) for i in range(50)])
    for name in ("plain", "most_confused"):
        monkeypatch.setattr(views, name, None)
    assert views.heat_map(found, 199) == []
    monkeypatch.setattr(views, "plain", lambda words, limit: words)
    assert len(views.confused_rows(found, 9)) == 9


def test_a_heat_map_of_nothing_is_empty():
    assert views.heat_map(made([]), 80) == [] and "on 0 images" in views.headline(made([]), fold([]))


def test_confusions_and_mistakes():
    found = made([("a", "b")] * 3 + [("b", "a")] + [("b", "b")] * 9)
    assert views.confused_lines(found, 80, 1)[1].split() == ["a", "taken", "for", "b", "3", "of", "3", "100", "%"]
    assert len(views.confused_lines(found, 80, 9)) == 3
    lines = views.worst_lines(found, 80, 2)
    assert len(lines) == 3 and lines[1].split() == ["image", "0", "a", "b", "90", "%"]
    deep = made([("golden_retriever", "labrador")] * 2, name="golden_retriever/of many words and {}.jpg")
    first, second = views.worst_lines(deep, 50, 2)[1:]
    assert first.startswith("…") and " 0.jpg " in first and " 1.jpg " in second, "which image, though it is narrow"
    good = made([("a", "a")])
    assert views.confused_lines(good, 80, 9) == ["No class is taken for another."]
    assert views.worst_lines(good, 80, 9) == ["Every image is judged right."]


def test_the_grid_begins_with_the_surest_mistakes():
    found = made([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")])
    assert [row.name[-1] for row in views.pictured(found, only_wrong=True)] == ["1", "2"]
    assert [row.name[-1] for row in views.pictured(found, only_wrong=False)] == ["1", "2", "0", "3"]


@pytest.mark.parametrize("width", [4, 12, 16, 24])
def test_captions_fit_and_are_safe(width):
    for row in (Prediction("x", HOSTILE, "b", 0.5), Prediction("x", "b", "b", float("nan"))):
        true, predicted = views.caption(row, width)
        assert cells(true) == cells(predicted) == width and "\x1b" not in true + predicted
        assert predicted[0] == ("✔" if row.right else "✖")


@pytest.mark.parametrize("width", [60, 80])
def test_tables_tell_names_with_one_beginning_apart(width):
    first, second = (f"class with one beginning {'of many words ' * 9}{number}" for number in (1, 2))
    found = made([(first, second)] * 2 + [(second, first)])
    for lines in (views.class_lines(found, width), views.confused_lines(found, width, 9)):
        assert [line.split("  ")[0][-7:] for line in lines[1:]] == ["words 1", "words 2"]
    for line in views.confused_lines(found, width, 9)[1:] + views.worst_lines(found, width, 9)[1:]:
        assert "words 1" in line and "words 2" in line
    rows = ["".join(cell.words for cell in row) for row in views.heat_map(found, width)[2:]]
    assert ["words 1 " in row for row in rows] == [True, False] and ["words 2 " in row for row in rows] == [False, True]


def test_captions_tell_names_with_one_beginning_apart():
    def told(end, width=12):
        name = f"class with one beginning {'of many words ' * 9}{end}"
        return views.caption(Prediction("x", name, name + "0", 0.11), width)

    assert told("7") == ("class…ords 7", "✖ cl…70 11 %")
    assert len({told(str(number)) for number in range(20)}) == 20


@given(st.integers(1, 9), st.integers(1, 9))
def test_half_blocks_hold_every_pixel(width, height):
    pixels = bytes(index % 256 for index in range(width * height * 3))
    rows = views.half_blocks(pixels, width, height)
    assert len(rows) == -(-height // 2) and all(len(row) == 6 * width for row in rows)
    for y in range(height):
        for x in range(width):
            start = 3 * (y * width + x)
            cell = 6 * x + 3 * (y % 2)
            assert rows[y // 2][cell : cell + 3] == pixels[start : start + 3]
            if y == height - 1 and height % 2:
                assert rows[-1][cell + 3 : cell + 6] == pixels[start : start + 3]


def test_a_roll_out_is_not_said_to_explain_a_class():
    assert views.heat_words("Grad-CAM") == "Grad-CAM for the predicted class: the brighter, the more"
    assert views.heat_words("attention roll-out") == "attention roll-out, whatever the class: the brighter, the more"
